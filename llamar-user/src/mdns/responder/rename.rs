//! The name that takes the place of one that is lost (RFC 6762 9, RFC 6763 D): `casa-2` for the host `casa`,
//! `Web (2)` for the service `Web`.

use llamar_common::abi::LABEL_MAX;

use crate::dns::Name;
use crate::dns::name::NAME_MAX;

/// A name with a number at the end of its first label, which is cut if it has to be; `None` if there is no room.
pub(super) fn numbered(name: &Name, number: u32, is_service: bool) -> Option<Name> {
    let first = name.labels().next()?;
    let suffix = if is_service {
        format!(" ({number})")
    } else {
        format!("-{number}")
    };
    // RFC 1035 2.3.4: 63 bytes a label, 255 a name.
    let others = name.wire().len() - first.len();
    let room = LABEL_MAX.min(NAME_MAX.checked_sub(others)?);
    let stem = cut(first, room.checked_sub(suffix.len())?);
    if stem.is_empty() {
        return None;
    }
    let label = [stem, suffix.as_bytes()].concat();
    let labels = [label.as_slice()].into_iter().chain(name.labels().skip(1));
    Name::from_labels(labels).ok()
}

/// The number of a name that took another's place; 1 if it is that other, or was made in another way.
pub(super) fn number_of(name: &Name, used: &Name, is_service: bool) -> u32 {
    let label = used.labels().next().unwrap_or_default();
    let digits = label.strip_suffix(b")").unwrap_or(label);
    let end = digits.iter().rposition(|byte| !byte.is_ascii_digit());
    let digits = &digits[end.map_or(0, |end| end + 1)..];
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok());
    let number = number.filter(|&number| numbered(name, number, is_service).as_ref() == Some(used));
    number.unwrap_or(1)
}

/// The start of a label, of at most `length` bytes. A character of UTF-8 is not cut in two.
fn cut(label: &[u8], length: usize) -> &[u8] {
    if label.len() <= length {
        return label;
    }
    let length = match std::str::from_utf8(label) {
        Ok(text) => (0..=length).rev().find(|&at| text.is_char_boundary(at)),
        Err(_) => Some(length),
    };
    &label[..length.unwrap_or(0)]
}
