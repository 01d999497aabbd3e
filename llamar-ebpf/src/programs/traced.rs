//! What comes most often, where every verdict is logged: that takes too much of the stack that the program shares with what
//! it calls.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use llamar_common::respond::{Kind, at_once};

use super::{UNDECIDED, decided, done};
use crate::frame::{XdpFrame, ctx_of};
use crate::maps::KernelRecords;

/// The action for a frame of this kind; `None` if it is not decided here.
#[inline(always)]
pub fn act(context: &XdpContext, _frame: XdpFrame<'_>, kind: Kind) -> Option<u32> {
    decided(apart(ctx_of(context), kind))
}

#[inline(never)]
fn apart(context: *mut xdp_md, kind: Kind) -> u32 {
    let context = XdpContext::new(context);
    let mut frame = XdpFrame::new(&context);
    match at_once(&mut frame, &KernelRecords::of(&context), kind) {
        Some(verdict) => done(&context, verdict),
        None => UNDECIDED,
    }
}
