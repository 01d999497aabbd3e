//! The formats on the wire: numbers and fields, one protocol a file. Offsets are in bytes, integers big-endian
//! unless a name says otherwise.

pub mod arp;
pub mod checksum;
pub mod dns;
pub mod ethernet;
pub mod ip;
pub mod name;
pub mod ndp;
pub mod udp;

/// The two bytes at `at` as a big-endian integer.
///
/// # Panics
/// If `bytes` ends before them.
#[inline(always)]
pub const fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The `N` bytes at `at`.
///
/// # Panics
/// If `bytes` ends before them.
#[inline(always)]
pub fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut chunk = [0; N];
    chunk.copy_from_slice(&bytes[at..at + N]);
    chunk
}

/// The eight bytes at `at` as a little-endian word: the first byte is the lowest.
///
/// # Panics
/// If `bytes` ends before them.
#[inline(always)]
pub fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(chunk(bytes, at))
}

/// The four bytes at `at` as a little-endian word.
///
/// # Panics
/// If `bytes` ends before them.
#[inline(always)]
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(chunk(bytes, at))
}

/// The two bytes at `at` as a little-endian word.
///
/// # Panics
/// If `bytes` ends before them.
#[inline(always)]
pub fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(chunk(bytes, at))
}

/// Copies `from` over the bytes at `at`.
///
/// # Panics
/// If `to` ends before them.
#[inline(always)]
pub fn put<const N: usize>(to: &mut [u8], at: usize, from: [u8; N]) {
    to[at..at + N].copy_from_slice(&from);
}

/// The six bytes at `at`, a hardware address, as a little-endian word of 48 bits.
///
/// # Panics
/// If `bytes` ends before them.
#[inline(always)]
pub fn le48(bytes: &[u8], at: usize) -> u64 {
    le32(bytes, at) as u64 | (le16(bytes, at + 4) as u64) << 32
}

/// Writes a little-endian word of 48 bits over the six bytes at `at`.
///
/// # Panics
/// If `to` ends before them.
#[inline(always)]
pub fn put48(to: &mut [u8], at: usize, word: u64) {
    put(to, at, (word as u32).to_le_bytes());
    put(to, at + 4, ((word >> 32) as u16).to_le_bytes());
}
