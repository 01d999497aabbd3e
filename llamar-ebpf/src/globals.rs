//! Maps of one value each, which lies at an address that the loader writes into the programs: reached without a look-up.
//! Names of symbols and sections are those of `llamar_common::abi::GLOBALS`.

#![expect(
    unsafe_code,
    reason = "the loader finds symbols by name, and only it knows their addresses"
)]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::hint::assert_unchecked;
use core::mem::MaybeUninit;

use llamar_common::abi::{
    BUCKETS_MAX, Bucket, Bucket6, Control, LINKS_MAX, Link, SENDERS_MAX, Sender, marks,
};

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
            let address: *mut $type;
            // SAFETY: puts a constant into a register.
            unsafe { asm!("{0} = {1} ll", out(reg) address, sym $symbol, options(nomem, preserves_flags)) };
            // SAFETY: nothing lies at address 0.
            unsafe { assert_unchecked(!address.is_null()) };
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

/// Defines a function that tells what the loader writes in the place of a mark.
macro_rules! marked {
    ($(#[$doc:meta])* $name:ident: $type:ty = $mark:expr $(, never $never:ident)?) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $name() -> $type {
            let written: $type;
            // SAFETY: puts a constant into a register.
            unsafe { asm!("{0} = {1} ll", out(reg) written, const $mark, options(pure, nomem, preserves_flags)) };
            // SAFETY: what the loader writes is what the mark is for.
            $(unsafe { assert_unchecked(!written.$never()) };)?
            written
        }
    };
}

marked! {
    /// The buckets of the index.
    index: *const Bucket = marks::INDEX, never is_null
}
marked! {
    /// The IPv6 addresses of the index.
    index6: *const Bucket6 = marks::INDEX6, never is_null
}
marked! {
    /// Offset of the last bucket of either.
    index_last: u64 = marks::INDEX_LAST
}
