//! Bytes in hexadecimal, and beside them what of them is text.

use std::io::{self, Write};

const ROW: usize = 16;

/// Writes rows of sixteen bytes: `  0000  48 69 00 ..  |Hi.|`.
pub(super) fn hexdump(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    for (number, row) in bytes.chunks(ROW).enumerate() {
        write!(out, "  {:04x} ", number * ROW)?;
        for place in 0..ROW {
            // Half-way a wider gap.
            let gap = if place == ROW / 2 { "  " } else { " " };
            match row.get(place) {
                Some(byte) => write!(out, "{gap}{byte:02x}")?,
                None => write!(out, "{gap}  ")?,
            }
        }
        let text: String = row.iter().map(|byte| letter(*byte)).collect();
        writeln!(out, "  |{text}|")?;
    }
    Ok(())
}

fn letter(byte: u8) -> char {
    match byte {
        b' '..=b'~' => byte.into(),
        _ => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_sixteen_bytes_and_their_text() {
        let mut out = Vec::new();
        hexdump(b"Hi\0\x7f\xff ~, who is there?", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "  0000  48 69 00 7f ff 20 7e 2c  20 77 68 6f 20 69 73 20  |Hi... ~, who is |\n\
             \x20 0010  74 68 65 72 65 3f                                 |there?|\n"
        );
        let mut out = Vec::new();
        hexdump(b"", &mut out).unwrap();
        assert_eq!(out, b"");
    }
}
