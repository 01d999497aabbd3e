//! xdp-bench's own reflector, as a measure for ours: the program that `xdp-bench tx --packet-operation swap-macs` runs.
//!
//! It is taken out of the program file of xdp-bench and loaded from here. xdp-bench 1.3 itself loads programs for
//! tracepoints beside it, and without any of them nothing: Linux 6.18 has no `xdp_redirect_map_err` any more.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};
use aya::programs::{Xdp, XdpMode};
use aya::{Ebpf, EbpfLoader};

use super::scene::{INTERFACE, Namespace};
use crate::step;

/// The program.
const PROGRAM: &str = "xdp_basic_prog";
/// Its maps by CPU and by queue, whose sizes xdp-bench sets.
const MAPS: [&str; 8] = [
    "rx_cnt",
    "rxq_cnt",
    "redir_err_cnt",
    "cpumap_enqueue_cnt",
    "cpumap_kthread_cnt",
    "exception_cnt",
    "devmap_xmit_cnt",
    "devmap_xmit_cnt_multi",
];
/// ELF for 64 bits, little-endian, version 1.
const ELF: &[u8] = b"\x7fELF\x02\x01\x01";
/// The machine of eBPF objects.
const EM_BPF: u16 = 247;
/// `XDP_TX`.
const TX: u32 = 3;

/// The reflector; it stays attached as long as this lives.
pub struct Rival {
    _ebpf: Ebpf,
}

impl Rival {
    /// Attaches the reflector of a program file of xdp-bench to a namespace's interface, in the driver.
    pub fn attach(file: &Path, namespace: &Namespace) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let object =
            object(&bytes).with_context(|| format!("{} has no {PROGRAM}", file.display()))?;
        let cpus = aya::util::nr_cpus().map_err(|(what, error)| anyhow!("{what}: {error}"))?;
        let cpus = u32::try_from(cpus)?;
        let mut loader = EbpfLoader::new();
        loader.override_global("nr_cpus", &cpus, true);
        for option in ["read_data", "swap_macs"] {
            loader.override_global(option, &1_u8, true);
        }
        loader.override_global("action", &TX, true);
        for map in MAPS {
            loader.map_max_entries(map, cpus);
        }
        let mut ebpf = loader.load(object).context("its object")?;
        let program = ebpf.program_mut(PROGRAM).context("its program")?;
        let xdp: &mut Xdp = program.try_into()?;
        xdp.load().context("load its program")?;
        namespace.inside(|| {
            let attached = xdp.attach(INTERFACE, XdpMode::Driver);
            attached.map(drop).context("attach its program")
        })?;
        Ok(Self { _ebpf: ebpf })
    }
}

/// The version of the package that xdp-bench came with, by what lies beside it: it does not tell its own.
pub fn version(file: &Path) -> String {
    let news = file
        .ancestors()
        .nth(2)
        .map(|usr| usr.join("share/doc/xdp-tools/changelog.Debian.gz"));
    let text = news.and_then(|news| step::output(Command::new("zcat").arg(news)).ok());
    let first = text
        .as_deref()
        .and_then(|text| text.lines().next())
        .unwrap_or_default();
    let version = first
        .split(['(', ')'])
        .nth(1)
        .unwrap_or("of unknown version");
    format!("xdp-bench {version}")
}

/// The eBPF object within a program file that holds the reflector.
fn object(file: &[u8]) -> Option<&[u8]> {
    let begins = (0..file.len()).filter(|at| file[*at..].starts_with(ELF));
    let objects = begins.filter_map(|at| file[at..].get(extent(&file[at..])?));
    let name = [PROGRAM.as_bytes(), &[0]].concat();
    objects
        .into_iter()
        .find(|object| object.windows(name.len()).any(|window| window == name))
}

/// Where an eBPF object that begins here ends: with the headers of its sections.
fn extent(bytes: &[u8]) -> Option<Range<usize>> {
    let short = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let headers = u64::from_le_bytes(*bytes.get(0x28..)?.first_chunk()?);
    let size = usize::from(short(0x3a)?) * usize::from(short(0x3c)?);
    let end = usize::try_from(headers).ok()?.checked_add(size)?;
    (short(0x12)? == EM_BPF).then_some(0..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16, name: &str) -> Vec<u8> {
        let mut bytes = vec![0; 0x40];
        bytes[..ELF.len()].copy_from_slice(ELF);
        bytes[0x12..0x14].copy_from_slice(&machine.to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.push(0);
        let length = bytes.len() as u64;
        bytes[0x28..0x30].copy_from_slice(&length.to_le_bytes());
        bytes[0x3a..0x3e].copy_from_slice(&[4, 0, 2, 0]);
        bytes.extend([1; 8]);
        bytes
    }

    #[test]
    fn the_object_with_the_reflector_is_found_among_others() {
        let (other, ours) = (elf(EM_BPF, "xdp_other_prog"), elf(EM_BPF, PROGRAM));
        let host = elf(62, PROGRAM);
        let file = [&host[..], &other, b"between", &ours, b"behind"].concat();
        assert_eq!(object(&file), Some(&ours[..]));
        assert_eq!(object(&[&host[..], &other].concat()), None);
        assert_eq!(object(&file[..file.len() - b"behind".len() - 1]), None);
    }
}
