//! What the commands of `llamar nd` show: a line for each thing, or an object.

mod asked;
mod claimed;
mod told;

pub use asked::{AnswerRow, EndRow};
pub use claimed::{ClaimRow, Stage};
pub use told::{Neighbour, ToldRow};

use std::fmt;

use crate::ndp::{Advertisement, Message, Packet};

/// A packet in a few words, as tcpdump has them: `who has fe80::2? tell fe80::1`.
#[derive(Clone, Copy, Debug)]
pub struct Words<'p>(pub &'p Packet);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Packet {
            source,
            destination,
            message,
        } = self.0;
        match message {
            Message::Solicitation(asked) if source.is_unspecified() => {
                write!(f, "who has {}? (probe)", asked.target)
            }
            Message::Solicitation(asked) => write!(f, "who has {}? tell {source}", asked.target),
            Message::Advertisement(told) => {
                write!(f, "{} is at ", told.target)?;
                match told.target_mac {
                    Some(mac) => write!(f, "{mac}")?,
                    None => f.write_str("the same address as before")?,
                }
                write!(f, " ({} to {destination})", Flags(told))
            }
        }
    }
}

/// The flags of an advertisement that are set: `R S O`, or `no flags`.
struct Flags<'a>(&'a Advertisement);

impl fmt::Display for Flags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [
            (self.0.router, "R"),
            (self.0.solicited, "S"),
            (self.0.overriding, "O"),
        ];
        let set = flags.iter().filter(|(is_set, _)| *is_set);
        let set: Vec<&str> = set.map(|(_, flag)| *flag).collect();
        match set.as_slice() {
            [] => f.write_str("no flags"),
            set => f.write_str(&set.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ether::MacAddr;
    use crate::ndp::Solicitation;

    #[test]
    fn packets_are_told_in_a_few_words() {
        let target = "fe80::2".parse().unwrap();
        let words = |source: &str, message: Message| {
            let packet = Packet {
                source: source.parse().unwrap(),
                destination: "ff02::1".parse().unwrap(),
                message,
            };
            Words(&packet).to_string()
        };
        let asked = Message::Solicitation(Solicitation {
            target,
            source_mac: None,
            nonce: None,
        });
        assert_eq!(
            words("fe80::1", asked.clone()),
            "who has fe80::2? tell fe80::1"
        );
        assert_eq!(words("::", asked), "who has fe80::2? (probe)");
        let told = Advertisement {
            target,
            router: true,
            solicited: false,
            overriding: true,
            target_mac: Some(MacAddr([2, 0, 0, 0, 0, 2])),
        };
        assert_eq!(
            words("fe80::2", Message::Advertisement(told.clone())),
            "fe80::2 is at 02:00:00:00:00:02 (R O to ff02::1)"
        );
        let bare = Advertisement {
            router: false,
            overriding: false,
            target_mac: None,
            ..told
        };
        assert_eq!(
            words("fe80::2", Message::Advertisement(bare)),
            "fe80::2 is at the same address as before (no flags to ff02::1)"
        );
    }
}
