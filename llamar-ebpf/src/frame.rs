//! The frame that an XDP context points at: the only packet pointers of the project.

#![expect(
    unsafe_code,
    reason = "packet memory is reached through pointers that the verifier checks"
)]

use core::arch::asm;
use core::hint::assert_unchecked;

use aya_ebpf::helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::programs::XdpContext;
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
    fn last_at<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        let start = self.at_variable::<N>(at)?;
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
    fn window_at_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        // SAFETY: at_variable() checked [start, start + N) against data_end, and `&mut self` is the only borrow.
        self.at_variable::<N>(at)
            .map(|start| unsafe { &mut *(start as *mut [u8; N]) })
    }

    #[inline(always)]
    fn grow_head(&mut self, by: usize) -> bool {
        // SAFETY: the context is the kernel's; pointers into the packet are read anew below.
        let grown = unsafe { bpf_xdp_adjust_head(self.context.ctx, -(by as i32)) } == 0;
        if grown {
            self.renew();
        }
        grown
    }

    #[inline(always)]
    fn grow_tail(&mut self, by: usize) -> bool {
        // SAFETY: as in `grow_head`.
        let grown = unsafe { bpf_xdp_adjust_tail(self.context.ctx, by as i32) } == 0;
        if grown {
            self.renew();
        }
        grown
    }

    #[inline(always)]
    fn renew(&mut self) {
        let context = self.context.ctx;
        // SAFETY: the context is the kernel's; volatile, since the compiler knows that nothing has changed.
        unsafe {
            self.data = (&raw const (*context).data).read_volatile() as usize;
            self.data_end = (&raw const (*context).data_end).read_volatile() as usize;
        }
    }

    #[inline(always)]
    fn opaque(number: u64) -> u64 {
        let mut number = number;
        // SAFETY: adds nothing to a register; an empty asm would break the line information of the object.
        unsafe { asm!("{0} += 0", inout(reg) number, options(pure, nomem)) };
        number
    }
}
