//! The maps that the kernel path and the agent share: names, keys, values and counters.
//!
//! Every type is `repr(C)` without padding, because a padding byte is part of a hash map's key. All fields of a
//! packet (addresses, labels) are in network byte order; plain integers are in the host's.

#![expect(
    unsafe_code,
    reason = "map types are built from words and handed to the kernel as bytes"
)]

use core::mem::{align_of, size_of, transmute};

/// Version of everything in this module; part of the pin path, so that two layouts never meet in one map.
pub const LAYOUT_VERSION: u32 = 1;

/// Names of the maps as `bpftool map` shows them. The kernel keeps 15 bytes of a name.
pub mod map {
    /// Hash: [`NameKey`](super::NameKey) -> [`Host`](super::Host).
    pub const NAMES: &str = "llamar_names";
    /// Hash: [`ArpKey`](super::ArpKey) -> [`ArpHost`](super::ArpHost).
    pub const ARP: &str = "llamar_arp";
    /// Array of [`Link`](super::Link), placed by [`link_slot`](super::link_slot).
    pub const LINKS: &str = "llamar_links";
    /// Array of [`Sender`](super::Sender): who was passed up to the stack lately, and when.
    pub const SENDERS: &str = "llamar_senders";
    /// Array of one [`Control`](super::Control).
    pub const CONTROL: &str = "llamar_control";
    /// Per-CPU array of [`Counters`](super::Counters), one for each link slot and one for frames of no link.
    pub const COUNTERS: &str = "llamar_counters";
    /// All of them, in the order in which they are created.
    pub const ALL: [&str; 6] = [NAMES, ARP, LINKS, SENDERS, CONTROL, COUNTERS];
}

/// Names of the programs in the eBPF object.
pub mod program {
    /// The XDP program for frames in one buffer.
    pub const XDP: &str = "llamar_xdp";
    /// The XDP program for interfaces whose frames may span buffers.
    pub const XDP_FRAGS: &str = "llamar_xdp_frags";
    /// Stamps [`Control`](super::Control) with the kernel's clock; run by test-run, attached nowhere.
    pub const BEAT: &str = "llamar_beat";
}

/// Longest label in bytes (RFC 1035 2.3.4).
pub const LABEL_MAX: usize = 63;
/// Addresses of one family that one entry holds; a host with more is answered for from userspace.
pub const ADDRESSES_MAX: usize = 4;
/// On-link prefixes of one family that one link holds; an asker outside of them is left to userspace.
pub const PREFIXES_MAX: usize = 16;
/// Places in the array of links.
pub const LINKS_MAX: u32 = 256;
/// Places that a link may take, one after the other from its first.
pub const LINK_PROBES: u32 = 4;
/// Places in the array of ARP senders; a power of two.
pub const SENDERS_MAX: u32 = 4096;
/// Places in the array of counters: one for each link and one for frames that belong to none.
pub const COUNTERS_MAX: u32 = LINKS_MAX + 1;
/// Place of the counters for frames that belong to no link.
pub const NO_LINK: u32 = LINKS_MAX;
/// Capacity of the names map unless the agent asks for another.
pub const NAMES_MAX_DEFAULT: u32 = 65_536;
/// Capacity of the ARP map.
pub const ARP_MAX: u32 = 65_536;
/// How long the kernel path answers without a heartbeat, in seconds.
pub const LEASE_SECONDS: u32 = 3;
/// How long an ARP sender is answered before one of its requests is passed up again, in seconds.
pub const SENDER_SECONDS: u32 = 30;

/// A link: one interface, or one VLAN of it. A record is valid on one link only.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkKey {
    /// Index of the interface on which frames arrive.
    pub ifindex: u32,
    /// VLAN id 1 to 4094 of their tag, 0 for frames without one.
    pub vlan: u16,
    /// Always 0.
    pub reserved: u16,
}

impl LinkKey {
    /// The link of untagged (`vlan` 0) or tagged frames of an interface.
    #[inline(always)]
    pub const fn new(ifindex: u32, vlan: u16) -> Self {
        Self {
            ifindex,
            vlan,
            reserved: 0,
        }
    }
}

/// Places in the array of links that a link may take, first choice first.
#[inline(always)]
pub const fn link_slot(link: LinkKey, probe: u32) -> u32 {
    let hash =
        link.ifindex.wrapping_mul(0x9e37_79b1) ^ (link.vlan as u32).wrapping_mul(0x85eb_ca6b);
    ((hash >> 16) ^ hash).wrapping_add(probe) % LINKS_MAX
}

/// Key of a name: one label on one link.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameKey {
    /// See [`LinkKey::ifindex`].
    pub ifindex: u32,
    /// See [`LinkKey::vlan`].
    pub vlan: u16,
    /// Length of the label, 1 to 63.
    pub length: u16,
    /// The label, ASCII upper case folded to lower (RFC 1035 2.3.3), zeros behind it. `i8` so that
    /// `bpftool map dump` shows text.
    pub label: [i8; 64],
}

impl NameKey {
    /// The key of a label on a link; `None` unless the label has 1 to 63 bytes.
    pub fn new(link: LinkKey, label: &[u8]) -> Option<Self> {
        if label.is_empty() || label.len() > LABEL_MAX {
            return None;
        }
        let mut key = Self {
            ifindex: link.ifindex,
            vlan: link.vlan,
            length: label.len() as u16,
            label: [0; 64],
        };
        for (to, from) in key.label.iter_mut().zip(label) {
            *to = from.to_ascii_lowercase() as i8;
        }
        Some(key)
    }

    /// The key of a folded label given as eight little-endian words, zeros behind its end.
    #[inline(always)]
    pub fn from_words(link: LinkKey, length: usize, label: [u64; 8]) -> Self {
        // SAFETY: both types have 64 bytes and any bytes are an `[i8; 64]`.
        let label = unsafe { transmute::<[u64; 8], [i8; 64]>(label.map(u64::to_le)) };
        Self {
            ifindex: link.ifindex,
            vlan: link.vlan,
            length: length as u16,
            label,
        }
    }

    /// The link on which the name is valid.
    pub const fn link(&self) -> LinkKey {
        LinkKey::new(self.ifindex, self.vlan)
    }

    /// The label's bytes, without the zeros behind it.
    pub fn label(&self) -> impl Iterator<Item = u8> + '_ {
        self.label
            .iter()
            .take((self.length as usize).min(LABEL_MAX))
            .map(|&byte| byte as u8)
    }
}

/// State of a name on its link (RFC 4795 4): the kernel path answers for unique ones only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NameState {
    /// Being verified: the agent answers, with T set.
    Tentative = 0,
    /// Verified: answered in the kernel.
    Unique = 1,
    /// Held by several hosts on purpose: the agent answers, with C set.
    Shared = 2,
}

impl NameState {
    /// The state as a word, for output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tentative => "tentative",
            Self::Unique => "unique",
            Self::Shared => "shared",
        }
    }

    /// The state that a map's byte stands for; an unknown one counts as tentative, which the kernel path passes.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Unique,
            2 => Self::Shared,
            _ => Self::Tentative,
        }
    }
}

/// Value of a name: the addresses of its host on that link. Routable addresses come first, link-local ones
/// (169.254/16, fe80::/10) behind them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// A [`NameState`].
    pub state: u8,
    /// IPv4 addresses of the host; above [`ADDRESSES_MAX`] the array holds none of them and A goes to userspace.
    pub a_count: u8,
    /// How many of the IPv4 addresses are routable, that is: where the link-local ones begin.
    pub a_routable: u8,
    /// IPv6 addresses of the host; see `a_count`.
    pub aaaa_count: u8,
    /// How many of the IPv6 addresses are routable.
    pub aaaa_routable: u8,
    /// Always 0.
    pub reserved: [u8; 3],
    /// TTL of every record in seconds.
    pub ttl: u32,
    /// IPv4 addresses.
    pub a: [[u8; 4]; ADDRESSES_MAX],
    /// IPv6 addresses.
    pub aaaa: [[u8; 16]; ADDRESSES_MAX],
}

/// Key of an address for which ARP requests are answered on a link.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArpKey {
    /// See [`LinkKey::ifindex`].
    pub ifindex: u32,
    /// See [`LinkKey::vlan`].
    pub vlan: u16,
    /// Always 0.
    pub reserved: u16,
    /// The IPv4 address.
    pub address: [u8; 4],
}

impl ArpKey {
    /// The key of an address on a link.
    #[inline(always)]
    pub const fn new(link: LinkKey, address: [u8; 4]) -> Self {
        Self {
            ifindex: link.ifindex,
            vlan: link.vlan,
            reserved: 0,
            address,
        }
    }

    /// The link on which the address is answered for.
    pub const fn link(&self) -> LinkKey {
        LinkKey::new(self.ifindex, self.vlan)
    }
}

/// [`ArpHost::origin`]: the address is assigned to the interface, so the stack answers what is passed up.
pub const ARP_ASSIGNED: u16 = 1;
/// [`ArpHost::origin`]: the address is on the `proxy-arp` list or declared for a VLAN, so only llamar answers.
pub const ARP_DECLARED: u16 = 2;

/// Value of an address for which ARP requests are answered.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArpHost {
    /// The hardware address that answers name.
    pub mac: [u8; 6],
    /// [`ARP_ASSIGNED`] or [`ARP_DECLARED`].
    pub origin: u16,
}

/// An on-link IPv4 prefix and our address in it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix4 {
    /// The prefix, host bits zero.
    pub network: [u8; 4],
    /// Its mask.
    pub mask: [u8; 4],
    /// The address from which askers in the prefix are answered.
    pub source: [u8; 4],
}

/// An on-link IPv6 prefix and our address in it; fe80::/64 is one like the others.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix6 {
    /// The prefix, host bits zero.
    pub network: [u8; 16],
    /// Its mask.
    pub mask: [u8; 16],
    /// The address from which askers in the prefix are answered.
    pub source: [u8; 16],
}

/// A link as the kernel path sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Odd while the agent writes the entry. A reader that finds it odd, or changed when it has finished
    /// reading, passes the frame.
    pub generation: u32,
    /// Index of the interface; 0 in an empty place.
    pub ifindex: u32,
    /// VLAN id, 0 for untagged frames.
    pub vlan: u16,
    /// Our hardware address on the link.
    pub mac: [u8; 6],
    /// Used entries of `prefix4`.
    pub prefix4_count: u32,
    /// Used entries of `prefix6`.
    pub prefix6_count: u32,
    /// On-link IPv4 prefixes, longest first.
    pub prefix4: [Prefix4; PREFIXES_MAX],
    /// On-link IPv6 prefixes, longest first.
    pub prefix6: [Prefix6; PREFIXES_MAX],
}

impl Link {
    /// An empty place.
    pub const EMPTY: Self = Self {
        generation: 0,
        ifindex: 0,
        vlan: 0,
        mac: [0; 6],
        prefix4_count: 0,
        prefix6_count: 0,
        prefix4: [Prefix4 {
            network: [0; 4],
            mask: [0; 4],
            source: [0; 4],
        }; PREFIXES_MAX],
        prefix6: [Prefix6 {
            network: [0; 16],
            mask: [0; 16],
            source: [0; 16],
        }; PREFIXES_MAX],
    };

    /// The link's key; `ifindex` 0 stands for an empty place.
    #[inline(always)]
    pub const fn key(&self) -> LinkKey {
        LinkKey::new(self.ifindex, self.vlan)
    }
}

/// An ARP sender whose request was passed up to the stack, which learns its address from it (RFC 826).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Hash-free identity: the sender's IPv4 address in the upper and the interface's index in the lower half.
    pub who: u64,
    /// The sender's MAC in the lower 48 bits (as read little-endian), the VLAN id in the upper 16.
    pub mac: u64,
    /// `bpf_jiffies64()` when it was last passed up.
    pub at: u64,
}

/// What gates the kernel path.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// `bpf_jiffies64()` at the agent's last heartbeat; 0 before the first.
    pub beat: u64,
    /// Jiffies for which a heartbeat is good.
    pub lease: u64,
    /// `bpf_ktime_get_ns()` at the last heartbeat, to tell how long a jiffy is.
    pub beat_ns: u64,
    /// Jiffies for which an ARP sender is answered before it is passed up again.
    pub sender_lease: u64,
}

/// What became of a frame. A counter for each lies in [`Counters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// ARP request answered.
    ArpAnswered,
    /// ARP request for an address that is not ours: passed.
    ArpForeign,
    /// ARP request of a sender that the stack has to learn: passed.
    ArpLearn,
    /// ARP probe, announcement, reply or a request that is not plain Ethernet and IPv4: passed.
    ArpOther,
    /// ARP packet from another station that uses an address of ours: passed.
    ArpConflict,
    /// LLMNR query answered with addresses.
    LlmnrAnswered,
    /// LLMNR query answered: the name exists, the type does not.
    LlmnrEmpty,
    /// LLMNR query for a name that is not in the map: passed.
    LlmnrForeign,
    /// LLMNR query for a tentative or shared name: passed.
    LlmnrNotUnique,
    /// LLMNR query for a host with more addresses than an entry holds: passed.
    LlmnrTooMany,
    /// LLMNR query whose source is not on the link: passed.
    LlmnrOffLink,
    /// LLMNR message that only the agent handles (another type, class, flag, section or name form): passed.
    LlmnrOther,
    /// LLMNR packet whose lengths or IP form are not plain: passed.
    LlmnrMalformed,
    /// LLMNR packet with a wrong checksum: passed.
    LlmnrChecksum,
    /// Frame on a link that is not served: passed.
    NoLink,
    /// Frame that would have been answered, but the agent gave no sign of life: passed.
    NoHeartbeat,
    /// Frame that would have been answered, but the driver left no room in front of it: passed.
    NoRoom,
}

impl Outcome {
    /// Every outcome, in the order of [`Counters`].
    pub const ALL: [Self; OUTCOMES] = [
        Self::ArpAnswered,
        Self::ArpForeign,
        Self::ArpLearn,
        Self::ArpOther,
        Self::ArpConflict,
        Self::LlmnrAnswered,
        Self::LlmnrEmpty,
        Self::LlmnrForeign,
        Self::LlmnrNotUnique,
        Self::LlmnrTooMany,
        Self::LlmnrOffLink,
        Self::LlmnrOther,
        Self::LlmnrMalformed,
        Self::LlmnrChecksum,
        Self::NoLink,
        Self::NoHeartbeat,
        Self::NoRoom,
    ];

    /// The outcome's name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ArpAnswered => "arp-answered",
            Self::ArpForeign => "arp-foreign",
            Self::ArpLearn => "arp-learn",
            Self::ArpOther => "arp-other",
            Self::ArpConflict => "arp-conflict",
            Self::LlmnrAnswered => "llmnr-answered",
            Self::LlmnrEmpty => "llmnr-empty",
            Self::LlmnrForeign => "llmnr-foreign",
            Self::LlmnrNotUnique => "llmnr-not-unique",
            Self::LlmnrTooMany => "llmnr-too-many",
            Self::LlmnrOffLink => "llmnr-off-link",
            Self::LlmnrOther => "llmnr-other",
            Self::LlmnrMalformed => "llmnr-malformed",
            Self::LlmnrChecksum => "llmnr-checksum",
            Self::NoLink => "no-link",
            Self::NoHeartbeat => "no-heartbeat",
            Self::NoRoom => "no-room",
        }
    }
}

/// How many outcomes there are.
pub const OUTCOMES: usize = 17;
/// Places for outcomes: a power of two, so that one `and` bounds an index for the verifier.
pub const OUTCOME_PLACES: usize = 32;
const _: () = assert!(OUTCOMES <= OUTCOME_PLACES);

/// Value of the counters' map: frames by [`Outcome`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Indexed by [`Outcome`].
    pub frames: [u64; OUTCOME_PLACES],
}

/// A type that is exactly its bytes: no padding, every bit pattern valid.
///
/// # Safety
/// Implemented only for the `repr(C)` types of this module whose sizes are asserted below.
pub unsafe trait Plain: Copy + 'static {
    /// The value's bytes, as the kernel sees them.
    fn bytes(&self) -> &[u8] {
        // SAFETY: the implementor has no padding, so all of its bytes are initialised.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }

    /// The value with these bytes; `None` if their number is not the type's size.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // SAFETY: the length is checked, any bytes are a value, and the read asks for no alignment.
        (bytes.len() == size_of::<Self>())
            .then(|| unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }
}

macro_rules! plain {
    ($($type:ty = $size:literal),* $(,)?) => { $(
        const _: () = assert!(size_of::<$type>() == $size && align_of::<$type>() <= 8);
        // SAFETY: `repr(C)`, integers and arrays of them only, and the size is the sum of the fields' sizes.
        unsafe impl Plain for $type {}
    )* };
}

plain! {
    LinkKey = 8,
    NameKey = 72,
    Host = 92,
    ArpKey = 12,
    ArpHost = 8,
    Prefix4 = 12,
    Prefix6 = 48,
    Link = 984,
    Sender = 24,
    Control = 32,
    Counters = 256,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_numbered_in_the_order_of_all() {
        for (index, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, index);
        }
    }

    #[test]
    fn name_key_folds_ascii_case_only_and_equals_the_key_from_words() {
        let link = LinkKey::new(7, 100);
        let label = b"CaSa-\xc3\x89Z[";
        let key = NameKey::new(link, label).unwrap();
        assert!(key.label().eq(b"casa-\xc3\x89z[".iter().copied()));
        let mut words = [0u64; 8];
        for (index, byte) in key.label.iter().enumerate() {
            words[index / 8] |= u64::from(*byte as u8) << (index % 8 * 8);
        }
        assert_eq!(key, NameKey::from_words(link, label.len(), words));
    }

    #[test]
    fn labels_of_0_or_64_bytes_have_no_key() {
        assert_eq!(NameKey::new(LinkKey::new(1, 0), b""), None);
        assert_eq!(NameKey::new(LinkKey::new(1, 0), &[b'a'; 64]), None);
        assert!(NameKey::new(LinkKey::new(1, 0), &[b'a'; 63]).is_some());
    }

    #[test]
    fn probes_of_a_link_are_different_places() {
        for ifindex in 1..2000 {
            let link = LinkKey::new(ifindex, (ifindex % 4095) as u16);
            let first = link_slot(link, 0);
            for probe in 1..LINK_PROBES {
                assert_eq!(link_slot(link, probe), (first + probe) % LINKS_MAX);
            }
        }
    }

    #[test]
    fn map_names_fit_what_the_kernel_keeps() {
        assert!(
            map::ALL
                .iter()
                .all(|name| name.len() <= 15 && name.starts_with("llamar_"))
        );
    }
}
