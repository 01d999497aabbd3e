//! Entries rewritten under full load: while queries come in as fast as one can send them, names change their addresses,
//! come and go. Each answer is a whole one: of the entry as it was or as it is, never a mix, and never of a name that has
//! been gone for a while.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use llamar_common::testing::{A, AAAA, FrameBuilder, Query};
use nix::sys::signal::Signal;

use crate::floods;
use crate::support::agent::{Agent, config_file};
use crate::support::reply::Reply;
use crate::support::scene::{PEER_V4, PEER_V6, Path, Scene, asker};
use crate::support::wire::Wire;

/// Changes of everything, and how long each is left alone at least.
const CHANGES: u8 = 8;
const REST: Duration = Duration::from_millis(400);
/// How long after the agent has made a change an answer may be of what was before: at most 100 ms by design, and more on
/// a machine that runs many tests at a time.
const WINDOW: Duration = Duration::from_millis(500);
/// Queries before the asker looks what has changed, most that it sends at once after each change, and the first of its
/// ports.
const BATCH: usize = 32;
const QUERIES_MAX: usize = 100_000;
const PORT: u16 = 20_000;
/// How long it rests between batches when it has sent so many: whoever missed their answers still hears some.
const PAUSE: Duration = Duration::from_millis(20);

/// A name under test.
#[derive(Clone, Copy, Debug)]
struct Subject {
    name: &'static str,
    /// How many addresses of each family it has, at most.
    most: u8,
    /// Whether it is gone every other time.
    comes_and_goes: bool,
}

const fn subject(name: &'static str, most: u8, comes_and_goes: bool) -> Subject {
    Subject {
        name,
        most,
        comes_and_goes,
    }
}

/// Names that the index holds with their addresses, that it knows only by name, and that are too long for it.
const SUBJECTS: [Subject; 10] = [
    subject("a", 1, false),
    subject("eightlet", 1, false),
    subject("fifteen-letters", 1, false),
    subject("guest", 1, true),
    subject("several", 4, false),
    subject("visitors", 3, true),
    subject("sixteen-letters-", 1, false),
    subject("a-name-that-is-too-long-for-the-index", 2, false),
    subject("a-long-name-that-comes-and-goes-again", 1, true),
    subject(
        "label-of-sixty-three-bytes-which-is-the-longest-one-of-them-all",
        1,
        false,
    ),
];

impl Subject {
    /// What it has after so many changes; nothing if it is gone. Each byte that differs between two changes does so in
    /// several places, so that no mix of two of them is a third.
    fn addresses(&self, place: usize, change: u8, kind: u16) -> Vec<IpAddr> {
        if self.comes_and_goes && change % 2 == 1 {
            return Vec::new();
        }
        let count = 1 + change % self.most;
        let address = |number: u8| -> IpAddr {
            let (place, back) = (place as u8, !change);
            match kind {
                A => Ipv4Addr::new(10, 1 + change, 16 * place + number, back).into(),
                _ => {
                    let change = u16::from_be_bytes([change, back]);
                    let number = u16::from_be_bytes([place, number]);
                    Ipv6Addr::new(0xfd10, change, !change, change, number, !change, change, 1)
                        .into()
                }
            }
        };
        (0..count).map(address).collect()
    }
}

/// The hosts file after so many changes.
fn hosts(change: u8) -> String {
    let mut text = String::new();
    for (place, subject) in SUBJECTS.iter().enumerate() {
        for kind in [A, AAAA] {
            for address in subject.addresses(place, change, kind) {
                text += &format!("{address} {}\n", subject.name);
            }
        }
    }
    text
}

/// When a change was begun, and when the agent had made it.
#[derive(Clone, Copy, Debug)]
struct Era {
    begun: Instant,
    made: Instant,
}

/// A query as it was sent.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    subject: usize,
    kind: u16,
}

/// The place of the name, and the type, that the query of a number asks for.
fn asked_by(number: usize) -> (usize, u16) {
    let kind = [A, AAAA][number / SUBJECTS.len() % 2];
    (number % SUBJECTS.len(), kind)
}

/// The number of the query that a reply answers, if it is one of the asker's.
fn number_of(reply: &Reply) -> Option<usize> {
    let high = usize::from(reply.destination.port().checked_sub(PORT)?);
    Some(high << 16 | usize::from(reply.message.id))
}

fn query(number: usize) -> (Query, usize, u16) {
    let (subject, kind) = asked_by(number);
    let from: IpAddr = match number / SUBJECTS.len() / 2 % 2 {
        0 => PEER_V4.into(),
        _ => PEER_V6.into(),
    };
    let query = FrameBuilder::llmnr(asker(from)).question(SUBJECTS[subject].name, kind);
    let query = query.id(number as u16).port(PORT + (number >> 16) as u16);
    (query, subject, kind)
}

/// Asks until told to end: for a while after each change as fast as it can, then at leisure.
fn ask(wire: &Wire, changes: &AtomicUsize, end: &AtomicBool) -> Vec<Asked> {
    let mut asked = Vec::new();
    let (mut seen, mut most) = (0, QUERIES_MAX);
    while !end.load(Ordering::Relaxed) {
        let made = changes.load(Ordering::Relaxed);
        if made != seen {
            (seen, most) = (made, asked.len() + QUERIES_MAX);
        }
        if asked.len() >= most {
            sleep(PAUSE);
        }
        for _ in 0..BATCH {
            let (query, subject, kind) = query(asked.len());
            let frame = query.build();
            let at = Instant::now();
            if !wire.offer(&frame) {
                std::thread::yield_now();
                break;
            }
            asked.push(Asked { at, subject, kind });
        }
    }
    asked
}

/// Waits until every name has been told as it is after so many changes.
#[track_caller]
fn hear_all(listener: &Wire, change: u8) {
    let is_there = |&(subject, kind): &(usize, u16)| {
        !SUBJECTS[subject]
            .addresses(subject, change, kind)
            .is_empty()
    };
    let all = (0..2 * SUBJECTS.len()).map(asked_by);
    let mut missing: BTreeSet<_> = all.filter(is_there).collect();
    let heard = listener.next(|frame| {
        let reply = Reply::decode(frame)?;
        let (subject, kind) = asked_by(number_of(&reply)?);
        if SUBJECTS[subject].addresses(subject, change, kind) == reply.message.addresses() {
            missing.remove(&(subject, kind));
        }
        missing.is_empty().then_some(())
    });
    assert!(
        heard.is_some(),
        "not told after {change} changes: {missing:?}"
    );
}

/// Makes the changes, each once everything was told as it was before.
fn change(
    agent: &mut Agent<'_>,
    file: &PathBuf,
    listener: &Wire,
    changes: &AtomicUsize,
) -> Vec<Era> {
    let mut eras = Vec::new();
    for change in 1..=CHANGES {
        sleep(REST);
        hear_all(listener, change - 1);
        let said = agent.said().len();
        let next = file.with_extension("next");
        fs::write(&next, hosts(change)).expect("write the next hosts file");
        let begun = Instant::now();
        fs::rename(&next, file).expect("replace the hosts file");
        agent.signal(Signal::SIGHUP);
        agent.wait_for_words_after(said, &["configuration read again"]);
        // Answers whoever asks for the names only after the change was made.
        agent.printed(&["names"]);
        let made = Instant::now();
        eras.push(Era { begun, made });
        changes.store(change.into(), Ordering::Relaxed);
    }
    sleep(REST);
    hear_all(listener, CHANGES);
    eras
}

/// Whether an answer that was asked for and heard at some time may be of so many changes.
fn was_true(eras: &[Era], change: u8, asked: Instant, heard: Instant) -> bool {
    let begun = change
        .checked_sub(1)
        .map(|before| eras[usize::from(before)].begun);
    let over = eras.get(usize::from(change)).map(|next| next.made + WINDOW);
    begun.is_none_or(|begun| begun <= heard) && over.is_none_or(|over| asked <= over)
}

/// Judges a reply; whether it is one to the asker.
#[track_caller]
fn judge(eras: &[Era], asked: &[Asked], heard: Instant, reply: &Reply) -> bool {
    let Some(question) = number_of(reply).and_then(|number| asked.get(number)) else {
        return false;
    };
    let subject = &SUBJECTS[question.subject];
    let told = reply.message.addresses();
    let matches = |change: &u8| {
        let addresses = subject.addresses(question.subject, *change, question.kind);
        !addresses.is_empty() && addresses == told
    };
    let change = (0..=CHANGES).find(matches);
    let change = change.unwrap_or_else(|| panic!("an answer that never was true: {reply:?}"));
    reply
        .message
        .assert_answers(subject.name, question.kind, 30, &told);
    assert!(
        was_true(eras, change, question.at, heard),
        "of {}, {change} changes, long after it or before: {reply:?}",
        subject.name
    );
    true
}

/// Answers that the path has counted which is meant to give them.
fn answered(agent: &Agent<'_>, path: Path) -> u64 {
    match path {
        Path::Userspace => floods::counted(agent, "llmnr-answered"),
        _ => agent.counters().of("llmnr-answered"),
    }
}

fn entries_are_rewritten_on(path: Path) {
    let scene = or_skip!(Scene::new(path));
    let config = config_file("names = [\"casa\"]\nlimit = \"off\"\nhosts-file = \"hosts\"\n");
    let file = PathBuf::from(&config.path).with_file_name("hosts");
    fs::write(&file, hosts(0)).expect("write a hosts file");
    let mut agent = Agent::start(&scene.host, &scene.arguments(&["--config", &config.path]));
    agent.wait_until_verified();
    let before = answered(&agent, path);
    let [sender, listener, other] = [(); 3].map(|()| scene.wire());
    listener.hold(64 << 20);
    let (changes, end) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (asked, heard, eras) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&sender, &changes, &end));
        let listening = scope.spawn(|| listener.listen(|| end.load(Ordering::Relaxed)));
        let changing = || change(&mut agent, &file, &other, &changes);
        let eras = std::panic::catch_unwind(std::panic::AssertUnwindSafe(changing));
        end.store(true, Ordering::Relaxed);
        let asked = asking.join().expect("the asker");
        let heard = listening.join().expect("the listener");
        (asked, heard, eras)
    });
    let eras = eras.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let counted = answered(&agent, path) - before;
    let replies = heard
        .iter()
        .filter_map(|(at, frame)| Some((*at, Reply::decode(frame)?)));
    let judged = replies
        .filter(|(at, reply)| judge(&eras, &asked, *at, reply))
        .count() as u64;
    println!(
        "{path:?}: {} queries, {judged} answers, {counted} counted",
        asked.len()
    );
    // A listener that is slower than the kernel path loses some.
    assert!(judged * 5 >= counted, "answers that nobody heard");
    // Userspace answers while an entry is being written, and for nothing else.
    assert!(counted * 10 >= judged * 9, "most answers are the path's");
}

#[test]
fn entries_that_are_rewritten_under_load_are_told_whole_in_the_drivers_mode() {
    entries_are_rewritten_on(Path::NativeVeth);
}

#[test]
fn entries_that_are_rewritten_under_load_are_told_whole_in_generic_mode() {
    entries_are_rewritten_on(Path::GenericVeth);
}

#[test]
fn entries_that_are_rewritten_under_load_are_told_whole_from_userspace() {
    entries_are_rewritten_on(Path::Userspace);
}

#[test]
fn mixes_and_old_answers_are_no_answers_of_any_change() {
    let all = |change| {
        let subjects = SUBJECTS.iter().enumerate();
        subjects.flat_map(move |(place, subject)| {
            [A, AAAA].map(|kind| subject.addresses(place, change, kind))
        })
    };
    for change in 1..=CHANGES {
        for (old, new) in all(change - 1).zip(all(change)) {
            assert!(old != new || old.is_empty(), "{old:?} stays");
            // Whichever word is new already.
            for (old, new) in old.iter().zip(&new) {
                let (IpAddr::V6(old), IpAddr::V6(new)) = (old, new) else {
                    continue;
                };
                let (old, new) = (u128::from(*old), u128::from(*new));
                let mixed = old >> 64 << 64 | new << 64 >> 64;
                let mixed = IpAddr::from(Ipv6Addr::from(mixed));
                assert!((0..=CHANGES).all(|change| all(change).all(|all| !all.contains(&mixed))));
            }
        }
    }
    let now = Instant::now();
    let era = Era {
        begun: now,
        made: now + WINDOW,
    };
    let late = now + 2 * WINDOW + Duration::from_millis(1);
    assert!(was_true(&[era], 0, now, now) && was_true(&[era], 0, now + 2 * WINDOW, late));
    assert!(!was_true(&[era], 0, late, late) && was_true(&[era], 1, late, late));
    assert!(!was_true(&[era], 1, now, now - Duration::from_millis(1)));
}
