//! The programs: what each does with a frame, and the agent's heartbeat.

#![expect(unsafe_code, reason = "program contexts are raw pointers")]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_TX};
use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_ns};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use llamar_common::frame::Frame as _;
use llamar_common::respond::{Kind, Verdict, quick_arp, quick4, quick6, thorough};

use crate::frame::XdpFrame;
use crate::globals;
use crate::maps::{KernelRecords, count};

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
    let action = match Kind::of(&XdpFrame::new(context)) {
        Kind::Other => return XDP_PASS,
        Kind::Llmnr4 => llmnr4(context.ctx),
        Kind::Llmnr6 => llmnr6(context.ctx),
        Kind::Arp => arp(context.ctx),
        Kind::Rest => UNDECIDED,
    };
    if action == UNDECIDED {
        rest(context.ctx)
    } else {
        action
    }
}

/// What is given back for what is left to [`rest`]; no action has the number.
const UNDECIDED: u32 = u32::MAX;

// Each part is a function of its own, so that it has the registers and the stack for itself.

#[inline(never)]
fn llmnr4(context: *mut xdp_md) -> u32 {
    let context = XdpContext::new(context);
    let (mut frame, records) = seen(&context);
    decided(&context, quick4(&mut frame, &records))
}

#[inline(never)]
fn llmnr6(context: *mut xdp_md) -> u32 {
    let context = XdpContext::new(context);
    let (mut frame, records) = seen(&context);
    decided(&context, quick6(&mut frame, &records))
}

#[inline(always)]
fn arp(context: *mut xdp_md) -> u32 {
    let context = XdpContext::new(context);
    let (mut frame, records) = seen(&context);
    decided(&context, quick_arp(&mut frame, &records))
}

#[inline(always)]
fn decided(context: &XdpContext, verdict: Option<Verdict>) -> u32 {
    match verdict {
        Some(verdict) => done(context, verdict),
        None => apart(UNDECIDED),
    }
}

/// A number that is put into its register where it is asked for. Of one that it knows, the compiler does so before the
/// first of all branches that lead there, and has one register less from there on.
#[inline(always)]
fn apart(number: u32) -> u32 {
    XdpFrame::opaque(u64::from(number)) as u32
}

/// Everything else.
#[inline(never)]
fn rest(context: *mut xdp_md) -> u32 {
    let context = XdpContext::new(context);
    let (mut frame, records) = seen(&context);
    let verdict = thorough(&mut frame, &records);
    done(&context, verdict)
}

#[inline(always)]
fn seen(context: &XdpContext) -> (XdpFrame<'_>, KernelRecords) {
    let records = KernelRecords::new(context.ingress_ifindex() as u32);
    (XdpFrame::new(context), records)
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
            apart(XDP_TX)
        }
        (_, true) => {
            count();
            apart(XDP_DROP)
        }
        _ => {
            count();
            apart(XDP_PASS)
        }
    }
}

/// The agent's heartbeat: stamps the control map with the kernel's clocks. Run by test-run, attached nowhere.
#[xdp]
pub fn llamar_beat(_context: XdpContext) -> u32 {
    let control = globals::control();
    // SAFETY: the value lives as long as its map, and agents that share a map hold a lock.
    unsafe {
        (*control).beat = bpf_jiffies64();
        (*control).beat_ns = bpf_ktime_get_ns();
    }
    XDP_PASS
}
