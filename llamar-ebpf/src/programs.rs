//! The programs, the panic handler and the licence.

#![expect(
    unsafe_code,
    reason = "program contexts are raw pointers, and the loader finds symbols by name"
)]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_TX};
use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_ns};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use llamar_common::respond::respond;

use crate::frame::XdpFrame;
use crate::maps::{CONTROL, KernelRecords, count};

/// Answers what it can and drops what the limiter keeps from an answer; passes everything else untouched.
#[xdp]
pub fn llamar_xdp(context: XdpContext) -> u32 {
    act(&context)
}

/// The same for interfaces whose frames may span several buffers: generic mode would lose its tailroom with it.
#[xdp(frags)]
pub fn llamar_xdp_frags(context: XdpContext) -> u32 {
    act(&context)
}

#[inline(always)]
fn act(context: &XdpContext) -> u32 {
    let mut frame = XdpFrame::new(context);
    let records = KernelRecords::new(context.ingress_ifindex() as u32);
    let verdict = respond(&mut frame, &records);
    #[cfg(feature = "trace")]
    if let Some(outcome) = verdict.outcome {
        aya_log_ebpf::debug!(
            context,
            "{} on {}",
            outcome.as_str(),
            context.ingress_ifindex()
        );
    }
    if let Some(outcome) = verdict.outcome {
        count(verdict.slot, outcome);
    }
    match (verdict.reply, verdict.drop) {
        (true, _) => XDP_TX,
        (_, true) => XDP_DROP,
        _ => XDP_PASS,
    }
}

/// The agent's heartbeat: stamps the control map with the kernel's clocks. Run by test-run, attached nowhere.
#[xdp]
pub fn llamar_beat(_context: XdpContext) -> u32 {
    if let Some(control) = CONTROL.get_ptr_mut(0) {
        // SAFETY: an array's element lives as long as its map, and agents that share a map hold a lock.
        unsafe {
            (*control).beat = bpf_jiffies64();
            (*control).beat_ns = bpf_ktime_get_ns();
        }
    }
    XDP_PASS
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
