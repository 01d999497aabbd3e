//! Embeds the eBPF object that `LLAMAR_BPF_OBJECT` names, or none: `cargo xtask build` compiles it and sets the
//! variable, and a plain `cargo build` needs no BPF toolchain.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LLAMAR_BPF_OBJECT");
    println!("cargo::rustc-check-cfg=cfg(bpf_object)");
    let Some(object) = env::var_os("LLAMAR_BPF_OBJECT").filter(|path| !path.is_empty()) else {
        return;
    };
    let object = PathBuf::from(object);
    println!("cargo::rerun-if-changed={}", object.display());
    match embed(&object) {
        Ok(()) => println!("cargo::rustc-cfg=bpf_object"),
        Err(error) => {
            println!(
                "cargo::error=LLAMAR_BPF_OBJECT={}: {error}",
                object.display()
            );
            process::exit(1);
        }
    }
}

/// Copies the object to where `include_bytes!` finds it.
fn embed(object: &Path) -> Result<(), String> {
    if object.is_relative() {
        return Err("the path has to be absolute".to_owned());
    }
    let bytes = fs::read(object).map_err(|error| error.to_string())?;
    if !bytes.starts_with(b"\x7fELF") {
        return Err("not an ELF object: cargo xtask build makes one".to_owned());
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    fs::write(PathBuf::from(out).join("llamar.bpf.o"), bytes).map_err(|error| error.to_string())
}
