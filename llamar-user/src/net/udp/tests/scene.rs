//! Our groups on a link, heard, and a peer at its other end that asks.

use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

/// What the tests take for the longest datagram.
pub const LONGEST: usize = 9194;
/// How long a test waits for what must not come.
const WHILE: Duration = Duration::from_millis(150);
/// Both families: an address of the peer, the group, and an address of ours.
pub const FAMILIES: [[&str; 3]; 2] = [
    ["10.0.0.2", "224.0.0.252", "10.0.0.1"],
    ["fe80::2", "ff02::1:3", "fe80::1"],
];

/// The link, and what is heard on it.
pub struct Scene {
    pub peer: Peer,
    pub device: u32,
    pub groups: Groups<Arc<OwnedFd>>,
    heard: Receiver<(String, Datagram)>,
    _ears: Ears,
}

impl Scene {
    /// No group is joined yet.
    pub async fn new() -> Self {
        Self::of(LONGEST).await
    }

    /// The groups are joined.
    pub async fn joined() -> Self {
        let scene = Self::new().await;
        scene.groups.join(scene.device).unwrap();
        scene
    }

    /// Datagrams have at most so many bytes.
    pub async fn of(longest: usize) -> Self {
        let (peer, device) = pair().await;
        let groups = Groups::bind().unwrap();
        let (hears, heard) = mpsc::channel();
        let ears = Ears::open(&groups, longest, || Hears(hears.clone())).unwrap();
        Self {
            peer,
            device,
            groups,
            heard,
            _ears: ears,
        }
    }

    /// The next datagram that is heard.
    pub fn next(&self) -> (String, Datagram) {
        let next = self.heard.recv_timeout(SOON);
        next.expect("no datagram came")
    }

    pub fn hears_nothing(&self) -> bool {
        self.heard.recv_timeout(WHILE).is_err()
    }

    /// Sends everything in an outbox by the socket of an address's family; what became of each.
    pub fn send(
        &self,
        family: &str,
        outbox: &mut Outbox<usize>,
    ) -> Vec<(usize, Result<(), io::ErrorKind>)> {
        let socket = self.groups.socket((addr(family), 0).into()).unwrap();
        let mut told = Vec::new();
        outbox.send(socket, |letter, sent| {
            told.push((letter.mark, sent.map_err(|error| error.kind())));
        });
        told
    }
}

/// Hands on all that is heard.
struct Hears(Sender<(String, Datagram)>);

impl Take for Hears {
    fn take(&mut self, inbox: &mut Inbox, _socket: BorrowedFd<'_>) {
        while let Some((datagram, bytes)) = inbox.take() {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.send((text, datagram)).unwrap();
        }
    }
}

/// Sends a datagram from a new socket of the peer, which is returned.
pub fn ask(peer: &Peer, from: &str, to: &str, text: &str) -> Asker {
    ask_all(peer, from, (to, PORT), vec![text.to_owned()])
}

/// Sends datagrams from a new socket of the peer to an address and a port.
pub fn ask_all(
    peer: &Peer,
    from: &str,
    (to, port): (&str, u16),
    texts: impl IntoIterator<Item = String> + Send + 'static,
) -> Asker {
    let (from, to) = (addr(from), addr(to));
    peer.run(move || {
        let scope = index_of("v1");
        let with_scope = |ip: IpAddr, port| match ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
        };
        let socket = Asker::bind(with_scope(from, 0)).unwrap();
        if let IpAddr::V4(from) = from {
            SockRef::from(&socket).set_multicast_if_v4(&from).unwrap();
        }
        for text in texts {
            let to = with_scope(to, port);
            socket.send_to(text.as_bytes(), to).unwrap();
        }
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket
    })
}

/// The answers that come to an asker.
pub fn answers(peer: &Peer, asker: &Asker, count: usize) -> Vec<Vec<u8>> {
    let asker = asker.try_clone().unwrap();
    peer.run(move || {
        let mut bytes = [0; LONGEST];
        let mut answer = || {
            let length = asker.recv(&mut bytes).unwrap();
            bytes[..length].to_vec()
        };
        Vec::from_iter((0..count).map(|_| answer()))
    })
}
