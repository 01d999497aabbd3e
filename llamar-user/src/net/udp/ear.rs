//! Ears: threads that wait in the kernel for what comes to one socket each.
//!
//! A datagram wakes its thread, which gets it by the same call: there is no readiness to be asked for beforehand, and
//! nothing else that the process waits for is looked at. That is a third of what a question for somebody else costs.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;
use tracing::debug;

use super::{Groups, Inbox};

/// How long a socket rests that cannot be received on: what keeps on failing is to keep no processor busy.
const REST: Duration = Duration::from_millis(1);

/// Takes what has come to one socket and answers by that.
pub trait Take: Send {
    /// Takes everything out of the inbox.
    fn take(&mut self, inbox: &mut Inbox, socket: BorrowedFd<'_>);
}

/// One for each socket of [`Groups`], which hear until these are dropped.
#[derive(Debug)]
pub struct Ears {
    ended: Arc<AtomicBool>,
    ears: Vec<(Arc<OwnedFd>, Option<JoinHandle<()>>)>,
}

impl Ears {
    /// Begins to hear. Each socket has a `Take` of its own; datagrams have at most so many bytes, and what is longer
    /// is dropped.
    pub fn open<T: Take + 'static>(
        groups: &Groups<Arc<OwnedFd>>,
        longest: usize,
        taker: impl Fn() -> T,
    ) -> io::Result<Self> {
        let mut ears = Self {
            ended: Arc::default(),
            ears: Vec::new(),
        };
        for (name, socket) in [
            ("ear-v4", Some(&groups.ipv4)),
            ("ear-v6", groups.ipv6.as_ref()),
        ] {
            let Some(socket) = socket.cloned() else {
                continue;
            };
            let (ended, heard, mut taker) = (ears.ended.clone(), socket.clone(), taker());
            let thread = thread::Builder::new().name(name.to_owned());
            let thread = thread.spawn(move || hear(&heard, &ended, longest, &mut taker))?;
            ears.ears.push((socket, Some(thread)));
        }
        Ok(ears)
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        for (socket, thread) in &mut self.ears {
            // It says that nothing is connected, and wakes whoever waits. What is sent still goes out.
            let _ = SockRef::from(&**socket).shutdown(Shutdown::Read);
            if let Some(thread) = thread.take() {
                // One that has panicked has said so.
                let _ = thread.join();
            }
        }
    }
}

fn hear(socket: &OwnedFd, ended: &AtomicBool, longest: usize, taker: &mut impl Take) {
    let mut inbox = Inbox::new(longest);
    while !ended.load(Ordering::Acquire) {
        match inbox.receive(socket.as_fd()) {
            Ok(()) => taker.take(&mut inbox, socket.as_fd()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                // An ICMP error of an earlier answer, or a shortage that passes.
                debug!("receive on a socket: {error}");
                thread::sleep(REST);
            }
        }
    }
}
