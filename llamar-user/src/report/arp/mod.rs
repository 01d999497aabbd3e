//! What the commands of `llamar arp` show: a line for each thing, or an object.

mod asked;
mod claimed;
mod told;

pub use asked::{AnswerRow, EndRow};
pub use claimed::{ClaimRow, Stage};
pub use told::ToldRow;

use std::fmt;

use llamar_common::wire::arp::{REPLY, REQUEST};

use crate::arp::Packet;

/// A packet in a few words, as tcpdump has them: `who has 10.0.0.2? tell 10.0.0.1`.
#[derive(Clone, Copy, Debug)]
pub struct Words<'p>(pub &'p Packet);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Packet {
            operation,
            sender,
            target,
        } = self.0;
        match *operation {
            REQUEST if self.0.is_probe() => write!(f, "who has {}? (probe)", target.ip),
            REQUEST if self.0.is_announcement() => {
                write!(f, "{} is at {} (announcement)", sender.ip, sender.mac)
            }
            REQUEST => write!(f, "who has {}? tell {}", target.ip, sender.ip),
            REPLY => write!(
                f,
                "{} is at {} (reply to {})",
                sender.ip, sender.mac, target.ip
            ),
            other => write!(f, "operation {other} from {} at {}", sender.ip, sender.mac),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arp::Station;
    use crate::ether::MacAddr;

    #[test]
    fn packets_are_told_in_a_few_words() {
        let holder = Station {
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            ip: [10, 0, 0, 1].into(),
        };
        let asked = [10, 0, 0, 2].into();
        let mut other = Packet::request(holder, asked);
        other.operation = 8;
        for (packet, words) in [
            (
                Packet::probe(holder.mac, asked),
                "who has 10.0.0.2? (probe)",
            ),
            (
                Packet::request(holder, asked),
                "who has 10.0.0.2? tell 10.0.0.1",
            ),
            (
                Packet::announcement(holder),
                "10.0.0.1 is at 02:00:00:00:00:01 (announcement)",
            ),
            (
                Packet::gratuitous_reply(holder),
                "10.0.0.1 is at 02:00:00:00:00:01 (reply to 10.0.0.1)",
            ),
            (other, "operation 8 from 10.0.0.1 at 02:00:00:00:00:01"),
        ] {
            assert_eq!(Words(&packet).to_string(), words);
        }
    }
}
