//! What comes most often, in the program itself.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use llamar_common::respond::{Kind, Step, elsewhere4, elsewhere6, quick_arp, quick4, quick6};

use super::{UNDECIDED, decided, done};
use crate::frame::{XdpFrame, ctx_of};
use crate::maps::KernelRecords;

/// The action for a frame of this kind; `None` if it is not decided here.
#[inline(always)]
pub fn act(context: &XdpContext, mut frame: XdpFrame<'_>, kind: Kind) -> Option<u32> {
    match kind {
        Kind::Llmnr4 => match quick4(&mut frame, &KernelRecords::of(context))? {
            Step::Ended(verdict) => Some(done(context, verdict)),
            Step::Elsewhere => decided(llmnr4(ctx_of(context))),
        },
        Kind::Llmnr6 => match quick6(&mut frame, &KernelRecords::of(context))? {
            Step::Ended(verdict) => Some(done(context, verdict)),
            Step::Elsewhere => decided(llmnr6(ctx_of(context))),
        },
        Kind::Arp => {
            let verdict = quick_arp(&mut frame, &KernelRecords::of(context))?;
            Some(done(context, verdict))
        }
        Kind::Other | Kind::Rest => None,
    }
}

// What follows is rare or long: each is a function of its own, so that it has the registers and the stack for itself.

/// LLMNR over IPv4 that is looked up elsewhere.
#[cold]
#[inline(never)]
#[unsafe(link_section = ".text")]
fn llmnr4(context: *mut xdp_md) -> u32 {
    let context = XdpContext::new(context);
    let mut frame = XdpFrame::new(&context);
    match elsewhere4(&mut frame, &KernelRecords::of(&context)) {
        Some(verdict) => done(&context, verdict),
        None => UNDECIDED,
    }
}

/// The same over IPv6.
#[cold]
#[inline(never)]
#[unsafe(link_section = ".text")]
fn llmnr6(context: *mut xdp_md) -> u32 {
    let context = XdpContext::new(context);
    let mut frame = XdpFrame::new(&context);
    match elsewhere6(&mut frame, &KernelRecords::of(&context)) {
        Some(verdict) => done(&context, verdict),
        None => UNDECIDED,
    }
}
