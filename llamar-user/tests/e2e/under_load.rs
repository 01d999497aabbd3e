//! Plain queries are answered by threads of their own: who keeps asking is answered whatever the agent does meanwhile, and by
//! what holds now.

use std::fs;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use llamar_common::testing::{A, FrameBuilder, Query};
use nix::sys::signal::Signal;

use crate::lifecycle::{query_on_second, second_link};
use crate::support::agent::{Agent, config_file};
use crate::support::reply::Reply;
use crate::support::scene::{HOST_LOCAL_V4, HOST_V4, PEER_LOCAL_V4, PEER_V6, Path, Scene, asker};
use crate::support::wait_until;

/// Changes of one test.
const CHANGES: u16 = 20;
/// Ids of the queries that are asked all the while; those of others are above.
const IDS: u16 = 0x4000;

fn query(name: &str, id: u16) -> Query {
    FrameBuilder::llmnr(asker(PEER_LOCAL_V4))
        .question(name, A)
        .id(IDS | id)
}

/// Does something while `casa` is asked for over both families, one question after the other. Each is answered; how many.
fn while_asked<T>(scene: &Scene, work: impl FnOnce() -> T) -> (T, usize) {
    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ask = || {
        let wire = scene.wire();
        // It sees what others ask and are told as well, also while this thread does not run.
        wire.hold(16 << 20);
        let askers = [asker(PEER_LOCAL_V4), asker(PEER_V6)];
        let mut count = 0;
        while !ended.load(Ordering::Relaxed) {
            let query = FrameBuilder::llmnr(askers[count % 2]).question("casa", A);
            wire.ask(&query.id(count as u16 % IDS).port(20_000));
            count += 1;
            answered.store(count, Ordering::Relaxed);
        }
        count
    };
    std::thread::scope(|scope| {
        let asking = scope.spawn(ask);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until("the first answers", || answered.load(Ordering::Relaxed) > 2);
            work()
        }));
        ended.store(true, Ordering::Relaxed);
        let count = asking.join().expect("the asker");
        let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (done, count)
    })
}

#[test]
fn no_query_is_lost_while_names_come_and_go_and_none_is_answered_for_that_has_gone() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let config = config_file("names = [\"casa\"]\nlimit = \"off\"\nhosts-file = \"hosts\"\n");
    let file = std::path::Path::new(&config.path).with_file_name("hosts");
    let name = |change: u16| format!("name-{change}");
    let write = |change| fs::write(&file, format!("192.168.1.1 {}\n", name(change)));
    write(0).expect("write a hosts file");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_until_verified();
    let ((), asked) = while_asked(&scene, || {
        for change in 1..=CHANGES {
            let said = agent.said().len();
            write(change).expect("write a hosts file");
            agent.signal(Signal::SIGHUP);
            agent.wait_for_words_after(said, &["configuration read again"]);
            // Answers whoever asks for the names only after the change was made.
            agent.printed(&["names"]);
            let (gone, there) = (query(&name(change - 1), 1), query(&name(change), 2));
            let ids = [gone.sent_id(), there.sent_id()];
            // On it nothing has come yet of what others are told.
            let wire = scene.wire();
            wire.send(&gone.build());
            wire.send(&there.build());
            let id = wire.next(|frame| {
                let id = Reply::decode(frame)?.message.id;
                ids.contains(&id).then_some(id)
            });
            assert_eq!(id, Some(there.sent_id()), "after {change} changes");
        }
    });
    assert!(asked > usize::from(CHANGES), "{asked}");
}

#[test]
fn answers_follow_addresses_and_interfaces_that_come_and_go_while_others_ask() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let config = config_file(
        "names = [\"casa\"]\nlimit = \"off\"\nxdp = \"off\"\n[interface.eth0]\n[interface.eth1]\n[hosts]\n",
    );
    let mut agent = Agent::spawn(&scene.host, &["--wait", "--config", &config.path]);
    agent.wait_for_words(&["eth0: ready"]);
    agent.wait_until_verified();
    let told = |id| scene.wire().ask(&query("casa", id)).message.addresses();
    let ((), asked) = while_asked(&scene, || {
        for change in 0..5 {
            scene.host.ip(&format!("address del {HOST_V4}/24 dev eth0"));
            let left = [IpAddr::from(HOST_LOCAL_V4)];
            wait_until("the address to be gone", || told(change) == left);
            assert_eq!(told(change), left);
            let second = second_link(&scene, "eth1");
            agent.wait_until_verified();
            wait_until("an answer on the second link", || {
                second.send(&query_on_second("casa").build());
                let reply = second.drain().into_iter();
                let reply = reply.filter_map(|frame| Reply::decode(&frame));
                reply.count() > 0
            });
            scene.host.ip("link del eth1");
            scene.host.ip(&format!("address add {HOST_V4}/24 dev eth0"));
            wait_until("the address to be back", || told(change).len() == 2);
        }
    });
    assert!(asked > 100, "{asked}");
}

#[test]
fn an_agent_that_is_asked_all_the_while_ends_when_it_is_told_to() {
    let scene = or_skip!(Scene::new(Path::Userspace));
    let start = || {
        let agent = Agent::start(&scene.host, &scene.arguments(&["--name", "casa"]));
        agent.wait_until_verified();
        agent
    };
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let wire = scene.wire();
            let mut id = 0;
            while !ended.load(Ordering::Relaxed) {
                for from in [asker(PEER_LOCAL_V4), asker(PEER_V6)] {
                    id = (id + 1) % IDS;
                    wire.offer(&FrameBuilder::llmnr(from).question("casa", A).id(id).build());
                }
                if id % 64 == 0 {
                    wire.drain();
                }
            }
        });
        let done = std::panic::catch_unwind(|| {
            for _ in 0..3 {
                // Its port is free again at once.
                let (status, said) = start().terminate();
                assert!(status.success(), "{status}: {said}");
            }
        });
        ended.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
