//! What single steps of an answer cost: a wrapper that makes every repetition of a test-run begin with the same frame,
//! whatever the program behind it did to the last one, and a program that does nothing but grow frames.

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_TX};
use aya_ebpf::btf_maps::ProgramArray;
use aya_ebpf::helpers::bpf_xdp_adjust_head;
use aya_ebpf::macros::{btf_map, xdp};
use aya_ebpf::programs::XdpContext;
use llamar_common::frame::Frame;
use llamar_common::wire::dns;

use super::{LOAD, generate};
use crate::frame::XdpFrame;

#[btf_map(name = "bench_target")]
static TARGET: ProgramArray<1> = ProgramArray::new();

/// Takes back by how much the frame is longer than the load, writes the next one into it, and goes on to the target.
#[xdp]
pub fn bench_undo(context: XdpContext) -> u32 {
    let Some(load) = LOAD.get_ptr_mut(0) else {
        return XDP_ABORTED;
    };
    // SAFETY: an array's element lives as long as its map; one thread at a time runs this.
    let load = unsafe { &mut *load };
    let grown = XdpFrame::new(&context).length() as i32 - load.length as i32;
    // SAFETY: the context is the kernel's; no pointer into the packet is held.
    if grown != 0 && unsafe { bpf_xdp_adjust_head(context.ctx, grown) } != 0 {
        return XDP_ABORTED;
    }
    if generate(&mut XdpFrame::new(&context), load).is_some() {
        // SAFETY: nothing here waits to be dropped.
        unsafe { TARGET.tail_call(&context, 0) };
    }
    XDP_ABORTED
}

/// Grows the frame as for one A record and sends it as it is.
#[xdp]
pub fn bench_grow(context: XdpContext) -> u32 {
    let grown = XdpFrame::new(&context).grow_head(dns::A_RECORD);
    if grown { XDP_TX } else { XDP_ABORTED }
}
