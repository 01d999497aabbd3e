//! The frames that are sent, and what is expected to come back: built by `llamar_common::testing`, which shares no
//! code with the programs that are measured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, bail, ensure};
use llamar_common::bench::{Canned, Expect, FRAME_MAX, LABEL, Load, label, number};
use llamar_common::testing::{A, AAAA, Arp, FrameBuilder, Query};
use llamar_common::wire::checksum::Sum;

use super::scene::{ASKER_MAC, HOST_MAC, HOST_V4, asker, host};

/// TTL of the names.
const TTL: u32 = 30;
/// Offsets in a UDP datagram: checksum, the message's id, the label of its question.
const CHECKSUM: usize = 6;
const ID: usize = 8;
const LABEL_AT: usize = 21;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The addresses of a name.
    Llmnr {
        /// Over IPv6.
        v6: bool,
        /// For AAAA instead of A.
        aaaa: bool,
        /// Names to draw from.
        names: u32,
    },
    /// The host's hardware address.
    Arp,
}

/// The IPv4 address of a name.
pub fn address4(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 16, 0, 0)) + number)
}

/// The IPv6 address of a name.
pub fn address6(number: u32) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(Ipv6Addr::new(0xfd16, 0, 0, 0, 0, 0, 0, 0)) + u128::from(number))
}

/// The text of a name.
pub fn name(number: u32) -> String {
    String::from_utf8_lossy(&label(number).to_le_bytes()).into_owned()
}

impl Question {
    /// What makes the generator ask it.
    pub fn load(self) -> Result<Load> {
        match self {
            Self::Arp => fixed(&Arp::request(asker(false), HOST_V4).build()),
            Self::Llmnr { v6, names, .. } => {
                let mut frame = self.query(&name(0)).id(0).build();
                let at = datagram(v6);
                let checksum = u16::from_le_bytes([frame[at + CHECKSUM], frame[at + CHECKSUM + 1]]);
                let spelt = Sum::ZERO.le64(label(0)).moved(true).fold();
                frame[at + CHECKSUM..][..2].fill(0);
                frame[at + LABEL_AT..][..LABEL].fill(0);
                Ok(Load {
                    names,
                    label_at: (at + LABEL_AT) as u32,
                    id_at: (at + ID) as u32,
                    checksum_at: (at + CHECKSUM) as u32,
                    // Subtraction of one's complements.
                    sum: Sum::ZERO.le16(!checksum).le16(!spelt).fold().into(),
                    ..fixed(&frame)?
                })
            }
        }
    }

    /// Frames of its kind that nobody may answer, and what is wrong with each.
    pub fn unanswerable(self) -> Result<Vec<(&'static str, Load)>> {
        Ok(match self {
            Self::Arp => {
                let other = Ipv4Addr::new(10, 7, 0, 77);
                vec![(
                    "an address of nobody",
                    fixed(&Arp::request(asker(false), other).build())?,
                )]
            }
            Self::Llmnr { .. } => {
                // Two names that differ from an existing one in the first and the last letter.
                let (first, last) = (self.query("zaaaaaaa"), self.query("aaaaaaaz"));
                let wrong = self.query(&name(0)).with_wrong_checksum();
                vec![
                    ("a name of nobody", fixed(&first.build())?),
                    ("another name of nobody", fixed(&last.build())?),
                    ("a wrong checksum", fixed(&wrong.build())?),
                ]
            }
        })
    }

    /// What makes the benchmark's own responder answer it, with one of `bench::lie`. Only for A over IPv4.
    pub fn canned(self, lie: u32) -> Result<Canned> {
        let Self::Llmnr {
            v6: false,
            aaaa: false,
            names,
        } = self
        else {
            bail!("the benchmark's own responder knows no answer to {self:?}");
        };
        let at = datagram(false);
        let reply = self.query(&name(0)).id(0).reply(host(false));
        let mut frame = reply.address(TTL, address4(0)).build();
        let checksum = u16::from_le_bytes([frame[at + CHECKSUM], frame[at + CHECKSUM + 1]]);
        let (spelt, end) = (Sum::ZERO.le64(label(0)).moved(true), frame.len() - 4);
        let spelt = spelt.le32(u32::from(address4(0)).to_be()).fold();
        frame[at + CHECKSUM..][..2].fill(0);
        frame[at + LABEL_AT..][..LABEL].fill(0);
        frame[end..].fill(0);
        Ok(Canned {
            answer: Load {
                names,
                sum: Sum::ZERO.le16(!checksum).le16(!spelt).fold().into(),
                ..fixed(&frame)?
            },
            address: address4(0).into(),
            lie,
        })
    }

    /// What an answer looks like.
    pub fn answer(self) -> Result<Expect> {
        let load = self.load()?;
        Ok(match self {
            Self::Arp => {
                let [a, b, c, d, e, f] = HOST_MAC;
                Expect {
                    value: u64::from_le_bytes([0, 2, a, b, c, d, e, f]),
                    mask: u64::MAX,
                    at: 20,
                    length: load.length,
                    ..Expect::default()
                }
            }
            Self::Llmnr { aaaa, .. } => Expect {
                // A response without other flags, one question, one answer; any id.
                value: u64::from_le_bytes([0, 0, 0x80, 0, 0, 1, 0, 1]),
                mask: u64::from_le_bytes([0, 0, 255, 255, 255, 255, 255, 255]),
                at: load.id_at,
                length: load.length + if aaaa { 28 } else { 16 },
                ..Expect::default()
            },
        })
    }

    /// What the question looks like when it was reflected.
    pub fn reflection(self) -> Result<Expect> {
        let load = self.load()?;
        let [a, b, c, d, e, f] = ASKER_MAC;
        let mask = u64::from_le_bytes([255, 255, 255, 255, 255, 255, 0, 0]);
        Ok(Expect {
            value: u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
            mask,
            at: 0,
            length: load.length,
            ..Expect::default()
        })
    }

    /// Compares a whole answer with what the RFCs want: each byte, or with `message` those of the message alone, as
    /// the headers in front of it are a stack's own matter.
    pub fn check(self, answer: &[u8], message: bool) -> Result<()> {
        let (expected, start) = match self {
            Self::Arp => {
                let request = Arp::request(asker(false), HOST_V4);
                (request.reply(HOST_MAC).build(), 0)
            }
            Self::Llmnr { v6, .. } => {
                let at = datagram(v6);
                (
                    self.expected(answer, at)?,
                    if message { at + ID } else { 0 },
                )
            }
        };
        ensure!(
            answer.get(start..) == expected.get(start..),
            "an answer is wrong: {answer:02x?} instead of {expected:02x?}"
        );
        Ok(())
    }

    /// The answer to the question that an answer repeats.
    fn expected(self, answer: &[u8], at: usize) -> Result<Vec<u8>> {
        let Self::Llmnr { v6, aaaa, names } = self else {
            return Ok(Vec::new());
        };
        let id = answer.get(at + ID..).and_then(<[u8]>::first_chunk::<2>);
        let label = answer
            .get(at + LABEL_AT..)
            .and_then(<[u8]>::first_chunk::<LABEL>);
        let (id, label) = id.zip(label).context("an answer is too short")?;
        let number = number(u64::from_le_bytes(*label)).filter(|number| *number < names);
        let number = number
            .with_context(|| format!("an answer for a name that nobody has: {label:02x?}"))?;
        let address: IpAddr = if aaaa {
            address6(number).into()
        } else {
            address4(number).into()
        };
        let query = self.query(&name(number)).id(u16::from_be_bytes(*id));
        Ok(query.reply(host(v6)).address(TTL, address).build())
    }

    fn query(self, name: &str) -> Query {
        let (v6, kind) = match self {
            Self::Llmnr { v6, aaaa: true, .. } => (v6, AAAA),
            Self::Llmnr { v6, .. } => (v6, A),
            Self::Arp => (false, A),
        };
        FrameBuilder::llmnr(asker(v6)).question(name, kind)
    }
}

/// A frame that is sent as it is.
pub fn fixed(bytes: &[u8]) -> Result<Load> {
    let mut frame = [0; FRAME_MAX];
    let place = frame.get_mut(..bytes.len());
    place
        .context("a frame is too long for the generator")?
        .copy_from_slice(bytes);
    Ok(Load {
        frame,
        random: 0x9e37_79b9_7f4a_7c15,
        length: bytes.len() as u32,
        names: 0,
        label_at: 0,
        id_at: 0,
        checksum_at: 0,
        sum: 0,
    })
}

/// Offset of the UDP datagram.
fn datagram(v6: bool) -> usize {
    if v6 { 54 } else { 34 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Question; 4] = [
        Question::Llmnr {
            v6: false,
            aaaa: false,
            names: 1,
        },
        Question::Llmnr {
            v6: true,
            aaaa: false,
            names: 1,
        },
        Question::Llmnr {
            v6: true,
            aaaa: true,
            names: 1,
        },
        Question::Arp,
    ];

    /// What the generator does, in words of the host.
    fn generated(load: &Load, number: u32, id: u16) -> Vec<u8> {
        let mut frame = load.frame[..load.length as usize].to_vec();
        let word = label(number);
        let sum = Sum::ZERO
            .le64(word)
            .moved(true)
            .le16(id)
            .le16(load.sum as u16)
            .fold();
        frame[load.label_at as usize..][..LABEL].copy_from_slice(&word.to_le_bytes());
        frame[load.id_at as usize..][..2].copy_from_slice(&id.to_le_bytes());
        frame[load.checksum_at as usize..][..2].copy_from_slice(&(!sum).to_le_bytes());
        frame
    }

    #[test]
    fn the_generators_frames_are_queries() {
        for question in &ALL[..3] {
            let load = question.load().unwrap();
            let expected = question.query(&name(999_999)).id(0x1234).build();
            assert_eq!(generated(&load, 999_999, 0x3412), expected, "{question:?}");
        }
    }

    #[test]
    fn right_answers_pass_and_every_other_does_not() {
        for question in ALL {
            let answer = match question {
                Question::Arp => Arp::request(asker(false), HOST_V4).reply(HOST_MAC).build(),
                Question::Llmnr { v6, aaaa, .. } => {
                    let address: IpAddr = if aaaa {
                        address6(0).into()
                    } else {
                        address4(0).into()
                    };
                    question
                        .query(&name(0))
                        .reply(host(v6))
                        .address(TTL, address)
                        .build()
                }
            };
            question.check(&answer, false).unwrap();
            assert_eq!(question.answer().unwrap().length as usize, answer.len());
            for place in 0..answer.len() {
                let mut wrong = answer.clone();
                wrong[place] ^= 0x10;
                // A message's id may be any.
                let id = question.load().unwrap().id_at as usize;
                if question == Question::Arp || !(id..id + 2).contains(&place) {
                    assert!(
                        question.check(&wrong, false).is_err(),
                        "{question:?} at {place}"
                    );
                }
            }
        }
    }
}
