//! Payloads as people write them: text with escapes, and hexadecimal digits.

/// Why a text is no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// A backslash with something behind it that means nothing.
    #[error(
        "{0} means nothing: there are \\n \\r \\t \\0 \\\\ \\\" \\' and \\x with two digits, as \\x7f"
    )]
    Escape(String),
    /// Something that is no digit, and where.
    #[error("{found:?} at character {at} is no hexadecimal digit, nor a separator (space : - . ,)")]
    Digit {
        /// What is there.
        found: char,
        /// Which character it is, from 1 on.
        at: usize,
    },
    /// A byte of one digit.
    #[error("{0:?} is an odd number of hexadecimal digits: a byte has two")]
    Odd(String),
}

/// The bytes of a text, with the escapes of C and Python: `\n`, `\r`, `\t`, `\0`, `\\`, `\"`, `\'`, `\x7f`.
pub fn text(text: &str) -> Result<Vec<u8>, PayloadError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, behind)) = rest.split_once('\\') {
        bytes.extend(plain.as_bytes());
        let length = if behind.starts_with('x') { 3 } else { 1 };
        let (end, _) = behind
            .char_indices()
            .nth(length)
            .unwrap_or((behind.len(), ' '));
        let (escape, after) = behind.split_at(end);
        bytes.push(escaped(escape).ok_or_else(|| PayloadError::Escape(format!("\\{escape}")))?);
        rest = after;
    }
    bytes.extend(rest.as_bytes());
    Ok(bytes)
}

/// The byte that stands behind a backslash.
fn escaped(escape: &str) -> Option<u8> {
    Some(match escape {
        "n" => b'\n',
        "r" => b'\r',
        "t" => b'\t',
        "0" => 0,
        "\\" => b'\\',
        "\"" => b'"',
        "'" => b'\'',
        _ => {
            let digits = escape.strip_prefix('x')?;
            let whole = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return whole.then(|| u8::from_str_radix(digits, 16).ok()).flatten();
        }
    })
}

/// The bytes that hexadecimal digits are. There may be separators between bytes, and `0x` in front of what stands between
/// separators: `48 69`, `48:69`, `4869`, `0x48, 0x69`.
pub fn hex(text: &str) -> Result<Vec<u8>, PayloadError> {
    let separates = |letter: char| letter.is_whitespace() || ":-.,".contains(letter);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut at = 0;
    for group in text.split(separates) {
        let digits = group
            .strip_prefix("0x")
            .or_else(|| group.strip_prefix("0X"))
            .unwrap_or(group);
        let skipped = group.len() - digits.len();
        let wrong = |letter: &(usize, char)| !letter.1.is_ascii_hexdigit();
        if let Some((index, found)) = digits.chars().enumerate().find(wrong) {
            let at = at + skipped + index + 1;
            return Err(PayloadError::Digit { found, at });
        }
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return Err(PayloadError::Odd(group.to_owned()));
        }
        bytes.extend(
            pairs
                .iter()
                .map(|&[high, low]| nibble(high) << 4 | nibble(low)),
        );
        at += group.chars().count() + 1;
    }
    Ok(bytes)
}

/// What a digit is worth.
fn nibble(digit: u8) -> u8 {
    (digit as char).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_taken_as_it_is_but_for_escapes() {
        for (written, bytes) in [
            ("", &b""[..]),
            ("Hi", b"Hi"),
            ("gr\u{fc}n", b"gr\xc3\xbcn"),
            (r#"a\n\r\t\0\\\"\'\x7fz"#, b"a\n\r\t\0\\\"'\x7fz"),
            (r"\xff\xFE0", b"\xff\xfe0"),
        ] {
            assert_eq!(text(written).as_deref(), Ok(bytes), "{written}");
        }
    }

    #[test]
    fn a_backslash_before_nothing_known_is_refused() {
        for (written, wrong) in [
            (r"a\q", r"\q"),
            (r"a\", r"\"),
            (r"\x", r"\x"),
            (r"\x7", r"\x7"),
            (r"\x7g1", r"\x7g"),
            (r"\x+7", r"\x+7"),
            ("\\\u{fc}b", "\\\u{fc}"),
        ] {
            assert_eq!(text(written), Err(PayloadError::Escape(wrong.into())));
        }
    }

    #[test]
    fn digits_may_have_separators_between_bytes() {
        for written in [
            "00ff7f",
            "00 ff 7f",
            "00:FF:7f",
            "00-ff-7F",
            "00.ff7f",
            "0x00ff7f",
            "0x00, 0xff, 0X7f",
            " 00ff\n\t7f\n",
        ] {
            assert_eq!(hex(written), Ok(vec![0, 0xff, 0x7f]), "{written}");
        }
        assert_eq!(hex(""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_whole_byte_is_refused_with_its_place() {
        let digit = |found, at| Err(PayloadError::Digit { found, at });
        assert_eq!(hex("00 fg"), digit('g', 5));
        assert_eq!(hex("0x0x"), digit('x', 4));
        assert_eq!(hex("\u{fc}"), digit('\u{fc}', 1));
        assert_eq!(hex("00 f"), Err(PayloadError::Odd("f".into())));
        assert_eq!(hex("000"), Err(PayloadError::Odd("000".into())));
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(written: String) {
            let _ = (text(&written), hex(&written));
        }

        #[test]
        fn bytes_are_read_as_they_were_written(bytes: Vec<u8>, separator in "[ :,.-]?") {
            let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(hex(&digits.join(&separator)), Ok(bytes.clone()));
            let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            prop_assert_eq!(text(&escaped), Ok(bytes));
        }
    }
}
