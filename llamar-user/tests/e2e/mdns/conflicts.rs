//! Other hosts have, want or forge our names.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use llamar_common::testing::A;

use super::{CONFIG, announced, claim, defend, start};
use crate::support::agent::{Agent, ConfigFile, TRIES, config_file, instance};
use crate::support::avahi::Avahi;
use crate::support::lan::{Lan, local_v6, v4, v6};
use crate::support::mdns::{Heard, PTR, Record, Somebody, Speech, Told};
use crate::support::mdns_sd::MdnsSd;
use crate::support::resolvectl::MdnsResolved;
use crate::support::wait_until;

/// Whether a message comes from a host.
fn is_from(heard: &Heard, number: u8) -> bool {
    let ip = heard.source.ip();
    ip == v4(number) || ip == v6(number) || ip == local_v6(number)
}

/// Whether a message says that its sender has a name.
fn has(heard: &Heard, name: &str) -> bool {
    let has = |told: &Told| told.name == name && told.ttl > 0;
    heard.is_response() && heard.records().any(has)
}

/// Whether a message is a probe for our name over IPv4.
fn is_probe(heard: &Heard) -> bool {
    heard.probes("casa.local") && heard.source.is_ipv4()
}

/// Starts an agent to whose first probe something is said before it has the name; it, and what was heard right after
/// that. If this test was kept waiting so long that the agent has the name by then, another agent is started.
#[track_caller]
fn met_while_probing<'a>(
    lan: &'a Lan,
    somebody: &Somebody,
    config: &ConfigFile,
    speech: &Speech,
) -> (Agent<'a>, Vec<Heard>) {
    for _ in 0..TRIES {
        let agent = Agent::spawn(lan.host(1), &["--config", &config.path]);
        somebody.hear("a probe", |heard| is_probe(&heard).then_some(()));
        somebody.say(v4(2), speech);
        let heard = somebody.heard();
        if !heard.iter().any(|heard| has(heard, "casa.local")) {
            return (agent, heard);
        }
        agent.terminate();
        somebody.heard();
    }
    panic!("this test was kept waiting {TRIES} times");
}

/// A name, the number of the host that has it, and that of the one that wants it too.
type Contest = (&'static str, u8, u8);

/// Whether who has a name told us so before we took it, or the other, if that is not us, did not take it at all.
fn is_fair(heard: &[Heard], (name, holder, other): Contest) -> bool {
    let is_claim = |heard: &&Heard| is_from(heard, other) && heard.probes(name);
    let mut told = heard.iter().filter(|heard| has(heard, name));
    if other != 1 {
        return !told.any(|heard| is_from(heard, other));
    }
    let mut since = heard.iter().skip_while(|heard| !is_claim(heard));
    let first = since.find(|heard| has(heard, name));
    first.is_none_or(|heard| is_from(heard, holder))
}

/// Does something in which names are wanted by two; again if it failed and one of both was kept waiting for so long
/// that the other's words came to nothing.
fn contested(witness: &Somebody, contests: &[Contest], mut act: impl FnMut()) {
    let mut tries = 1..TRIES;
    loop {
        witness.heard();
        let Err(panic) = catch_unwind(AssertUnwindSafe(&mut act)) else {
            return;
        };
        let heard = witness.heard();
        let is_fair = |contest: &Contest| is_fair(&heard, *contest);
        if contests.iter().all(is_fair) || tries.next().is_none() {
            resume_unwind(panic);
        }
    }
}

/// The names that were probed for up to, and with, a message that is waited for.
#[track_caller]
fn probed_until(somebody: &Somebody, what: &str, end: impl Fn(&Heard) -> bool) -> Vec<String> {
    let mut names = Vec::new();
    somebody.hear(what, |heard| {
        if !heard.is_response() {
            let owners = heard.authority.iter().map(|told| told.name.clone());
            names.extend(owners);
        }
        end(&heard).then_some(())
    });
    names.sort();
    names.dedup();
    names
}

// RFC 6762 8.1, 9: A25, A48; RFC 6763 appendix D: B10
#[test]
fn a_name_that_is_taken_is_changed_for_good_and_the_culprit_is_named() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let config = config_file(CONFIG);
    let state = tempfile::tempdir().expect("make a folder");
    let folder = state.path().to_string_lossy().into_owned();
    let (instance, arguments) = (
        instance(),
        ["--config", &config.path, "--state-dir", &folder],
    );
    let mut agent = Agent::spawn_as(lan.host(1), &instance, &arguments);
    defend(&somebody, "casa.local", "casa-2.local A 120 flush 10.7.0.1");
    somebody.say(v4(2), &Speech::asking("_http._tcp.local", PTR));
    somebody.hear("the service's host", |heard| {
        heard
            .records()
            .any(|told| told.data == "0 0 80 casa-2.local")
            .then_some(())
    });
    agent.wait_for_words(&[
        "casa.local",
        "casa-2.local",
        "10.7.0.2",
        "02:00:00:00:00:02",
    ]);
    agent.terminate();
    somebody.heard();

    // RFC 6762 9: the new name is kept, so that it is not the old one that is tried first.
    let _agent = Agent::spawn_as(lan.host(1), &instance, &arguments);
    let probed = probed_until(&somebody, "the kept name's announcement", |heard| {
        heard.tells("casa-2.local A 120 flush 10.7.0.1")
    });
    assert!(probed.contains(&"casa-2.local".to_owned()), "{probed:?}");
    assert!(!probed.contains(&"casa.local".to_owned()), "{probed:?}");
}

// RFC 6762 5, 9: A28, A41, A48
#[test]
fn a_claim_to_a_name_in_use_makes_us_probe_and_lose_it_only_to_who_defends_it() {
    let lan = or_skip!(Lan::new(2));
    let (mut agent, somebody) = announced(&lan);
    // Nobody defends it: it stays ours.
    somebody.say(v4(2), &claim("casa.local"));
    somebody.hear("a probe", |heard| heard.probes("casa.local").then_some(()));
    somebody.hear_record("casa.local A 120 flush 10.7.0.1");
    let said = agent.said();
    assert!(!said.contains("casa-2"), "{said}");

    somebody.say(v4(2), &claim("casa.local"));
    defend(&somebody, "casa.local", "casa-2.local A 120 flush 10.7.0.1");
    agent.wait_for_words(&["casa-2.local", "02:00:00:00:00:02"]);
    // RFC 6762 9: the loser ceases to use the name.
    somebody.say(v4(2), &Speech::asking("casa.local", A));
    somebody.say(v4(2), &Speech::asking("casa-2.local", A));
    somebody.hear("an answer for the new name alone", |heard| {
        assert!(!heard.tells("casa.local A 120 flush 10.7.0.1"), "{heard}");
        heard
            .tells("casa-2.local A 120 flush 10.7.0.1")
            .then_some(())
    });
}

// RFC 6762 2, 9: A25, A28
#[test]
fn a_name_is_kept_or_withdrawn_where_that_is_the_policy() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let config = |policy: &str| {
        config_file(&format!(
            "mdns-on-conflict = \"{policy}\"\nmdns = true\n{CONFIG}"
        ))
    };
    let claim = claim("casa.local");
    let (mut agent, _) = met_while_probing(&lan, &somebody, &config("keep"), &claim);
    somebody.hear_record("casa.local A 120 flush 10.7.0.1");
    agent.wait_for_words(&["casa.local", "02:00:00:00:00:02"]);
    agent.terminate();
    somebody.heard();

    let (mut agent, _) = met_while_probing(&lan, &somebody, &config("withdraw"), &claim);
    // The other name is announced, and this one is not, under whatever number.
    somebody.hear("the other name's announcement", |heard| {
        let own = heard
            .records()
            .any(|told| told.name.starts_with("casa") && told.ttl > 0);
        assert!(!(heard.is_response() && own), "{heard}");
        heard
            .tells("ñandú.local A 120 flush 10.7.0.1")
            .then_some(())
    });
    agent.wait_for_words(&["casa.local", "02:00:00:00:00:02"]);
}

// RFC 6762 8.2: A26
#[test]
fn of_two_that_probe_at_once_the_later_in_order_has_the_name() {
    let lan = or_skip!(Lan::new(2));
    let somebody = Somebody::new(lan.host(2), "eth0");
    let config = config_file(CONFIG);
    let probing =
        |address: [u8; 4]| Speech::probing("casa.local", &[Record::address("casa.local", address)]);
    // Type A is the first in order on both sides; what decides is the address.
    let (_agent, _) = met_while_probing(&lan, &somebody, &config, &probing([10, 6, 0, 1]));
    let probed = probed_until(&somebody, "the announcement", |heard| {
        heard.tells("casa.local A 120 flush 10.7.0.1")
    });
    assert!(!probed.contains(&"casa-2.local".to_owned()), "{probed:?}");
    drop(_agent);
    somebody.heard();

    let (_agent, heard) = met_while_probing(&lan, &somebody, &config, &probing([10, 8, 0, 1]));
    // The loser waits a second and probes again; nobody has the name then, and it is the loser's.
    let mut probes = heard.iter().filter(|heard| is_probe(heard)).count();
    somebody.hear("the announcement after another three probes", |heard| {
        probes += usize::from(is_probe(&heard));
        heard.tells("casa.local A 120 flush 10.7.0.1").then_some(())
    });
    assert!(probes >= 3, "{probes} probes over IPv4 after the tie");
}

// RFC 6762 8.1, 9: A25, A43, A48
#[test]
fn who_comes_second_takes_another_name_be_it_avahi_or_we() {
    let lan = or_skip!(Lan::new(2));
    let witness = Somebody::witness(lan.host(1), "eth0");
    contested(&witness, &[("casa.local", 1, 2)], || {
        let (agent, _) = announced(&lan);
        let mut avahi = or_skip!(Avahi::start(lan.host(2), "casa"));
        avahi.wait_for_words(&["conflict", "casa-2"]);
        wait_until("avahi's new name", || {
            avahi.try_resolve("casa-2.local", 4) == Some(v4(2).into())
        });
        assert_eq!(avahi.resolve("casa.local", 4), v4(1));
        assert!(!agent.said().contains("casa-2"), "{}", agent.said());
    });
    let service = "Web on casa._http._tcp.local";
    contested(&witness, &[("casa.local", 2, 1), (service, 2, 1)], || {
        let avahi = or_skip!(Avahi::start(lan.host(2), "casa"));
        let _web = avahi.publish("Web on casa", "_http._tcp", 8080, &[]);
        let mut agent = start(lan.host(1), &config_file(CONFIG), &[]);
        agent.wait_for_words(&["casa.local", "casa-2.local", "02:00:00:00:00:02"]);
        assert_eq!(avahi.resolve("casa-2.local", 4), v4(1));
        assert_eq!(avahi.resolve("casa.local", 4), v4(2));
        let mut browse = avahi.browse("_http._tcp");
        let line = browse.wait_for("our service under another name", |line| {
            line.event == "=" && line.host == "casa-2.local"
        });
        assert_ne!(line.name, "Web on casa");
        assert!(!avahi.said().contains("conflict"), "{}", avahi.said());
    });
}

// RFC 6762 8.1, 9: A25, A43, A48; RFC 6763 appendix D: B10
#[test]
fn who_comes_second_takes_another_name_be_it_resolved_mdns_sd_or_we() {
    let lan = or_skip!(Lan::new(3));
    let witness = Somebody::witness(lan.host(1), "eth0");
    let service = "Web on casa._http._tcp.local";
    contested(&witness, &[("casa.local", 1, 2), (service, 1, 3)], || {
        let (agent, _) = announced(&lan);
        let mdns_sd = MdnsSd::start(lan.host(3));
        mdns_sd.register(
            "_http._tcp.local.",
            "Web on casa",
            "crate.local.",
            8080,
            &[],
        );
        assert_eq!(
            mdns_sd.renamed("Web on casa._http._tcp.local."),
            "Web on casa (2)._http._tcp.local."
        );
        let mut resolved = or_skip!(MdnsResolved::start(lan.host(2), "casa", &[]));
        resolved.process().wait_for_words(&["onflict"]);
        wait_until("systemd-resolved to find our name", || {
            let found = resolved.try_resolve("casa.local", 2);
            found.is_some_and(|found| found.addresses == [v4(1)])
        });
        let said = agent.said();
        assert!(!said.contains("casa-2") && !said.contains("(2)"), "{said}");
    });
    contested(
        &witness,
        &[("casa.local", 2, 1), ("nas.local", 3, 1)],
        || {
            let resolved = or_skip!(MdnsResolved::start(lan.host(2), "casa", &[]));
            let mdns_sd = MdnsSd::start(lan.host(3));
            mdns_sd.register(
                "_http._tcp.local.",
                "Web on casa-2",
                "nas.local.",
                8080,
                &[],
            );
            mdns_sd.announced("Web on casa-2");
            let somebody = Somebody::new(lan.host(1), "eth0");
            wait_until("systemd-resolved to have its name", || {
                somebody.say(v4(1), &Speech::asking("casa.local", A));
                std::thread::sleep(Duration::from_millis(100));
                let heard = somebody.heard();
                heard
                    .iter()
                    .any(|heard| heard.records().any(|told| told.data == "10.7.0.2"))
            });
            let mut agent = start(lan.host(1), &config_file(CONFIG), &[]);
            agent.wait_for_words(&["casa-2.local", "02:00:00:00:00:02"]);
            agent.wait_for_words(&["nas-2.local", "02:00:00:00:00:03"]);
            let found = resolved.resolve("casa-2.local", 10);
            assert!(found.addresses.contains(&v6(1).into()), "{found:?}");
        },
    );
}
