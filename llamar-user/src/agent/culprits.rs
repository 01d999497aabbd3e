//! Who has names of ours: the hardware addresses of those hosts, from the neighbour table, for the log and for
//! `llamar why` (RFC 4795 4.2: conflicts are logged).

use std::collections::BTreeMap;
use std::net::IpAddr;

use llamar_common::abi::LinkKey;
use tokio::sync::mpsc;

use crate::link::neighbours::hardware_address;

/// Hosts that are looked up at a time; of more the log does not tell the hardware address.
const LOOK_UPS_MAX: usize = 16;
/// Hosts whose hardware address is remembered.
const KNOWN_MAX: usize = 256;

/// A conflict whose culprit was looked up, to be logged now.
pub struct Found {
    /// The link of the conflict.
    pub key: LinkKey,
    /// The culprit's address.
    pub culprit: IpAddr,
    /// Its hardware address, where that could be found.
    pub mac: Option<[u8; 6]>,
    /// What to log.
    pub text: Sentence,
}

/// What is said of a culprit: the words before it and those behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence(pub String, pub String);

impl Sentence {
    /// The whole, with the culprit as it is shown.
    pub fn with(&self, culprit: &str) -> String {
        let Self(before, behind) = self;
        format!("{before}{culprit}{behind}")
    }
}

/// The culprits that are known and those that are being looked up.
pub struct Culprits {
    /// By link and address: the same address is another host's on another link.
    known: BTreeMap<(LinkKey, IpAddr), [u8; 6]>,
    sender: mpsc::Sender<Found>,
    receiver: mpsc::Receiver<Found>,
}

impl Culprits {
    /// None yet.
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel(LOOK_UPS_MAX);
        Self {
            known: BTreeMap::new(),
            sender,
            receiver,
        }
    }

    /// Looks a culprit up on an interface; [`next`](Self::next) then gives it with its `text`. Gives the text back
    /// where too many are being looked up.
    pub fn look_up(
        &self,
        key: LinkKey,
        device: u32,
        culprit: IpAddr,
        text: Sentence,
    ) -> Result<(), Sentence> {
        let Ok(place) = self.sender.clone().try_reserve_owned() else {
            return Err(text);
        };
        tokio::spawn(async move {
            let mac = hardware_address(device, culprit).await;
            place.send(Found {
                key,
                culprit,
                mac,
                text,
            });
        });
        Ok(())
    }

    /// The next culprit that was looked up. Cancelling loses none.
    pub async fn next(&mut self) -> Found {
        match self.receiver.recv().await {
            Some(found) => found,
            // The sender above keeps the channel open.
            None => std::future::pending().await,
        }
    }

    /// Remembers a hardware address.
    pub fn learn(&mut self, key: LinkKey, culprit: IpAddr, mac: [u8; 6]) {
        if self.known.len() >= KNOWN_MAX && !self.known.contains_key(&(key, culprit)) {
            self.known.pop_first();
        }
        self.known.insert((key, culprit), mac);
    }

    /// A culprit's addresses, for people: `192.0.2.9 (02:00:00:00:00:09)`.
    pub fn shown(&self, key: LinkKey, culprit: IpAddr) -> String {
        match self.known.get(&(key, culprit)) {
            Some(mac) => {
                let octets = mac.map(|octet| format!("{octet:02x}"));
                format!("{culprit} ({})", octets.join(":"))
            }
            None => culprit.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn culprits_are_shown_with_what_is_known_of_them() {
        let mut culprits = Culprits::new();
        let culprit = IpAddr::from([192, 0, 2, 9]);
        let (on, other) = (LinkKey::new(2, 0), LinkKey::new(3, 0));
        assert_eq!(culprits.shown(on, culprit), "192.0.2.9");
        culprits.learn(on, culprit, [2, 0, 0, 0, 0, 9]);
        assert_eq!(culprits.shown(on, culprit), "192.0.2.9 (02:00:00:00:00:09)");
        // A link-local address says nothing of the host that has it on another link.
        assert_eq!(culprits.shown(other, culprit), "192.0.2.9");
        for host in 0..2 * KNOWN_MAX as u32 {
            culprits.learn(on, IpAddr::V4(host.into()), [0; 6]);
        }
        assert_eq!(culprits.known.len(), KNOWN_MAX);
    }
}
