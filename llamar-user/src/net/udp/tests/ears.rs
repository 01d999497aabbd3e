//! The threads that hear.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::*;

/// Says what it takes, and stays with it until it is told to go on.
struct Stays {
    says: Sender<String>,
    /// Goes on when this is closed.
    stays: Arc<std::sync::Mutex<Receiver<()>>>,
}

impl Take for Stays {
    fn take(&mut self, inbox: &mut Inbox, _socket: BorrowedFd<'_>) {
        while let Some((_, bytes)) = inbox.take() {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let stays = text == "stay";
            self.says.send(text).unwrap();
            if stays {
                let _ = self.stays.lock().unwrap().recv();
            }
        }
    }
}

/// Ears, and what becomes of them.
struct Hearing {
    ears: Ears,
    said: Receiver<String>,
    go_on: Sender<()>,
    stays: Arc<std::sync::Mutex<Receiver<()>>>,
}

impl Hearing {
    fn of(groups: &Groups<Arc<OwnedFd>>) -> Self {
        let (says, said) = channel();
        let (go_on, stays) = channel();
        let stays = Arc::new(std::sync::Mutex::new(stays));
        let taker = || Stays {
            says: says.clone(),
            stays: stays.clone(),
        };
        Self {
            ears: Ears::open(groups, LONGEST, taker).unwrap(),
            said,
            go_on,
            stays,
        }
    }

    fn next(&self) -> String {
        self.said.recv_timeout(SOON).unwrap()
    }
}

#[test]
fn one_family_is_heard_while_who_hears_the_other_is_busy() {
    for (busy, free) in [(0, 1), (1, 0)] {
        in_namespace(async || {
            let (peer, device) = pair().await;
            let groups = Groups::bind().unwrap();
            groups.join(device).unwrap();
            let hearing = Hearing::of(&groups);
            let ask = |family: usize, text| {
                let [from, to, _] = FAMILIES[family];
                ask(&peer, from, to, text);
            };
            ask(busy, "stay");
            assert_eq!(hearing.next(), "stay");
            ask(busy, "later");
            for _ in 0..3 {
                ask(free, "other");
                assert_eq!(hearing.next(), "other");
            }
            let Hearing {
                said, go_on, ears, ..
            } = hearing;
            drop(go_on);
            assert_eq!(said.recv_timeout(SOON).unwrap(), "later");
            drop(ears);
        });
    }
}

#[test]
fn ears_that_hear_nothing_end_when_they_are_dropped() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind().unwrap();
        groups.join(device).unwrap();
        let hearing = Hearing::of(&groups);
        for [from, to, _] in FAMILIES {
            ask(&peer, from, to, "query");
            assert_eq!(hearing.next(), "query");
        }
        let begin = Instant::now();
        drop(hearing.ears);
        assert!(begin.elapsed() < SOON);
        // Both threads are gone, with what they had, and have taken nothing for a datagram that was none.
        assert_eq!(Arc::strong_count(&hearing.stays), 1);
        assert!(hearing.said.recv().is_err());
        // What is sent does not need them.
        let [from, _, source] = FAMILIES[0];
        let asker = ask(&peer, from, source, "query");
        let to = SocketAddr::new(addr(from), asker.local_addr().unwrap().port());
        groups.send(b"answer", to, addr(source), device).unwrap();
        assert_eq!(answers(&peer, &asker, 1), [b"answer"]);
    });
}
