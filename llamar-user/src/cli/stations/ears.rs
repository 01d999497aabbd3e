//! Sockets on interfaces that come and go.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::bail;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::Speech;
use crate::link::{Link, Links};
use crate::net::PacketSocket;
use crate::net::packet::Options;

/// Room for the largest message of Neighbor Discovery on a link with jumbo frames; ARP needs a few dozen bytes.
const FRAME_MAX: usize = 16 << 10;
/// Frames that wait to be looked at, all sockets together: what is too much waits in the sockets, and is lost there.
const QUEUE: usize = 256;

/// What an ear hears.
pub struct Heard {
    /// The interface's name.
    pub name: Arc<str>,
    /// When.
    pub at: SystemTime,
    /// The frame, or why there are no more.
    pub frame: io::Result<Vec<u8>>,
}

/// Listens on some interfaces, or on all.
pub struct Ears {
    wanted: Vec<String>,
    speech: Speech,
    promiscuous: bool,
    open: BTreeMap<String, Ear>,
    to: mpsc::Sender<Heard>,
    lost: u64,
}

struct Ear {
    index: u32,
    up: bool,
    socket: Arc<PacketSocket>,
    task: JoinHandle<()>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ears {
    /// Listens on these interfaces, or on all that are fit if there are none.
    pub fn new(
        wanted: &[String],
        speech: Speech,
        promiscuous: bool,
    ) -> (Self, mpsc::Receiver<Heard>) {
        let (to, from) = mpsc::channel(QUEUE);
        let ears = Self {
            wanted: wanted.to_vec(),
            speech,
            promiscuous,
            open: BTreeMap::new(),
            to,
            lost: 0,
        };
        (ears, from)
    }

    /// Opens the first sockets: every interface that is named has to be there.
    pub fn begin(&mut self, links: &Links) -> anyhow::Result<()> {
        for name in &self.wanted {
            match links.by_name(name) {
                Some(link) if link.ethernet => {}
                Some(_) => bail!("{name}: not an Ethernet interface"),
                None => {
                    let names: Vec<&str> = links
                        .by_index
                        .values()
                        .map(|link| link.name.as_str())
                        .collect();
                    bail!("{name}: no such interface; there are {}", names.join(", "));
                }
            }
        }
        let fit: Vec<&Link> = links
            .by_index
            .values()
            .filter(|link| self.wants(link))
            .collect();
        for link in &fit {
            self.listen(link)?;
            if !link.up {
                warn!("{}: down, or without a carrier: waiting", link.name);
            }
        }
        if fit.is_empty() {
            bail!("no Ethernet interface is up: name one with --iface to wait for it");
        }
        Ok(())
    }

    /// Follows the interfaces: those that are made anew are listened to again.
    pub fn follow(&mut self, links: &Links) {
        let gone = |name: &String, ear: &Ear| {
            let link = links.by_name(name);
            link.is_none_or(|link| link.index != ear.index)
        };
        let names: Vec<String> = self
            .open
            .iter()
            .filter(|(name, ear)| gone(name, ear))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            if let Some(ear) = self.open.remove(&name) {
                self.lost += lost(&ear);
                info!("{name} is gone");
            }
        }
        for link in links.by_index.values() {
            if let Some(ear) = self.open.get_mut(&link.name) {
                if ear.up != link.up {
                    ear.up = link.up;
                    info!("{} is {}", link.name, if link.up { "up" } else { "down" });
                }
            } else if self.wants(link) {
                match self.listen(link) {
                    Ok(()) => info!("listening on {}", link.name),
                    // It may be gone again already: the next change tells.
                    Err(error) => warn!("{}: {error}", link.name),
                }
            }
        }
    }

    fn wants(&self, link: &Link) -> bool {
        match self.wanted.is_empty() {
            true => link.ethernet && link.up && link.mac.is_some(),
            false => link.ethernet && self.wanted.contains(&link.name),
        }
    }

    fn listen(&mut self, link: &Link) -> io::Result<()> {
        let options = Options {
            promiscuous: self.promiscuous,
            ..Options::default()
        };
        let socket = PacketSocket::with(link.index, &self.speech.filter(), options)?;
        // RFC 4861 4.3: solicitations go to groups, of which this host is in the fewest.
        if self.speech == Speech::Ndp {
            socket.hear_groups(link.index)?;
        }
        let socket = Arc::new(socket);
        let (name, to) = (Arc::from(link.name.as_str()), self.to.clone());
        let task = tokio::spawn(hear(Arc::clone(&socket), name, to));
        let ear = Ear {
            index: link.index,
            up: link.up,
            socket,
            task,
        };
        self.open.insert(link.name.clone(), ear);
        Ok(())
    }

    /// The names of the interfaces.
    pub fn names(&self) -> Vec<&str> {
        self.open.keys().map(String::as_str).collect()
    }

    /// Frames that came faster than they were taken.
    pub fn lost(&self) -> u64 {
        self.lost + self.open.values().map(lost).sum::<u64>()
    }
}

fn lost(ear: &Ear) -> u64 {
    ear.socket.dropped().unwrap_or_default().into()
}

async fn hear(socket: Arc<PacketSocket>, name: Arc<str>, to: mpsc::Sender<Heard>) {
    let mut buffer = vec![0; FRAME_MAX];
    loop {
        let received = socket.recv(&mut buffer).await;
        let failed = received.is_err();
        let frame = received.map(|received| {
            let frame = buffer.get(..received.length);
            frame.unwrap_or_default().to_vec()
        });
        let heard = Heard {
            name: Arc::clone(&name),
            at: SystemTime::now(),
            frame,
        };
        if to.send(heard).await.is_err() || failed {
            return;
        }
    }
}
