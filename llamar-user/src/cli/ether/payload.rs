//! What a frame carries, from wherever it comes.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use crate::ether::payload;

/// Most bytes that are read of a file: more than the largest MTU, so that the error tells of a length, not of a limit.
const READ_MAX: u64 = 1 << 20;

/// Where the payload is.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub struct PayloadArgs {
    /// Payload as text, with the escapes \n \r \t \0 \\ \" \' and \x7f
    #[arg(short = 'p', long, value_name = "TEXT", value_parser = text)]
    text: Option<Bytes>,
    /// Payload in hexadecimal digits, with or without separators: 48 69, 48:69, 4869, 0x48,0x69
    #[arg(short = 'x', long, value_name = "DIGITS", value_parser = hex)]
    hex: Option<Bytes>,
    /// Payload from a file, as it is; - is standard input
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Payload from a file with hexadecimal digits; - is standard input
    #[arg(long, value_name = "FILE")]
    hex_file: Option<PathBuf>,
}

/// Bytes: clap takes a bare vector for an option that is given several times.
#[derive(Clone, Debug, Default)]
struct Bytes(Vec<u8>);

impl PayloadArgs {
    /// Whether there is any.
    pub const fn is_given(&self) -> bool {
        let PayloadArgs {
            text,
            hex,
            file,
            hex_file,
        } = self;
        text.is_some() || hex.is_some() || file.is_some() || hex_file.is_some()
    }

    /// The bytes; none if none are given.
    pub fn read(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(path) = &self.file {
            return read(path);
        }
        if let Some(path) = &self.hex_file {
            let text = String::from_utf8(read(path)?)
                .with_context(|| format!("{}: no text", path.display()))?;
            return payload::hex(&text).with_context(|| path.display().to_string());
        }
        let bytes = self.text.as_ref().or(self.hex.as_ref());
        Ok(bytes.cloned().unwrap_or_default().0)
    }
}

fn text(text: &str) -> Result<Bytes, String> {
    payload::text(text)
        .map(Bytes)
        .map_err(|error| error.to_string())
}

fn hex(text: &str) -> Result<Bytes, String> {
    payload::hex(text)
        .map(Bytes)
        .map_err(|error| error.to_string())
}

fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    let name = || format!("read {}", path.display());
    let source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(stdin()),
        false => Box::new(File::open(path).with_context(name)?),
    };
    let mut bytes = Vec::new();
    source
        .take(READ_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(name)?;
    ensure!(
        bytes.len() as u64 <= READ_MAX,
        "{}: longer than any frame",
        path.display()
    );
    Ok(bytes)
}
