//! Bytes as text that people read and write: what cannot be seen, or means something, stands behind a backslash
//! (RFC 1035 5.1, RFC 4343 2.1).

use std::fmt;

/// Writes bytes so that they hide nothing from a reader: what is no text that one can see as decimal bytes, special
/// characters behind a backslash, blanks only where they are said to be harmless.
pub(crate) fn escape(
    bytes: &[u8],
    special: [char; 2],
    blanks: bool,
    text: &mut impl fmt::Write,
) -> fmt::Result {
    let decimal = |text: &mut _, bytes: &[u8]| {
        let mut bytes = bytes.iter();
        bytes.try_for_each(|byte| fmt::Write::write_fmt(text, format_args!("\\{byte:03}")))
    };
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                char if special.contains(&char) => write!(text, "\\{char}")?,
                char if shows(char) || blanks && char == ' ' => text.write_char(char)?,
                char => decimal(text, char.encode_utf8(&mut [0; 4]).as_bytes())?,
            }
        }
        decimal(text, chunk.invalid())?;
    }
    Ok(())
}

/// Whether a character stands for itself in output: no controls and blanks, nothing that turns the direction of text
/// or has no width.
fn shows(char: char) -> bool {
    !char.is_control()
        && !char.is_whitespace()
        && !matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The byte that stands behind a backslash and what follows it.
pub(super) fn unescape(rest: &[u8]) -> Option<(u8, &[u8])> {
    match rest {
        [
            a @ b'0'..=b'9',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            behind @ ..,
        ] => {
            let byte = [a, b, c]
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(**digit - b'0'));
            Some((u8::try_from(byte).ok()?, behind))
        }
        [b'0'..=b'9', ..] | [] => None,
        [byte, behind @ ..] => Some((*byte, behind)),
    }
}
