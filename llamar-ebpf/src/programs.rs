//! The programs: what each does with a frame, and the agent's heartbeat.

#![expect(
    unsafe_code,
    reason = "program contexts are raw pointers, and what the compiler decides badly is asm"
)]

use core::arch::asm;

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_TX};
use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_ns};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use llamar_common::respond::{Kind, Verdict, thorough};

use crate::frame::{XdpFrame, ctx_of};
use crate::globals;
use crate::maps::{KernelRecords, count};

#[cfg(not(feature = "trace"))]
#[path = "programs/quick.rs"]
mod ways;
#[cfg(feature = "trace")]
#[path = "programs/traced.rs"]
mod ways;

/// Answers what it can and drops what the limiter keeps from an answer; passes everything else untouched.
#[xdp]
#[inline(always)]
pub fn llamar_xdp(context: XdpContext) -> u32 {
    act(&context)
}

/// The same for interfaces whose frames may span several buffers: generic mode would lose its tailroom with it.
#[xdp(frags)]
#[inline(always)]
pub fn llamar_xdp_frags(context: XdpContext) -> u32 {
    act(&context)
}

#[inline(always)]
fn act(context: &XdpContext) -> u32 {
    let frame = XdpFrame::new(context);
    match Kind::of(&frame) {
        Kind::Other => apart::<XDP_PASS>(),
        kind => match ways::act(context, frame, kind) {
            Some(action) => action,
            None => rest(ctx_of(context)),
        },
    }
}

/// What a function of its own gives back for what is left to [`rest`]; no action has the number.
const UNDECIDED: u32 = u32::MAX;

/// What such a function has decided, if it has.
#[inline(always)]
fn decided(action: u32) -> Option<u32> {
    (action != UNDECIDED).then_some(action)
}

/// A number that is put into its register where it is asked for. Of one that it knows, the compiler does so before the
/// first of all branches that lead there, and has one register less from there on.
#[inline(always)]
fn apart<const NUMBER: u32>() -> u32 {
    let number: u32;
    // SAFETY: puts a constant into a register.
    unsafe { asm!("{0} = {1}", out(wreg) number, const NUMBER, options(pure, nomem)) };
    number
}

/// Everything else, in a function of its own, so that it has the registers for itself.
// What is cold is laid out behind what is not; its section is the one that the loader looks into.
#[cold]
#[inline(never)]
#[unsafe(link_section = ".text")]
fn rest(context: *mut xdp_md) -> u32 {
    let context = XdpContext::new(context);
    let mut frame = XdpFrame::new(&context);
    let records = KernelRecords::of(&context);
    let verdict = thorough(&mut frame, &records);
    done(&context, verdict)
}

/// Counts a verdict and gives the action for it.
#[inline(always)]
fn done(context: &XdpContext, verdict: Verdict) -> u32 {
    #[cfg(feature = "trace")]
    if let Some(outcome) = verdict.outcome {
        aya_log_ebpf::debug!(
            context,
            "{} on {}",
            outcome.as_str(),
            context.ingress_ifindex()
        );
    }
    #[cfg(not(feature = "trace"))]
    let _ = context;
    let count = || {
        if let Some(outcome) = verdict.outcome {
            count(verdict.slot, outcome);
        }
    };
    match (verdict.reply, verdict.drop) {
        (true, _) => {
            count();
            apart::<XDP_TX>()
        }
        (_, true) => {
            count();
            apart::<XDP_DROP>()
        }
        _ => {
            count();
            apart::<XDP_PASS>()
        }
    }
}

/// The agent's heartbeat: stamps the control map with the kernel's clocks. Run by test-run, attached nowhere.
#[xdp]
pub fn llamar_beat(_context: XdpContext) -> u32 {
    let control = globals::control();
    // SAFETY: the value lives as long as its map, and agents that share a map hold a lock.
    unsafe {
        (*control).until = bpf_jiffies64().saturating_add((*control).lease);
        (*control).beat_ns = bpf_ktime_get_ns();
    }
    XDP_PASS
}
