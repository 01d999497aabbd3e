//! One change to the BTF of the eBPF object: bytes that hold text are marked as characters.
//!
//! rustc gives every integer the encoding "signed" or none, so `bpftool map dump` prints labels as numbers. The maps
//! declare text as `[i8; N]`; with the encoding CHAR on `i8` bpftool prints it as text. The layout read here is that
//! of the kernel's Documentation/bpf/btf.rst; nothing moves and no size changes.

use anyhow::{Context as _, Result, bail, ensure};
use object::{Object as _, ObjectSection as _};

const MAGIC: u16 = 0xeb9f;
const KIND_INT: u32 = 1;
/// `BTF_INT_CHAR`: encodings are exclusive for the kernel, so it takes the place of `BTF_INT_SIGNED`.
const INT_CHAR: u32 = 1 << 1;
/// Name of the type that the maps declare text with.
const TEXT: &[u8] = b"i8";

/// Checks that an eBPF object has type information, `.BTF` and `.BTF.ext`, and marks its text. Returns how many types
/// were marked.
pub fn mark_text(elf: &mut [u8]) -> Result<usize> {
    let (start, size) = {
        let file = object::File::parse(&*elf).context("read the object as ELF")?;
        for name in [".BTF", ".BTF.ext"] {
            ensure!(
                file.section_by_name(name).is_some(),
                "it has no section {name}: was it linked with `--btf`?"
            );
        }
        let section = file
            .section_by_name(".BTF")
            .context("it has no section .BTF")?;
        section
            .file_range()
            .context("its section .BTF holds nothing")?
    };
    let end = start
        .checked_add(size)
        .context("its section .BTF has no end")?;
    let section = elf
        .get_mut(start as usize..end as usize)
        .context("its section .BTF lies outside of the file")?;
    mark_text_in_section(section)
}

fn mark_text_in_section(btf: &mut [u8]) -> Result<usize> {
    let header = Header::read(btf)?;
    let mut places = Vec::new();
    let mut at = header.types.start;
    while at < header.types.end {
        let name = word(btf, at)?;
        let info = word(btf, at + 4)?;
        let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        let next = at + 12 + trailing(kind, count)?;
        ensure!(
            next <= header.types.end,
            "BTF type at byte {at} (kind {kind}) does not fit into the type section"
        );
        if kind == KIND_INT && header.name(btf, name)? == TEXT {
            places.push(at + 12);
        }
        at = next;
    }
    for &place in &places {
        let bits = word(btf, place)?;
        let marked = bits & !(0x0f << 24) | INT_CHAR << 24;
        btf[place..place + 4].copy_from_slice(&marked.to_le_bytes());
    }
    Ok(places.len())
}

/// Where the parts of a BTF section lie, in bytes from its start.
struct Header {
    types: std::ops::Range<usize>,
    strings: std::ops::Range<usize>,
}

impl Header {
    fn read(btf: &[u8]) -> Result<Self> {
        let first = word(btf, 0)?;
        ensure!(
            first as u16 == MAGIC,
            "BTF begins with {:#06x}, not with {MAGIC:#06x} (little-endian)",
            first as u16
        );
        let version = first >> 16 & 0xff;
        ensure!(version == 1, "BTF has version {version}, only 1 is known");
        let header = word(btf, 4)? as usize;
        let part = |offset: usize, length: usize| -> Result<std::ops::Range<usize>> {
            let start = header + word(btf, offset)? as usize;
            let end = start + word(btf, length)? as usize;
            ensure!(
                end <= btf.len(),
                "a part of BTF ends at byte {end}, the section at {}",
                btf.len()
            );
            Ok(start..end)
        };
        Ok(Self {
            types: part(8, 12)?,
            strings: part(16, 20)?,
        })
    }

    /// The string at an offset of the string section, without its final zero.
    fn name<'a>(&self, btf: &'a [u8], offset: u32) -> Result<&'a [u8]> {
        let strings = &btf[self.strings.clone()];
        let tail = strings
            .get(offset as usize..)
            .with_context(|| format!("BTF has no string at {offset}"))?;
        Ok(tail.split(|&byte| byte == 0).next().unwrap_or_default())
    }
}

/// Bytes that follow the three words of a type of a kind with `count` members.
fn trailing(kind: u32, count: usize) -> Result<usize> {
    Ok(match kind {
        1 | 14 | 17 => 4,              // int, variable, declaration tag
        2 | 7..=12 | 16 | 18 => 0, // pointer, forward, typedef, qualifiers, function, float, type tag
        3 => 12,                   // array
        4 | 5 | 15 | 19 => count * 12, // struct, union, data section, 64-bit enum
        6 | 13 => count * 8,       // enum, function prototype
        _ => bail!("BTF has a type of the unknown kind {kind}"),
    })
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = at
        .checked_add(4)
        .and_then(|end| bytes.get(at..end))
        .and_then(|word| word.try_into().ok());
    word.map(u32::from_le_bytes)
        .with_context(|| format!("BTF ends before byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A BTF section of the given types (words) and strings.
    fn section(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let mut btf = vec![0x9f, 0xeb, 1, 0];
        for field in [
            24,
            0,
            types.len() as u32 * 4,
            types.len() as u32 * 4,
            strings.len() as u32,
        ] {
            btf.extend_from_slice(&u32::to_le_bytes(field));
        }
        types
            .iter()
            .for_each(|word| btf.extend_from_slice(&word.to_le_bytes()));
        btf.extend_from_slice(strings);
        btf
    }

    const STRINGS: &[u8] = b"\0u8\0i8\0label\0";
    const U8: [u32; 4] = [1, 1 << 24, 1, 8];
    const I8: [u32; 4] = [4, 1 << 24, 1, 1 << 24 | 8];
    const I8_AS_TEXT: [u32; 4] = [4, 1 << 24, 1, 2 << 24 | 8];

    #[test]
    fn only_the_integer_named_i8_becomes_text() {
        let mut btf = section(&[U8, I8].concat(), STRINGS);
        assert_eq!(mark_text_in_section(&mut btf).unwrap(), 1);
        assert_eq!(btf, section(&[U8, I8_AS_TEXT].concat(), STRINGS));
    }

    #[test]
    fn marking_twice_changes_nothing_more() {
        let mut btf = section(&I8, STRINGS);
        mark_text_in_section(&mut btf).unwrap();
        let once = btf.clone();
        assert_eq!(mark_text_in_section(&mut btf).unwrap(), 1);
        assert_eq!(btf, once);
    }

    #[test]
    fn types_of_every_kind_are_stepped_over() {
        let mut types = Vec::new();
        for kind in [
            2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
        ] {
            types.extend([7, kind << 24 | 2, 0]);
            // The members look like an `i8` to whoever counts them wrongly.
            types.extend(I8.iter().cycle().take(trailing(kind, 2).unwrap() / 4));
        }
        let before = section(&types, STRINGS);
        types.extend(I8);
        let mut btf = section(&types, STRINGS);
        assert_eq!(mark_text_in_section(&mut btf).unwrap(), 1);
        assert_eq!(
            btf[24..24 + types.len() * 4 - 16],
            before[24..before.len() - STRINGS.len()]
        );
    }

    #[test]
    fn an_i8_that_is_no_integer_stays() {
        let typedef = [4, 8 << 24, 1];
        let mut btf = section(&typedef, STRINGS);
        assert_eq!(mark_text_in_section(&mut btf).unwrap(), 0);
        assert_eq!(btf, section(&typedef, STRINGS));
    }

    #[test]
    fn broken_btf_is_refused_with_the_reason() {
        let refused = |mut btf: Vec<u8>| mark_text_in_section(&mut btf).unwrap_err().to_string();
        assert!(refused(vec![0; 24]).contains("begins with 0x0000"));
        assert!(refused(section(&[1, 31 << 24, 0], STRINGS)).contains("unknown kind 31"));
        assert!(refused(section(&[1, 4 << 24 | 9, 0], STRINGS)).contains("does not fit"));
        assert!(refused(section(&[99, 1 << 24, 1, 8], STRINGS)).contains("no string at 99"));
        assert!(refused(section(&U8, STRINGS)[..30].to_vec()).contains("ends at byte"));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = section(&[U8, I8].concat(), STRINGS);
        for length in 0..good.len() {
            let _ = mark_text_in_section(&mut good[..length].to_vec());
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = mark_text_in_section(&mut bad);
            }
        }
    }

    #[test]
    fn an_object_without_btf_is_refused() {
        let own = std::env::current_exe().and_then(std::fs::read).unwrap();
        let error = mark_text(&mut own.clone()).unwrap_err().to_string();
        assert!(error.contains("no section .BTF"), "{error}");
        assert!(mark_text(&mut b"not an ELF file".to_vec()).is_err());
    }
}
