//! The name that takes the place of one that is lost (RFC 6762 9, RFC 6763 D): `casa-2` for the host `casa`,
//! `Web (2)` for the service `Web`.

use crate::dns::Name;

/// A name with a number at the end of its first label, which is cut if it has to be; `None` if there is no room.
pub(super) fn numbered(name: &Name, number: u32, is_service: bool) -> Option<Name> {
    match is_service {
        true => name.with_suffix(&format!(" ({number})")),
        false => name.with_suffix(&format!("-{number}")),
    }
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
