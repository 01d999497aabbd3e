//! The programs of `cargo xtask bench`: a generator, a bare reflector, the counter at the generator's end, what measures
//! single steps, and a responder that lies. They are an object of their own (feature `bench`); nothing of them is in the
//! one that runs on anybody's interfaces.

#![expect(
    unsafe_code,
    reason = "map elements are reached through pointers that the kernel hands out"
)]

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX};
use aya_ebpf::btf_maps::{Array, PerCpuArray};
use aya_ebpf::helpers::bpf_xdp_adjust_tail;
use aya_ebpf::macros::{btf_map, xdp};
use aya_ebpf::programs::XdpContext;
use llamar_common::bench::{
    Expect, FRAME_MAX, LABEL, Load, SAMPLE_EVERY, SAMPLE_MAX, SAMPLES_MAX, Sample, Tally, draw,
    label,
};
use llamar_common::frame::Frame;
use llamar_common::wire::checksum::Sum;

use crate::frame::XdpFrame;

mod liar;
mod undo;

#[btf_map(name = "bench_load")]
static LOAD: Array<Load, 1> = Array::new();
#[btf_map(name = "bench_expect")]
static EXPECT: Array<Expect, 1> = Array::new();
#[btf_map(name = "bench_tally")]
static TALLY: PerCpuArray<Tally, 1> = PerCpuArray::new();
#[btf_map(name = "bench_samples")]
static SAMPLES: PerCpuArray<Sample, { SAMPLES_MAX as usize }> = PerCpuArray::new();

/// Sends the next frame of the load. It is given frames that are one byte too long: the kernel resets a recycled
/// frame's length only if the program has changed it, and its bytes never.
#[xdp]
pub fn bench_generate(context: XdpContext) -> u32 {
    // SAFETY: the context is the kernel's; no pointer into the packet is held yet.
    if unsafe { bpf_xdp_adjust_tail(context.ctx, -1) } != 0 {
        return XDP_ABORTED;
    }
    match LOAD.get_ptr_mut(0) {
        // SAFETY: an array's element lives as long as its map; one thread at a time runs this.
        Some(load) => generate(&mut XdpFrame::new(&context), unsafe { &mut *load })
            .map_or(XDP_ABORTED, |()| XDP_TX),
        None => XDP_ABORTED,
    }
}

#[inline(always)]
fn generate(frame: &mut XdpFrame<'_>, load: &mut Load) -> Option<()> {
    copy(frame, load)?;
    if load.names == 0 {
        return Some(());
    }
    let (random, drawn) = draw(load.random, load.names);
    load.random = random;
    let (label, id) = (label(drawn), random as u16);
    *frame.window_at_mut::<LABEL>(load.label_at as usize)? = label.to_le_bytes();
    *frame.window_at_mut::<2>(load.id_at as usize)? = id.to_le_bytes();
    let sum = Sum::ZERO
        .le64(label)
        .moved(true)
        .le16(id)
        .le16(load.sum as u16)
        .fold();
    *frame.window_at_mut::<2>(load.checksum_at as usize)? = (!sum).to_le_bytes();
    Some(())
}

/// Writes all bytes of a load's frame into a frame of its length.
#[inline(always)]
fn copy(frame: &mut XdpFrame<'_>, load: &Load) -> Option<()> {
    let words = load.frame.as_chunks::<8>().0;
    for (index, word) in words.iter().enumerate() {
        match frame.window_mut::<8>(8 * index) {
            Some(window) => *window = *word,
            None => break,
        }
    }
    // What is left behind the last whole word; constant lengths keep the verifier's work small.
    let end = (load.length as usize).checked_sub(8)?;
    *frame.window_at_mut::<8>(end)? = *load.frame.get(end..)?.first_chunk::<8>()?;
    Some(())
}

/// The bare reflector: the least that an answer can cost.
#[xdp]
pub fn bench_reflect(context: XdpContext) -> u32 {
    let mut frame = XdpFrame::new(&context);
    let Some(addresses) = frame.window_mut::<12>(0) else {
        return XDP_PASS;
    };
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *addresses;
    *addresses = [g, h, i, j, k, l, a, b, c, d, e, f];
    XDP_TX
}

/// Passes everything: the control of test-runs, and what the other end of a veth needs.
#[xdp]
pub fn bench_pass(_context: XdpContext) -> u32 {
    XDP_PASS
}

/// Counts what comes back.
#[xdp]
pub fn bench_count(context: XdpContext) -> u32 {
    let (Some(expect), Some(tally)) = (EXPECT.get(0), TALLY.get_ptr_mut(0)) else {
        return XDP_ABORTED;
    };
    // SAFETY: the element is this CPU's own.
    let tally = unsafe { &mut *tally };
    let frame = XdpFrame::new(&context);
    let window = frame.window_at::<8>(expect.at as usize);
    let looks = |window: &[u8; 8]| u64::from_le_bytes(*window) & expect.mask == expect.value;
    if frame.length() == expect.length as usize && window.is_some_and(looks) {
        if tally.answers % SAMPLE_EVERY == 0 {
            keep(&frame, tally.answers / SAMPLE_EVERY);
        }
        tally.answers += 1;
    } else {
        tally.others += 1;
    }
    if expect.pass != 0 { XDP_PASS } else { XDP_DROP }
}

/// Copies a frame into a place of the samples.
#[inline(always)]
fn keep(frame: &XdpFrame<'_>, number: u64) {
    let Some(sample) = SAMPLES.get_ptr_mut(number as u32 & (SAMPLES_MAX - 1)) else {
        return;
    };
    // SAFETY: the element is this CPU's own.
    let sample = unsafe { &mut *sample };
    let mut copied = 0;
    for word in sample.frame.as_chunks_mut::<8>().0 {
        let Some(window) = frame.window_at::<8>(copied) else {
            break;
        };
        *word = *window;
        copied += 8;
    }
    for byte in 0..7 {
        if let (Some(from), Some(to)) = (
            frame.window_at::<1>(copied + byte),
            sample.frame.get_mut(copied + byte),
        ) {
            *to = from[0];
        }
    }
    sample.length = frame.length() as u64;
}

const _: () = assert!(FRAME_MAX.is_multiple_of(8) && SAMPLE_MAX.is_multiple_of(8));
