//! How memory is given back.

#![cfg_attr(
    target_env = "gnu",
    expect(unsafe_code, reason = "mallopt(3) is a function of C")
)]

/// Bytes from which on a piece of memory is the system's again as soon as it is free.
#[cfg(target_env = "gnu")]
const PIECE: i32 = 1 << 20;

/// Has large pieces of memory given back when they are free. Left alone, glibc takes what was freed first for a measure
/// and keeps pieces of up to 32 MB for later: what reading a million names took would stay with the agent for good.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a number, before there is another thread; every number is allowed.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, PIECE);
    }
}
