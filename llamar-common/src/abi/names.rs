//! The map of names.

use core::mem::transmute;

use super::{ADDRESSES_MAX, LABEL_MAX, LinkKey};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
