//! The frame that an XDP context points at: the only packet pointers of the project.

#![expect(
    unsafe_code,
    reason = "packet memory is reached through pointers that the verifier checks"
)]

use core::arch::asm;
use core::hint::assert_unchecked;

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::programs::XdpContext;
use llamar_common::abi::Plain;
use llamar_common::frame::{Frame, OFFSET_MAX};

/// A frame in the kernel.
pub struct XdpFrame<'a> {
    context: &'a XdpContext,
    data: usize,
    data_end: usize,
}

impl<'a> XdpFrame<'a> {
    /// The frame of a context.
    #[inline(always)]
    pub fn new(context: &'a XdpContext) -> Self {
        let mut frame = Self {
            context,
            data: 0,
            data_end: 0,
        };
        frame.renew();
        frame
    }

    /// Address of `N` bytes at `at`, if they lie in the frame.
    #[inline(always)]
    fn at<const N: usize>(&self, at: usize) -> Option<usize> {
        let start = self.data + at;
        // SAFETY: the kernel never has a packet at address 0.
        unsafe { assert_unchecked(start != 0) };
        (start + N <= self.data_end).then_some(start)
    }

    /// The same for an offset that is no constant.
    ///
    /// The verifier wants a bound on the offset, and the check on the very pointer that is used: behind a real
    /// instruction the compiler can neither drop the bound nor compute the pointer twice.
    #[inline(always)]
    fn at_variable<const N: usize>(&self, at: usize) -> Option<usize> {
        let mut start = at;
        // SAFETY: arithmetic on registers only.
        unsafe {
            asm!("{0} &= {2}", "{0} += {1}", inout(reg) start, in(reg) self.data, const OFFSET_MAX, options(pure, nomem));
        }
        // SAFETY: as above.
        unsafe { assert_unchecked(start != 0) };
        (start + N <= self.data_end).then_some(start)
    }

    /// The same for a constant offset behind a length, which the verifier knows to be a byte.
    #[inline(always)]
    fn at_behind<const N: usize>(&self, at: usize, length: u8) -> Option<usize> {
        let mut behind = usize::from(length);
        // SAFETY: arithmetic on registers only.
        unsafe {
            asm!("{0} += {1}", inout(reg) behind, in(reg) self.data, options(pure, nomem));
        }
        let start = behind + at;
        // SAFETY: as above.
        unsafe { assert_unchecked(behind != 0 && start != 0) };
        (start + N <= self.data_end).then_some(start)
    }
}

/// The kernel's context, from where it is kept on the stack: in a register it would be put back before every branch to
/// where it is needed.
#[inline(always)]
pub fn ctx_of(context: &XdpContext) -> *mut xdp_md {
    // SAFETY: reads what is borrowed.
    unsafe { (&raw const context.ctx).read_volatile() }
}

impl Frame for XdpFrame<'_> {
    #[inline(always)]
    fn length(&self) -> usize {
        let mut length = self.data_end;
        // The compiler would subtract in 32 bits, which the verifier refuses for pointers.
        // SAFETY: arithmetic on registers only.
        unsafe { asm!("{0} -= {1}", inout(reg) length, in(reg) self.data, options(pure, nomem)) };
        length
    }

    #[inline(always)]
    fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        // SAFETY: at() checked [start, start + N) against data_end; bytes need no alignment.
        self.at::<N>(at)
            .map(|start| unsafe { &*(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn window_at<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        // SAFETY: at_variable() checked [start, start + N) against data_end; bytes need no alignment.
        self.at_variable::<N>(at)
            .map(|start| unsafe { &*(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn last_behind<const N: usize>(&self, at: usize, length: u8) -> Option<&[u8; N]> {
        let start = self.at_behind::<N>(at, length)?;
        let mut behind = self.data_end;
        // As in `length`.
        // SAFETY: arithmetic on registers only.
        unsafe { asm!("{0} -= {1}", inout(reg) behind, in(reg) start, options(pure, nomem)) };
        // SAFETY: as in `window_at`.
        (behind == N).then(|| unsafe { &*(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn window_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        // SAFETY: at() checked [start, start + N) against data_end, and `&mut self` is the frame's only borrow.
        self.at::<N>(at)
            .map(|start| unsafe { &mut *(start as *mut [u8; N]) })
    }

    #[inline(always)]
    fn window_behind_mut<const N: usize>(&mut self, at: usize, length: u8) -> Option<&mut [u8; N]> {
        // SAFETY: at_behind() checked [start, start + N) against data_end, and `&mut self` is the only borrow.
        self.at_behind::<N>(at, length)
            .map(|start| unsafe { &mut *(start as *mut [u8; N]) })
    }

    #[inline(always)]
    fn window_at_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        // SAFETY: at_variable() checked [start, start + N) against data_end, and `&mut self` is the only borrow.
        self.at_variable::<N>(at)
            .map(|start| unsafe { &mut *(start as *mut [u8; N]) })
    }

    #[inline(always)]
    fn grow_head(&mut self, by: usize) -> bool {
        // SAFETY: the context is the kernel's; pointers into the packet are read anew below.
        let grown = unsafe { bpf_xdp_adjust_head(ctx_of(self.context), -(by as i32)) } == 0;
        if grown {
            self.renew();
        }
        grown
    }

    #[inline(always)]
    fn grow_tail(&mut self, by: usize) -> bool {
        // SAFETY: as in `grow_head`.
        let grown = unsafe { bpf_xdp_adjust_tail(ctx_of(self.context), by as i32) } == 0;
        if grown {
            self.renew();
        }
        grown
    }

    #[inline(always)]
    fn renew(&mut self) {
        let context = ctx_of(self.context);
        // SAFETY: the context is the kernel's; volatile, since the compiler knows that nothing has changed.
        unsafe {
            self.data = (&raw const (*context).data).read_volatile() as usize;
            self.data_end = (&raw const (*context).data_end).read_volatile() as usize;
        }
    }

    #[inline(always)]
    fn added<const CONSTANT: i32>(number: u64) -> u64 {
        let mut number = number;
        // SAFETY: arithmetic on registers only.
        unsafe { asm!("{0} += {1}", inout(reg) number, const CONSTANT, options(pure, nomem)) };
        number
    }

    #[inline(always)]
    fn field32<T: Plain, const AT: usize>(of: &T) -> u32 {
        const { assert!(AT + 4 <= size_of::<T>()) };
        let field;
        // SAFETY: reads what is borrowed.
        unsafe { asm!("{0} = *(u32 *)({1} + {2})", out(wreg) field, in(reg) of, const AT) };
        field
    }

    #[inline(always)]
    fn field64<T: Plain, const AT: usize>(of: &T) -> u64 {
        const { assert!(AT + 8 <= size_of::<T>()) };
        let field;
        // SAFETY: as above.
        unsafe { asm!("{0} = *(u64 *)({1} + {2})", out(reg) field, in(reg) of, const AT) };
        field
    }

    #[inline(always)]
    fn put16<const BASE: usize, const AT: usize, const NUMBER: u16>(window: &mut [u8]) {
        assert!(BASE + AT + 2 <= window.len());
        let start = window.as_mut_ptr();
        // SAFETY: writes what is borrowed.
        unsafe { asm!("*(u16 *)({0} + {1}) = {2}", in(reg) start, const BASE + AT, const NUMBER) };
    }

    #[inline(always)]
    fn put32<const BASE: usize, const AT: usize, const NUMBER: u32>(window: &mut [u8]) {
        assert!(BASE + AT + 4 <= window.len());
        let start = window.as_mut_ptr();
        // SAFETY: as above.
        unsafe {
            asm!("*(u32 *)({0} + {1}) = {2}", in(reg) start, const BASE + AT, const NUMBER as i32)
        };
    }

    #[inline(always)]
    fn put64<const BASE: usize, const AT: usize, const NUMBER: i32>(window: &mut [u8]) {
        assert!(BASE + AT + 8 <= window.len());
        let start = window.as_mut_ptr();
        // SAFETY: as above.
        unsafe { asm!("*(u64 *)({0} + {1}) = {2}", in(reg) start, const BASE + AT, const NUMBER) };
    }

    #[inline(always)]
    fn any<const MASK: u32>(word: u64) -> bool {
        // The operand is extended by its sign.
        const { assert!(MASK <= i32::MAX as u32) };
        // SAFETY: goes on at either of two places.
        unsafe {
            asm!("if {0} & {1} goto {2}", in(reg) word, const MASK, label { return true; }, options(nomem));
        }
        false
    }

    #[inline(always)]
    fn shifted(word: u64, by: usize) -> u64 {
        let mut shifted = word;
        // The instruction takes the lowest six bits of the number (RFC 9669 4.1); the compiler would cut off the others.
        // SAFETY: arithmetic on registers only.
        unsafe { asm!("{0} >>= {1}", inout(reg) shifted, in(reg) by, options(pure, nomem)) };
        shifted
    }

    #[inline(always)]
    fn lower(word: u64) -> u64 {
        let lower: u32;
        // SAFETY: arithmetic on registers only.
        unsafe { asm!("{0} = {1}", out(wreg) lower, in(wreg) word as u32, options(pure, nomem)) };
        lower.into()
    }

    #[inline(always)]
    fn opaque(number: u64) -> u64 {
        // An empty asm would break the line information of the object.
        Self::added::<0>(number)
    }
}
