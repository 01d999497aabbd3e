//! Maps of one value each, which lies at an address that the loader writes into the programs: reached without a look-up.
//! Names of symbols and sections are those of `llamar_common::abi::GLOBALS`.

#![expect(
    unsafe_code,
    reason = "the loader finds symbols by name, and only it knows their addresses"
)]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use llamar_common::abi::{BUCKETS_MAX, Control, LINKS_MAX, Link, SENDERS_MAX, Sender};

/// The one value of a map, zeros at first; others write it at any time.
#[repr(transparent)]
struct Global<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: nothing is ever done with one but to tell its address.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    const fn zero() -> Self {
        Self(UnsafeCell::new(MaybeUninit::zeroed()))
    }
}

/// Defines a global, and the function that tells its address. The compiler is not told that the one is the other's, or it
/// would take what is there for zeros.
macro_rules! global {
    ($(#[$doc:meta])* $address:ident: $type:ty = $symbol:ident in $section:literal) => {
        #[unsafe(no_mangle)]
        #[unsafe(link_section = $section)]
        static $symbol: Global<$type> = Global::zero();

        $(#[$doc])*
        #[inline(always)]
        pub fn $address() -> *mut $type {
            let address;
            // SAFETY: puts a constant into a register.
            unsafe { asm!("{0} = {1} ll", out(reg) address, sym $symbol, options(pure, nomem)) };
            address
        }
    };
}

global! {
    /// The links, each in its place.
    links: [Link; LINKS_MAX as usize] = LLAMAR_LINKS in ".bss.links"
}
global! {
    /// Who was passed up to the stack lately.
    senders: [Sender; SENDERS_MAX as usize] = LLAMAR_SENDERS in ".bss.senders"
}
global! {
    /// The limiter's buckets.
    buckets: [u64; BUCKETS_MAX as usize] = LLAMAR_BUCKETS in ".bss.buckets"
}
global! {
    /// What gates the answers; the heartbeat writes it.
    control: Control = LLAMAR_CONTROL in ".bss.control"
}
