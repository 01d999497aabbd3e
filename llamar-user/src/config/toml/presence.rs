//! The keys about announcements and address conflicts, the same for all interfaces and for one.

use super::{Reader, Value};
use crate::config::file::PresenceKeys;
use crate::config::{ANNOUNCE_EVERY_MAX, ANNOUNCE_EVERY_MIN, OnAddressConflict};

impl Reader<'_> {
    /// Takes a key if it is one of these; whether it is.
    pub(super) fn presence(&mut self, key: &str, value: &Value, keys: &mut PresenceKeys) -> bool {
        match key {
            "announce" => keys.announce = self.boolean("announce", value),
            "announce-every" => keys.every = self.announce_every(value),
            "on-address-conflict" => keys.on_conflict = self.on_address_conflict(value),
            _ => return false,
        }
        true
    }

    /// Seconds, or `"off"`.
    fn announce_every(&mut self, value: &Value) -> Option<Option<u32>> {
        let (least, most) = (ANNOUNCE_EVERY_MIN, ANNOUNCE_EVERY_MAX);
        if value.get_ref().is_integer() {
            return self.number("announce-every", value, least, most).map(Some);
        }
        let expected = format!("seconds, a number from {least} to {most}, or \"off\"");
        let text = self.string("announce-every", &expected, value)?;
        let off = (text == "off").then_some(None);
        self.judged(
            value,
            off.ok_or_else(|| format!("{text:?} is no time, expected {expected}")),
        )
    }

    fn on_address_conflict(&mut self, value: &Value) -> Option<OnAddressConflict> {
        let expected = "\"defend\", \"report\" or \"withdraw\"";
        let text = self.string("on-address-conflict", expected, value)?;
        self.judged(value, text.parse())
    }
}
