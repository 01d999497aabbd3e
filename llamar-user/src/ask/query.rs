//! One question on its way: the loop between [`Sender`] and the sockets.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use llamar_common::wire::udp;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::debug;

use super::{AskError, name, paths, socket};
use crate::link::Links;
use crate::llmnr::sender::{Answer, Ask, Conflict, End, Path, Sender, Transmit};

/// Messages that wait to be judged; what comes on top waits in the kernel, which has a limit of its own.
const WAITING_MAX: usize = 64;

/// A question that was asked.
#[derive(Debug)]
pub struct Query {
    sender: Sender,
    /// What each path's interface is called, and whether it belongs to a VRF.
    interfaces: Vec<Interface>,
    /// The paths' sockets, opened when they are needed.
    sockets: BTreeMap<usize, Arc<UdpSocket>>,
    streams: BTreeMap<usize, AbortHandle>,
    tasks: JoinSet<()>,
    events: mpsc::Receiver<Event>,
    told: mpsc::Sender<Event>,
    unusable: Vec<Unusable>,
    /// Whether anything could be sent.
    sent: bool,
}

/// A path by which nothing could be sent.
#[derive(Debug)]
pub struct Unusable {
    /// Name of the interface.
    pub interface: String,
    /// Our address on it.
    pub source: IpAddr,
    /// What the kernel said.
    pub error: io::Error,
}

#[derive(Clone, Debug)]
struct Interface {
    name: String,
    in_vrf: bool,
}

/// What the sockets tell.
#[derive(Debug)]
enum Event {
    Datagram(usize, SocketAddr, Vec<u8>),
    Message(usize, Vec<u8>),
    End(usize, End),
}

impl Query {
    pub(super) fn new(ask: Ask, paths: Vec<Path>, links: &Links) -> Self {
        let interface = |path: &Path| Interface {
            name: name(links, path.device),
            in_vrf: links
                .by_index
                .get(&path.device)
                .is_some_and(|link| paths::is_in_vrf(link, links)),
        };
        let interfaces = paths.iter().map(interface).collect();
        let (told, events) = mpsc::channel(WAITING_MAX);
        Self {
            sender: Sender::new(rand::make_rng(), Instant::now(), ask, paths),
            interfaces,
            sockets: BTreeMap::new(),
            streams: BTreeMap::new(),
            tasks: JoinSet::new(),
            events,
            told,
            unusable: Vec::new(),
            sent: false,
        }
    }

    /// Waits for the answer. An error says that nothing could be sent.
    pub async fn answer(&mut self) -> Result<Answer, AskError> {
        loop {
            self.transmit();
            if let Some(answer) = self.sender.answer() {
                let answer = answer.clone();
                return match self.unusable.pop() {
                    Some(last) if !self.sent => Err(AskError::Send {
                        interface: last.interface,
                        from: last.source,
                        source: last.error,
                    }),
                    last => {
                        self.unusable.extend(last);
                        Ok(answer)
                    }
                };
            }
            self.advance().await;
        }
    }

    /// Hears what comes late, and tells those that are in conflict of it (RFC 4795 2.7, 4.2). The conflicts.
    pub async fn finish(&mut self) -> Vec<Conflict> {
        loop {
            self.transmit();
            if self.sender.poll_timeout().is_none() {
                return self.sender.conflicts();
            }
            self.advance().await;
        }
    }

    /// The paths by which nothing could be sent.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// Waits for the next thing to happen.
    async fn advance(&mut self) {
        let Some(deadline) = self.sender.poll_timeout() else {
            return;
        };
        let event = tokio::select! {
            // A flood of messages must not keep time from passing.
            biased;
            () = tokio::time::sleep_until(deadline.into()) => None,
            event = self.events.recv() => event,
        };
        let now = Instant::now();
        match event {
            None => self.sender.handle_timeout(now),
            Some(Event::Datagram(path, from, message)) => {
                let taken = self.sender.handle_datagram(now, path, from, &message);
                if let Err(reason) = taken {
                    debug!("discarded a datagram from {from}: {reason}");
                }
            }
            Some(Event::Message(stream, message)) => {
                if let Err(reason) = self.sender.handle_message(now, stream, &message) {
                    debug!("discarded a message over tcp: {reason}");
                }
            }
            Some(Event::End(stream, end)) => self.sender.handle_end(now, stream, end),
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.sender.poll_transmit() {
            match transmit {
                Transmit::Datagram { path, message } => self.send(path, &message),
                Transmit::Connect {
                    stream,
                    path,
                    to,
                    message,
                } => self.connect(stream, path, to, message),
                Transmit::Close { stream } => {
                    if let Some(task) = self.streams.remove(&stream) {
                        task.abort();
                    }
                }
            }
        }
    }

    fn send(&mut self, path: usize, message: &[u8]) {
        let sent = self.socket(path).and_then(|socket| {
            let path = &self.sender.paths()[path];
            socket::send(&socket, path, message)
        });
        match sent {
            Ok(()) => self.sent = true,
            // A buffer or a queue is full: this transmission is lost, as any may be.
            Err(error) if is_full(&error) => self.sent = true,
            Err(error) => {
                self.unusable.push(Unusable {
                    interface: self.interfaces[path].name.clone(),
                    source: self.sender.paths()[path].source,
                    error,
                });
                self.sender.handle_unsent(Instant::now(), path);
            }
        }
    }

    /// A path's socket, to which a task listens from now on.
    fn socket(&mut self, path: usize) -> io::Result<Arc<UdpSocket>> {
        if let Some(socket) = self.sockets.get(&path) {
            return Ok(Arc::clone(socket));
        }
        let Interface { name, in_vrf } = &self.interfaces[path];
        let vrf = in_vrf.then_some(name.as_str());
        let socket = Arc::new(socket::datagrams(&self.sender.paths()[path], vrf)?);
        self.sockets.insert(path, Arc::clone(&socket));
        let listens = listen(path, Arc::clone(&socket), self.told.clone());
        self.tasks.spawn(listens);
        Ok(socket)
    }

    fn connect(&mut self, stream: usize, path: usize, to: IpAddr, message: Vec<u8>) {
        self.sent = true;
        let interface = self.interfaces[path].name.clone();
        let path = self.sender.paths()[path].clone();
        let told = self.told.clone();
        let task = self.tasks.spawn(async move {
            let end = converse(stream, &path, &interface, to, &message, &told).await;
            // Nobody listens any more only if the question is done.
            let _ = told.send(Event::End(stream, end)).await;
        });
        self.streams.insert(stream, task);
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

/// How long nothing is received after an error, so that one that stays does not keep the processor busy.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);

/// Takes in a path's datagrams.
async fn listen(path: usize, socket: Arc<UdpSocket>, told: mpsc::Sender<Event>) {
    // RFC 4795 2.1: one byte more tells a message that is too long from one that is not.
    let mut buffer = vec![0; udp::LLMNR_MAX + 1];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let message = Vec::from(&buffer[..length]);
                if told
                    .send(Event::Datagram(path, from, message))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(error) => {
                // An ICMP error of an earlier query, or a shortage that passes.
                debug!("receive: {error}");
                tokio::time::sleep(RECEIVE_PAUSE).await;
            }
        }
    }
}

/// Asks over a connection of its own until it ends, or is no longer wanted.
async fn converse(
    stream: usize,
    path: &Path,
    interface: &str,
    to: IpAddr,
    message: &[u8],
    told: &mpsc::Sender<Event>,
) -> End {
    let mut connection = match socket::connect(path, interface, to).await {
        Ok(connection) => connection,
        Err(error) => {
            debug!("connect to {to} on {interface}: {error}");
            return socket::end(&error);
        }
    };
    if let Err(error) = socket::write(&mut connection, message).await {
        debug!("ask {to} over tcp: {error}");
        return End::Closed;
    }
    loop {
        match socket::read(&mut connection).await {
            Ok(message) => {
                if told.send(Event::Message(stream, message)).await.is_err() {
                    return End::Closed;
                }
            }
            Err(error) => {
                debug!("hear {to} over tcp: {error}");
                return End::Closed;
            }
        }
    }
}
