//! One frame, two answers: the comparison itself.

use std::fmt;
use std::net::IpAddr;

use llamar_common::abi::{COUNTERS_MAX, Control, Counters, Limit, Outcome};
use llamar_common::respond::Verdict;
use llamar_common::testing::{Tables, checksum, pseudo_header};

use crate::kernel::{HEADROOM, Kernel, LONGEST, SHORTEST};

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;

/// Time that an answer uses up where buckets are compared: far more than a test takes, on either side's clock.
pub const ANSWER: u64 = 1 << 56;

/// A frame on its way: the interface on which it arrives, and its bytes.
pub type Arrival = (u32, Vec<u8>);

/// What became of a frame on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The action of an XDP program.
    pub action: u32,
    /// The frame afterwards.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Seen {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "action {}, {}", self.action, hex(&self.bytes))
    }
}

/// Two sides that do not agree.
#[derive(Debug)]
pub enum Difference {
    /// About a frame.
    Frame {
        /// The frame.
        frame: Vec<u8>,
        /// What the kernel made of it.
        kernel: Seen,
        /// What the host made of it.
        host: Seen,
    },
    /// About the counters, after frames on which they agree.
    Counters(Vec<String>),
    /// About who is remembered as an ARP sender.
    Senders(u32),
    /// About how often a source was answered.
    Buckets(u32),
}

impl fmt::Display for Difference {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame {
                frame,
                kernel,
                host,
            } => write!(to, "{}\nkernel: {kernel}\nhost: {host}", hex(frame)),
            Self::Counters(differences) => write!(to, "counters: {}", differences.join("; ")),
            Self::Senders(slot) => write!(to, "senders in place {slot}"),
            Self::Buckets(slot) => write!(to, "buckets in place {slot}"),
        }
    }
}

/// The kernel and the host with the same tables.
pub struct Pair {
    /// The kernel's side.
    pub kernel: Kernel,
    /// The host's side.
    pub tables: Tables,
    counters: Vec<Counters>,
}

impl Pair {
    /// Fills the kernel's empty maps from the host's tables.
    pub fn new(kernel: Kernel, tables: Tables) -> Self {
        let filler = tables.clone();
        Self::of_two(kernel, &filler, tables)
    }

    /// A pair that need not agree.
    pub fn of_two(mut kernel: Kernel, in_kernel: &Tables, tables: Tables) -> Self {
        kernel.fill(in_kernel);
        let counters = vec![Counters::default(); COUNTERS_MAX as usize];
        Self {
            kernel,
            tables,
            counters,
        }
    }

    /// Sets what gates the answers on both sides.
    pub fn control(&mut self, control: Control) {
        let control = Control {
            index_slots: self.tables.control.index_slots,
            index_seeds: self.tables.control.index_seeds,
            index_ttls: self.tables.control.index_ttls,
            ..control
        };
        self.tables.control = control;
        self.kernel.control(control);
    }

    /// Sets how often a source is answered on every link, on both sides.
    pub fn limit(&mut self, limit: Limit) {
        for (slot, link) in &mut self.tables.links {
            link.limit = limit;
            self.kernel.link(*slot, link);
        }
    }

    /// What the host makes of a frame with so much room in front of it; counted.
    pub fn host(&mut self, ifindex: u32, frame: &[u8], headroom: usize) -> (Verdict, Seen) {
        let (verdict, bytes) = self.tables.respond(ifindex, frame, headroom);
        if let Some(outcome) = verdict.outcome {
            self.counters[verdict.slot as usize].frames[outcome as usize] += 1;
        }
        let action = match (verdict.reply, verdict.drop) {
            (true, _) => XDP_TX,
            (_, true) => XDP_DROP,
            _ => XDP_PASS,
        };
        (verdict, Seen { action, bytes })
    }

    /// What the kernel makes of a frame behind so many bytes of metadata.
    pub fn kernel(&mut self, ifindex: u32, frame: &[u8], metadata: usize) -> Seen {
        let (action, bytes) = self.kernel.run(ifindex, frame, metadata);
        let bytes = bytes.to_vec();
        Seen { action, bytes }
    }

    /// Sends a frame through both.
    pub fn frame(
        &mut self,
        (ifindex, frame): &Arrival,
        metadata: usize,
    ) -> Result<Verdict, Difference> {
        let (verdict, host) = self.host(*ifindex, frame, HEADROOM.saturating_sub(metadata));
        let kernel = self.kernel(*ifindex, frame, metadata);
        agree(frame, kernel, host).map(|()| verdict)
    }

    /// Sends frames through both and compares the counters after them.
    pub fn frames(&mut self, frames: &[Arrival], metadata: usize) -> Result<Tally, Difference> {
        let mut tally = Tally::default();
        for frame in frames {
            tally.count(self.frame(frame, metadata)?);
        }
        match self.counters() {
            Err(_) => Err(self.culprit(frames, metadata)),
            Ok(()) => Ok(tally),
        }
    }

    /// Compares all counters.
    pub fn counters(&self) -> Result<(), Difference> {
        let kernel = self.kernel.counters();
        let mut differences = Vec::new();
        for (slot, (kernel, host)) in kernel.iter().zip(&self.counters).enumerate() {
            for outcome in Outcome::ALL {
                let place = outcome as usize;
                let (kernel, host) = (kernel.frames[place], host.frames[place]);
                if kernel != host {
                    let name = outcome.as_str();
                    differences.push(format!("{name} of {slot}: kernel {kernel}, host {host}"));
                }
            }
        }
        if differences.is_empty() {
            Ok(())
        } else {
            Err(Difference::Counters(differences))
        }
    }

    /// Compares who is remembered; when cannot be compared, since two clocks tell it.
    pub fn senders(&self) -> Result<(), Difference> {
        let host = self.tables.senders.iter().map(std::cell::Cell::get);
        for (slot, (kernel, host)) in (0..).zip(self.kernel.senders().into_iter().zip(host)) {
            if (kernel.who, kernel.mac) != (host.who, host.mac) {
                return Err(Difference::Senders(slot));
            }
        }
        Ok(())
    }

    /// Compares how many answers each bucket has given, if each took an [`ANSWER`] out.
    pub fn buckets(&self) -> Result<(), Difference> {
        let host = self.tables.buckets.iter().map(std::cell::Cell::get);
        for (slot, (kernel, host)) in (0..).zip(self.kernel.buckets().into_iter().zip(host)) {
            if kernel / ANSWER != host / ANSWER {
                return Err(Difference::Buckets(slot));
            }
        }
        Ok(())
    }

    /// The first of some frames after which the counters differ by more than they did already.
    fn culprit(&mut self, frames: &[Arrival], metadata: usize) -> Difference {
        for frame in frames {
            self.counters = self.kernel.counters();
            if let Err(difference) = self.frame(frame, metadata) {
                return difference;
            }
            if let Err(Difference::Counters(mut differences)) = self.counters() {
                differences.push(hex(&frame.1));
                return Difference::Counters(differences);
            }
        }
        Difference::Counters(vec!["not in a second run of the same frames".into()])
    }
}

/// Whether both sides made the same of a frame, and left it alone if they passed it. Both run the same code: so of an
/// answer the sums have to be right by other code.
pub fn agree(frame: &[u8], kernel: Seen, host: Seen) -> Result<(), Difference> {
    let whole = match kernel.action {
        XDP_TX => match Sums::of(&kernel.bytes) {
            Sums::Whole => true,
            // What a device is to complete it completes in the answer.
            Sums::Partial => Sums::of(frame) == Sums::Partial,
            Sums::Wrong => false,
        },
        _ => kernel.bytes == frame,
    };
    if kernel == host && whole {
        return Ok(());
    }
    Err(Difference::Frame {
        frame: frame.to_vec(),
        kernel,
        host,
    })
}

/// What is right of the sums of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sums {
    /// All of it, as far as it has any.
    Whole,
    /// All but the datagram's: that is left to a device, and is the pseudo-header's.
    Partial,
    /// Something is not, or a length is not.
    Wrong,
}

impl Sums {
    /// Of a frame of ARP, or a datagram behind an IP header without extensions.
    fn of(frame: &[u8]) -> Self {
        let tagged = frame.get(12..14) == Some(&[0x81, 0x00]);
        let start = if tagged { 18 } else { 14 };
        let kind = frame.get(start - 2..start).unwrap_or_default();
        let found = match (kind, frame.get(start..).unwrap_or_default()) {
            ([0x08, 0x06], _) => Some(Self::Whole),
            ([0x08, 0x00], packet) => Self::v4(packet),
            ([0x86, 0xdd], packet) => Self::v6(packet),
            _ => None,
        };
        found.unwrap_or(Self::Wrong)
    }

    fn v4(packet: &[u8]) -> Option<Self> {
        let header = usize::from(packet.first()? & 15) * 4;
        let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<4>()?));
        let length = u16::from_be_bytes(*packet.get(2..)?.first_chunk()?);
        let right = packet[0] >> 4 == 4
            && usize::from(length) == packet.len()
            && packet.get(9) == Some(&17)
            && checksum(packet.get(..header)?, 0) == 0;
        right.then_some(Self::datagram(
            address(12)?,
            address(16)?,
            packet.get(header..)?,
        )?)
    }

    fn v6(packet: &[u8]) -> Option<Self> {
        let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<16>()?));
        let length = u16::from_be_bytes(*packet.get(4..)?.first_chunk()?);
        let right = packet[0] >> 4 == 6
            && usize::from(length) + 40 == packet.len()
            && packet.get(6) == Some(&17);
        right.then_some(Self::datagram(
            address(8)?,
            address(24)?,
            packet.get(40..)?,
        )?)
    }

    fn datagram(from: IpAddr, to: IpAddr, datagram: &[u8]) -> Option<Self> {
        let length = u16::from_be_bytes(*datagram.get(4..)?.first_chunk()?);
        let sent = u16::from_be_bytes(*datagram.get(6..)?.first_chunk()?);
        let pseudo = pseudo_header(from, to, length);
        let right = usize::from(length) == datagram.len() && sent != 0;
        right.then_some(if checksum(datagram, pseudo) == 0 {
            Self::Whole
        } else if sent == !checksum(&[], pseudo) {
            Self::Partial
        } else {
            Self::Wrong
        })
    }
}

/// Whether a test-run takes a frame; others are for the host alone.
pub fn runs(frame: &[u8]) -> bool {
    (SHORTEST..=LONGEST).contains(&frame.len())
}

/// What became of many frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// All of them.
    pub frames: u64,
    /// Those that were answered.
    pub answered: u64,
    /// By outcome.
    pub outcomes: Counters,
}

impl Tally {
    /// Counts a frame.
    pub fn count(&mut self, verdict: Verdict) {
        self.frames += 1;
        self.answered += u64::from(verdict.reply);
        if let Some(outcome) = verdict.outcome {
            self.outcomes.frames[outcome as usize] += 1;
        }
    }

    /// Adds those of another tally.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.answered += other.answered;
        for (sum, frames) in self.outcomes.frames.iter_mut().zip(other.outcomes.frames) {
            *sum += frames;
        }
    }

    /// How many had an outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes.frames[outcome as usize]
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} frames, {} answered", self.frames, self.answered)?;
        let mut of = |outcome: Outcome| write!(to, ", {} {}", outcome.as_str(), self.of(outcome));
        Outcome::ALL.into_iter().try_for_each(&mut of)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
