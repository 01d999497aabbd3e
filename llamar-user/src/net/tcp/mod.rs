//! LLMNR over TCP (RFC 4795 2.4, 2.5): on each served interface one listening socket for each IP version, and messages
//! with their length in front (RFC 1035 4.2.2). What a message means, and whether it is answered, is for others.
//!
//! No client can take this away from others: connections are few (in all and for each client), whoever comes finds a
//! place because an idle one gives up its own, and each waits in a task that holds what has come of one message.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Sleep, sleep};
use tracing::debug;

mod connection;
mod framing;
mod listen;
mod places;
#[cfg(test)]
mod tests;

use connection::{Connection, Incoming};
pub use framing::{Inbox, frame};
pub use listen::ListenError;
use listen::{Family, listen};
use places::{Client, Limits, Places};

/// Messages that wait for the agent; more wait at their connections.
const WAITING_MAX: usize = 16;
/// Connections that are accepted at a time, before the messages and all else have their turn. There are no more than
/// that many beside those that have a place: ones that were reset and whose tasks have not yet ended.
const BATCH: usize = 32;
/// How long nothing is accepted after the kernel had no file or no memory for a connection: it stays in the queue, so
/// that trying at once would be trying for ever.
const PAUSE: Duration = Duration::from_millis(50);

/// A message that a client sent.
#[derive(Debug)]
pub struct StreamMessage {
    /// Index of the interface by which the client is connected.
    pub device: u32,
    /// The address of ours to which it connected.
    pub local: IpAddr,
    /// The client.
    pub from: SocketAddr,
    /// The message, without its length.
    pub message: Vec<u8>,
    /// Takes the answer. None is silence, and so is dropping this: the connection stays, for the next message.
    pub answer: oneshot::Sender<Option<Vec<u8>>>,
}

/// The listening sockets and the connections that were made to them.
pub struct Listeners {
    limits: Limits,
    /// None where the last try has failed, or where the kernel does not have the IP version.
    sockets: BTreeMap<(u32, Family), Option<TcpListener>>,
    /// Why the last try has failed, where it has.
    failures: BTreeMap<(u32, Family), String>,
    /// Which socket is the first to give its connections next time.
    first: usize,
    places: Places<Id>,
    connections: JoinSet<()>,
    handles: HashMap<Id, AbortHandle>,
    sender: mpsc::Sender<Incoming>,
    messages: mpsc::Receiver<Incoming>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self::new()
    }
}

impl Listeners {
    /// None yet.
    pub fn new() -> Self {
        Self::with(Limits::of_process())
    }

    fn with(limits: Limits) -> Self {
        let (sender, messages) = mpsc::channel(WAITING_MAX);
        Self {
            limits,
            sockets: BTreeMap::new(),
            failures: BTreeMap::new(),
            first: 0,
            places: Places::new(limits),
            connections: JoinSet::new(),
            handles: HashMap::new(),
            sender,
            messages,
            pause: None,
        }
    }

    /// Listens on these interfaces and on no others, whose connections are reset. `again` tries once more where
    /// listening failed before. What failed for the first time is given back, to be told; what fails again is not.
    pub fn follow(&mut self, devices: &BTreeSet<u32>, again: bool) -> Vec<ListenError> {
        self.sockets
            .retain(|(device, _), _| devices.contains(device));
        self.failures
            .retain(|(device, _), _| devices.contains(device));
        for connection in self.places.keep(|device| devices.contains(&device)) {
            self.reset(connection);
        }
        let wanted = devices
            .iter()
            .flat_map(|device| Family::ALL.map(|family| (*device, family)));
        let mut failures = Vec::new();
        for key in wanted {
            let (first, socket) = match self.sockets.entry(key) {
                Entry::Vacant(entry) => (true, entry.insert(None)),
                Entry::Occupied(entry) => (false, entry.into_mut()),
            };
            if socket.is_some() || !(first || again) {
                continue;
            }
            match listen(key.0, key.1) {
                Ok(listener) => {
                    *socket = listener;
                    self.failures.remove(&key);
                }
                Err(error) => {
                    self.failures.insert(key, error.to_string());
                    if first {
                        failures.push(error);
                    } else {
                        debug!("{error}");
                    }
                }
            }
        }
        failures
    }

    /// Why it is not listened where it should be.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        self.failures.values().map(String::as_str)
    }

    /// The next message that a client sent. Cancelling loses none. Connections are accepted only while this is waited
    /// for.
    pub async fn next(&mut self) -> StreamMessage {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<StreamMessage> {
        self.reap();
        self.accept(context);
        match self.messages.poll_recv(context) {
            Poll::Ready(Some(Incoming {
                connection,
                message,
            })) => {
                self.places.used(connection, Instant::now());
                Poll::Ready(message)
            }
            // The sender above keeps the channel open.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Frees the places of the connections that have ended.
    fn reap(&mut self) {
        while let Some(ended) = self.connections.try_join_next_with_id() {
            let connection = match ended {
                Ok((connection, ())) => connection,
                Err(error) => error.id(),
            };
            self.places.free(connection);
            self.handles.remove(&connection);
        }
    }

    fn accept(&mut self, context: &mut Context<'_>) {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return;
            }
            self.pause = None;
        }
        let room = (self.limits.connections + BATCH).saturating_sub(self.connections.len());
        self.first = self.first.wrapping_add(1);
        let accepted = self.accept_some(room.min(BATCH), context);
        for (device, stream, from) in accepted.connections {
            self.admit(device, stream, from);
        }
        if let Some(error) = accepted.failure {
            debug!("accept a TCP connection: {error}");
            if is_shortage(&error) {
                self.make_room();
            }
            self.pause = Some(Box::pin(sleep(PAUSE)));
            // Its waiting begins when it is polled.
            context.waker().wake_by_ref();
        }
    }

    /// Accepts so many connections, from another socket first each time: one that is flooded does not keep the others
    /// from giving theirs.
    fn accept_some(&self, room: usize, context: &mut Context<'_>) -> Accepted {
        let mut accepted = Accepted::default();
        let sockets = self.sockets.iter();
        let sockets = sockets.filter_map(|((device, _), socket)| Some((*device, socket.as_ref()?)));
        let first = self.first.checked_rem(self.sockets.len()).unwrap_or(0);
        for (device, socket) in sockets.clone().skip(first).chain(sockets.take(first)) {
            loop {
                if accepted.connections.len() >= room {
                    // There may be more: the turn comes again.
                    context.waker().wake_by_ref();
                    return accepted;
                }
                match socket.poll_accept(context) {
                    Poll::Ready(Ok((stream, from))) => {
                        accepted.connections.push((device, stream, from));
                    }
                    // The client was gone before it was accepted.
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {
                    }
                    Poll::Ready(Err(error)) => {
                        accepted.failure = Some(error);
                        return accepted;
                    }
                    Poll::Pending => break,
                }
            }
        }
        accepted
    }

    /// Resets as many connections as can be accepted next time.
    fn make_room(&mut self) {
        for _ in 0..BATCH {
            if let Some(connection) = self.places.give_up_one() {
                self.reset(connection);
            }
        }
    }

    fn admit(&mut self, device: u32, stream: TcpStream, from: SocketAddr) {
        let connection = Connection {
            stream,
            device,
            from,
            limits: self.limits,
            messages: self.sender.clone(),
        };
        let handle = self.connections.spawn(connection.serve());
        let client = Client {
            device,
            address: from.ip(),
        };
        let given_up = self.places.take(handle.id(), client, Instant::now());
        self.handles.insert(handle.id(), handle);
        if let Some(connection) = given_up {
            self.reset(connection);
        }
    }

    fn reset(&mut self, connection: Id) {
        if let Some(handle) = self.handles.remove(&connection) {
            handle.abort();
        }
    }
}

/// What the listening sockets gave.
#[derive(Default)]
struct Accepted {
    connections: Vec<(u32, TcpStream, SocketAddr)>,
    failure: Option<io::Error>,
}

/// Whether an accepted connection less would help.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}
