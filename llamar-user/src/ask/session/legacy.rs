//! Asking as one asks a DNS server (RFC 6762 5.1, 6.7): from a port of our own, and only for what comes back there.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use llamar_common::wire::dns;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::debug;

use super::{Where, wanted};
use crate::ask::AskError;
use crate::ask::socket::datagrams;
use crate::dns::{Message, Question, Record};
use crate::link::{Links, Watch};
use crate::llmnr::sender::Path;
use crate::mdns::{Family, PACKET_MAX, PORT};
use crate::net::udp::send_by;

/// When a question is sent after it was sent first: RFC 6762 5.2's gaps, as nobody else is to be troubled more.
const REPEATS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// Replies that wait to be read.
const WAITING_MAX: usize = 64;

/// A reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Index of the interface by which was asked.
    pub device: u32,
    /// Who replied.
    pub from: IpAddr,
    /// The question that it answers.
    pub question: Question,
    /// The records of its answer section.
    pub answers: Vec<Record>,
}

/// Questions that were asked so.
#[derive(Debug)]
pub struct Legacy {
    names: BTreeMap<u32, String>,
    replies: mpsc::Receiver<Reply>,
    /// Who asks and listens, until this is dropped.
    _tasks: JoinSet<()>,
}

impl Legacy {
    /// Asks questions by all interfaces that are meant.
    pub async fn ask(place: &Where, questions: &[Question]) -> Result<Self, AskError> {
        let (_, links) = Watch::open().await?;
        wanted::check(&links, place)?;
        let (told, replies) = mpsc::channel(WAITING_MAX);
        let mut legacy = Self {
            names: names(&links, place),
            replies,
            _tasks: JoinSet::new(),
        };
        let mut failed = None;
        for (device, source) in sources(&links, place) {
            if let Err(error) = legacy.ask_by(device, source, questions, &told) {
                failed = Some(AskError::Send {
                    interface: legacy.interface(device),
                    from: source,
                    source: error,
                });
            }
        }
        match failed {
            Some(error) if legacy._tasks.is_empty() => Err(error),
            _ => Ok(legacy),
        }
    }

    /// The interfaces by which was asked.
    pub fn interfaces(&self) -> impl Iterator<Item = &String> {
        self.names.values()
    }

    /// What an interface is called.
    pub fn interface(&self, device: u32) -> String {
        let name = self.names.get(&device).cloned();
        name.unwrap_or_else(|| device.to_string())
    }

    /// Waits for a reply.
    pub async fn next(&mut self) -> Reply {
        match self.replies.recv().await {
            Some(reply) => reply,
            None => std::future::pending().await,
        }
    }

    fn ask_by(
        &mut self,
        device: u32,
        source: IpAddr,
        questions: &[Question],
        told: &mpsc::Sender<Reply>,
    ) -> io::Result<()> {
        let path = Path {
            device,
            source,
            networks: Vec::new(),
        };
        for question in questions {
            // RFC 6762 5.1: not from port 5353.
            let socket = Arc::new(datagrams(&path, None)?);
            let asking = Asking {
                id: rand::make_rng::<StdRng>().random(),
                device,
                source,
                question: question.clone(),
                socket,
            };
            asking.send()?;
            self._tasks.spawn(asking.run(told.clone()));
        }
        Ok(())
    }
}

fn names(links: &Links, place: &Where) -> BTreeMap<u32, String> {
    let wanted = wanted::wanted(links, place).into_keys();
    let named =
        wanted.filter_map(|device| Some((device, links.by_index.get(&device)?.name.clone())));
    named.collect()
}

fn sources(links: &Links, place: &Where) -> Vec<(u32, IpAddr)> {
    let wanted = wanted::wanted(links, place).into_iter();
    let both = wanted.flat_map(|(device, wanted)| {
        let sources = [wanted.v4.map(IpAddr::V4), wanted.v6.map(IpAddr::V6)];
        sources.into_iter().flatten().map(move |ip| (device, ip))
    });
    both.collect()
}

/// One question by one socket.
struct Asking {
    id: u16,
    device: u32,
    source: IpAddr,
    question: Question,
    socket: Arc<UdpSocket>,
}

impl Asking {
    fn send(&self) -> io::Result<()> {
        let query = self.question.query(self.id, 0);
        let to = Family::of(self.source).everybody();
        send_by(&self.socket, &query, to, self.source, self.device)
    }

    async fn run(self, told: mpsc::Sender<Reply>) {
        let begin = tokio::time::Instant::now();
        let mut repeats = REPEATS.iter().map(|after| begin + *after);
        let mut next = repeats.next();
        let mut buffer = vec![0; PACKET_MAX];
        loop {
            tokio::select! {
                () = super::sleep_until(next) => {
                    next = repeats.next();
                    if let Err(error) = self.send() {
                        debug!("ask again: {error}");
                    }
                }
                received = self.socket.recv_from(&mut buffer) => {
                    let Ok((length, from)) = received else {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    };
                    if let Some(reply) = self.reply(&buffer[..length], from)
                        && told.send(reply).await.is_err()
                    {
                        return;
                    }
                }
            }
        }
    }

    /// The reply that bytes are, if they are one to this question.
    fn reply(&self, bytes: &[u8], from: SocketAddr) -> Option<Reply> {
        let message = Message::read(bytes).ok()?;
        let is_response = message.flags & dns::RESPONSE != 0;
        // RFC 6762 6.7, 18.11: question and identifier are repeated, and there are no errors; 6: from port 5353.
        let is_mine = message.id == self.id
            && message.questions.contains(&self.question)
            && from.port() == PORT
            && message.flags & (dns::OPCODE | dns::RCODE) == 0;
        (is_response && is_mine).then(|| Reply {
            device: self.device,
            from: from.ip(),
            question: self.question.clone(),
            answers: message.answers,
        })
    }
}
