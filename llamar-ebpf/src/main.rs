//! llamar's XDP program: shows frames and maps to `llamar_common::respond` and does what it says.
//!
//! It holds no knowledge of any protocol. On a host target this is an empty program, so that `--workspace`
//! builds need no BPF toolchain.

#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(asm_experimental_arch))]

#[cfg(all(target_arch = "bpf", feature = "bench"))]
mod bench;
#[cfg(target_arch = "bpf")]
mod frame;
#[cfg(all(target_arch = "bpf", not(feature = "bench")))]
mod globals;
#[cfg(all(target_arch = "bpf", not(feature = "bench")))]
mod maps;
#[cfg(target_arch = "bpf")]
mod object;
#[cfg(all(target_arch = "bpf", not(feature = "bench")))]
mod programs;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("llamar-ebpf runs in the kernel: `cargo xtask build` builds it for there");
    std::process::exit(2);
}
