//! LLMNR's datagrams as they are heard: each socket has a thread of its own, which answers what is plain on the spot and
//! hands the rest to the agent. It answers by what may be answered as the claims stand, which the agent tells it
//! whenever that changes, as it tells the kernel path.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use llamar_common::abi::LinkKey;
use llamar_common::wire::udp::LLMNR_MAX;
use tokio::sync::mpsc;
use tracing::debug;

use super::counts::Counts;
use super::exchange::{ANSWERED, responded, tell_ignored, tell_query, unsent};
use crate::llmnr::{Asked, Ignored, Limiter, Response, Transport, respond_plain};
use crate::net::{Datagram, Ears, Groups, Inbox, Outbox, Take};
use crate::state::{Desired, Served};

/// Messages that wait for the agent. Who has more for it waits too, and what comes meanwhile waits in the socket.
const WAITING_MAX: usize = 64;

/// What a thread hands to the agent.
#[derive(Debug)]
pub enum Heard {
    /// A message that is not plain.
    Message(Datagram, Box<[u8]>),
    /// It has panicked, and nothing more is heard on its socket.
    Ended,
}

/// The threads, and what they hand on.
#[derive(Debug)]
pub struct Hearing {
    told: Arc<Mutex<Arc<Desired>>>,
    /// Given up before the threads are waited for, of which one may be waiting for room in it.
    heard: mpsc::Receiver<Heard>,
    _ears: Ears,
}

impl Hearing {
    /// Begins to hear.
    pub fn open(
        groups: &Groups<Arc<OwnedFd>>,
        desired: Arc<Desired>,
        limiter: &Arc<Limiter>,
        counts: &Arc<Counts>,
    ) -> io::Result<Self> {
        let told = Arc::new(Mutex::new(desired));
        let (hand, heard) = mpsc::channel(WAITING_MAX);
        let ears = Ears::open(groups, LLMNR_MAX, || Listener {
            told: told.clone(),
            limiter: limiter.clone(),
            counts: counts.clone(),
            counted: Vec::new(),
            outbox: Outbox::default(),
            rest: Vec::new(),
            hand: hand.clone(),
        })?;
        Ok(Self {
            told,
            heard,
            _ears: ears,
        })
    }

    /// Tells the threads what may be answered from now on. As in the kernel path, what is being answered at this moment
    /// is answered by what held before.
    pub fn tell(&self, desired: &Arc<Desired>) {
        let before = std::mem::replace(&mut *lock(&self.told), desired.clone());
        // Given up when nobody waits for the lock: it may be a million names.
        drop(before);
    }

    /// Waits for the next message that is the agent's to deal with.
    pub async fn next(&mut self) -> Heard {
        self.heard.recv().await.unwrap_or(Heard::Ended)
    }

    /// The next message, if it is there.
    pub fn try_next(&mut self) -> Option<Heard> {
        self.heard.try_recv().ok()
    }
}

/// What one thread has.
struct Listener {
    told: Arc<Mutex<Arc<Desired>>>,
    limiter: Arc<Limiter>,
    counts: Arc<Counts>,
    counted: Vec<(LinkKey, &'static str)>,
    outbox: Outbox<LinkKey>,
    /// What is for the agent.
    rest: Vec<Heard>,
    hand: mpsc::Sender<Heard>,
}

impl Take for Listener {
    fn take(&mut self, inbox: &mut Inbox, socket: BorrowedFd<'_>) {
        self.answer(inbox);
        // Before they are sent: who asks for the counts finds in them every answer that has arrived.
        self.counts.add_all(self.counted.drain(..));
        self.send(socket);
        for heard in self.rest.drain(..) {
            // An agent that has gone wants nothing more.
            let _ = self.hand.blocking_send(heard);
        }
    }
}

impl Listener {
    /// Sorts what has come: into answers, and what is for the agent.
    fn answer(&mut self, inbox: &mut Inbox) {
        let mut time = None;
        let mut now = || *time.get_or_insert_with(Instant::now);
        // No lock is held while anything is answered: neither the agent nor the other thread ever waits for this one.
        let desired = lock(&self.told).clone();
        // Most of what comes together comes by the same interface.
        let mut last: Option<(u32, (LinkKey, &Served))> = None;
        while let Some((datagram, message)) = inbox.take() {
            let device = datagram.device;
            let known = last.filter(|(known, _)| *known == device);
            let link = known.map(|(_, link)| link);
            let Some((key, served)) = link.or_else(|| desired.link_of(device)) else {
                continue;
            };
            last = Some((device, (key, served)));
            let asked = Asked {
                message,
                from: datagram.from,
                transport: Transport::Udp { to: datagram.to },
            };
            match respond_plain(&mut now, key, served, &self.limiter, &asked) {
                Some(told) => self.put((key, device), &asked, told),
                None => self.rest.push(Heard::Message(datagram, message.into())),
            }
        }
    }

    /// Puts a response into the outbox, or notes why there is none.
    fn put(
        &mut self,
        (key, device): (LinkKey, u32),
        asked: &Asked<'_>,
        told: Result<Response, Ignored>,
    ) {
        debug!("Received datagram.");
        let outcome = match told {
            Ok(response) => {
                tell_query(asked.from, &response.question);
                let outbox = &mut self.outbox;
                outbox.push(&response.message, asked.from, response.source, device, key);
                responded()
            }
            Err(reason) => {
                tell_ignored(asked.from, reason);
                super::count_of(reason)
            }
        };
        self.counted.push((key, outcome));
    }

    fn send(&mut self, socket: BorrowedFd<'_>) {
        let counts = &self.counts;
        self.outbox.send(socket, |letter, sent| {
            if let Err(error) = sent {
                let outcome = unsent(letter.to, letter.source, &error);
                counts.correct(letter.mark, ANSWERED, outcome);
            }
        });
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.hand.blocking_send(Heard::Ended);
        }
    }
}

/// What a thread that has panicked has left is as good as before: it is replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::UdpSocket;
    use std::time::Duration;

    use llamar_common::abi::Prefix4;
    use llamar_common::limit::Rate;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use tokio::time::timeout;

    use super::*;
    use crate::dns::Name;
    use crate::link::space::{Peer, in_namespace, ip};
    use crate::net::pair::{SOON, pair};
    use crate::state::{Addresses, Names};

    const GROUP: &str = "224.0.0.252:5355";

    /// What is answered on a link where this host is 10.0.0.1: these names.
    fn desired(device: u32, names: &[&str]) -> Arc<Desired> {
        let own = [10, 0, 0, 1];
        let entry = |name: &&str| {
            let addresses = Addresses::new([own.into()], 30);
            (Name::parse(name).unwrap(), addresses)
        };
        let served = Served {
            interface: "v0".to_owned(),
            device: Some(device),
            mac: [2, 0, 0, 0, 0, 1],
            up: true,
            prefixes4: vec![Prefix4 {
                network: [10, 0, 0, 0],
                mask: [255, 255, 255, 0],
                source: own,
            }],
            prefixes6: Vec::new(),
            own: Arc::new([own.into()]),
            ttl: 30,
            limit: Rate::OFF,
            names: Names::new(names.iter().map(entry), Arc::default()),
            arp: BTreeMap::new(),
        };
        Arc::new(Desired {
            links: [(LinkKey::new(device, 0), served)].into(),
            warnings: Vec::new(),
        })
    }

    /// The threads on a link that answer for `casa`, and a peer.
    struct Scene {
        peer: Peer,
        key: LinkKey,
        counts: Arc<Counts>,
        hearing: Hearing,
        _groups: Groups<Arc<OwnedFd>>,
    }

    impl Scene {
        async fn new() -> Self {
            let (peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
            groups.join(device).unwrap();
            let limiter = Arc::new(Limiter::new(&mut StdRng::seed_from_u64(1)));
            let counts = Arc::default();
            let desired = desired(device, &["casa"]);
            let hearing = Hearing::open(&groups, desired, &limiter, &counts).unwrap();
            Self {
                peer,
                key: LinkKey::new(device, 0),
                counts,
                hearing,
                _groups: groups,
            }
        }

        /// Asks so often for a name, then once for a name that is answered; the ids of the answers.
        fn ask(&self, flags: u16, name: &'static str, count: u16) -> Vec<u16> {
            self.peer.run(move || {
                let socket = UdpSocket::bind("10.0.0.2:0").unwrap();
                socket.set_read_timeout(Some(SOON)).unwrap();
                for id in 1..=count {
                    socket.send_to(&query(id, flags, name), GROUP).unwrap();
                }
                socket.send_to(&query(0, 0, "last"), GROUP).unwrap();
                let mut answer = [0; 512];
                let ids = std::iter::from_fn(|| {
                    socket.recv(&mut answer).unwrap();
                    let id = u16::from_be_bytes([answer[0], answer[1]]);
                    (id != 0).then_some(id)
                });
                ids.collect()
            })
        }

        fn answers_for(&self, names: &[&str]) {
            let names = [names, &["last"]].concat();
            self.hearing.tell(&desired(self.key.ifindex, &names));
        }

        /// The next message for the agent.
        async fn next(&mut self) -> Box<[u8]> {
            match timeout(SOON, self.hearing.next()).await.unwrap() {
                Heard::Message(datagram, message) => {
                    assert_eq!(datagram.device, self.key.ifindex);
                    assert_eq!(datagram.length, message.len());
                    message
                }
                Heard::Ended => panic!("a thread has ended"),
            }
        }
    }

    fn query(id: u16, flags: u16, name: &str) -> Vec<u8> {
        let mut message = [id.to_be_bytes(), flags.to_be_bytes()].concat();
        message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend(Name::parse(name).unwrap().wire());
        message.extend([0, 1, 0, 1]);
        message
    }

    #[test]
    fn plain_queries_are_answered_and_counted_as_the_agent_tells() {
        in_namespace(async || {
            let mut scene = Scene::new().await;
            scene.answers_for(&["casa"]);
            assert_eq!(scene.ask(0, "casa", 40), Vec::from_iter(1..=40));
            assert!(scene.ask(0, "nobody", 7).is_empty());
            // What is told holds for the next query.
            scene.answers_for(&["nobody"]);
            assert_eq!(scene.ask(0, "nobody", 1), [1]);
            assert!(scene.ask(0, "casa", 3).is_empty());
            let count = |kind| scene.counts.of(scene.key, kind);
            assert_eq!((count("llmnr-answered"), count("llmnr-foreign")), (45, 10));
            assert!(scene.hearing.try_next().is_none());
        });
    }

    #[test]
    fn an_answer_that_cannot_be_sent_does_not_count_as_one() {
        in_namespace(async || {
            let scene = Scene::new().await;
            scene.answers_for(&["casa"]);
            // Nobody has told the threads yet.
            ip("addr del 10.0.0.1/24 dev v0");
            ip("route add 10.0.0.0/24 dev v0");
            scene.peer.run(|| {
                let socket = UdpSocket::bind("10.0.0.2:0").unwrap();
                for id in 0..3 {
                    socket.send_to(&query(id, 0, "casa"), GROUP).unwrap();
                }
            });
            let count = |kind| scene.counts.of(scene.key, kind);
            let begin = Instant::now();
            while count("llmnr-send-failed") < 3 && begin.elapsed() < SOON {
                tokio::task::yield_now().await;
            }
            assert_eq!(scene.counts.link(scene.key), [("llmnr-send-failed", 3)]);
        });
    }

    #[test]
    fn what_is_not_plain_is_handed_on_and_not_answered() {
        in_namespace(async || {
            let mut scene = Scene::new().await;
            scene.answers_for(&["casa"]);
            for flags in [0x8000, 0x0400] {
                assert!(scene.ask(flags, "casa", 1).is_empty());
                assert_eq!(*scene.next().await, query(1, flags, "casa"));
            }
        });
    }

    #[test]
    fn nothing_is_lost_of_what_the_agent_takes_late() {
        in_namespace(async || {
            let mut scene = Scene::new().await;
            let count = 2 * WAITING_MAX as u16;
            let ask = move || {
                let socket = UdpSocket::bind("10.0.0.2:0").unwrap();
                for id in 0..count {
                    socket.send_to(&query(id, 0x0400, "casa"), GROUP).unwrap();
                }
            };
            scene.peer.run(ask);
            tokio::time::sleep(Duration::from_millis(50)).await;
            for id in 0..count {
                assert_eq!(*scene.next().await, query(id, 0x0400, "casa"));
            }
            // Nor does a thread that waits for the agent keep it from its end.
            scene.peer.run(ask);
            tokio::time::sleep(Duration::from_millis(50)).await;
        });
    }

    #[tokio::test]
    async fn a_thread_that_panics_says_so() {
        let (hand, mut heard) = mpsc::channel(1);
        let listener = Listener {
            told: Arc::new(Mutex::new(desired(2, &[]))),
            limiter: Arc::new(Limiter::new(&mut StdRng::seed_from_u64(1))),
            counts: Arc::default(),
            counted: Vec::new(),
            outbox: Outbox::default(),
            rest: Vec::new(),
            hand,
        };
        let thread = thread::spawn(move || {
            let _listener = listener;
            panic!("on purpose");
        });
        assert!(matches!(heard.recv().await, Some(Heard::Ended)));
        assert!(thread.join().is_err());
    }
}
