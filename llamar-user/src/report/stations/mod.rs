//! What `scan` and `watch` of `llamar arp` and `llamar nd` show.

mod found;
mod news;
mod packet;

pub use found::{FoundForm, FoundReport, FoundRow, ScanEnd};
pub use news::{NewsRow, OmittedRow};
pub use packet::{DamagedRow, PacketRow};

use std::time::Duration;

use serde::Serialize;

use crate::ether::MacAddr;
use crate::stations::Fellow;

/// Where something was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// When, in seconds since the epoch.
    #[serde(serialize_with = "seconds", rename = "time")]
    pub at: Duration,
    /// The interface, where one is known.
    pub interface: Option<String>,
    /// The VLAN id of tagged frames.
    pub vlan: Option<u16>,
}

impl Heard {
    /// The time and the place, as lines begin with them.
    fn shown(&self) -> String {
        let time = utc(self.at);
        let interface = self.interface.as_deref().unwrap_or("-");
        match self.vlan {
            Some(vlan) => format!("{time} {interface} vlan {vlan}"),
            None => format!("{time} {interface}"),
        }
    }
}

/// What is known of a hardware address besides its digits: the group of routers whose it is, the vendor, or that software
/// chose it.
pub fn label(mac: MacAddr, vendor: Option<String>) -> Option<String> {
    let fellow = Fellow::of(mac).map(|fellow| fellow.to_string());
    let local = (mac.is_local() && mac.is_station()).then(|| String::from("random/local"));
    fellow.or(vendor).or(local)
}

/// An address and what is known of it: `02:00:00:00:00:01 (random/local)`.
fn labelled(mac: MacAddr, label: Option<&String>) -> String {
    match label {
        Some(label) => format!("{mac} ({label})"),
        None => mac.to_string(),
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64())
}

fn whole_seconds<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(time.as_secs())
}

/// A time since the epoch as a date of the Gregorian calendar, `2023-11-14T22:13:20.250Z` (RFC 3339 5.6).
fn utc(time: Duration) -> String {
    const DAY: u64 = 86_400;
    // A time of years that have more digits is no time: damaged captures have them.
    let seconds = time.as_secs().min(253_402_300_799);
    let (year, month, day) = date(seconds / DAY);
    let [hour, minute, second] = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
    let millis = time.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a number of days since the epoch.
fn date(days: u64) -> (u64, u64, u64) {
    // Counted from the first of March of the year 0: the day that a leap year has more is then a year's last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in five.
    let month = (5 * day + 2) / 153;
    let first = (153 * month + 2) / 5;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day - first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00.250Z"),
            (951_782_400, "2000-02-29T00:00:00.250Z"),
            (1_700_000_000, "2023-11-14T22:13:20.250Z"),
            (4_107_542_399, "2100-02-28T23:59:59.250Z"),
            (4_107_542_400, "2100-03-01T00:00:00.250Z"),
            (u64::MAX, "9999-12-31T23:59:59.250Z"),
        ] {
            let time = Duration::from_secs(seconds).saturating_add(Duration::from_millis(250));
            let time = Duration::new(time.as_secs(), 250_000_000);
            assert_eq!(utc(time), shown);
        }
    }

    #[test]
    fn every_day_comes_after_the_one_before() {
        let mut before = date(0);
        for day in 1..200_000 {
            let next = date(day);
            let (year, month, day) = before;
            let expected = [
                (year, month, day + 1),
                (year, month + 1, 1),
                (year + 1, 1, 1),
            ];
            assert!(expected.contains(&next), "{before:?} {next:?}");
            assert!(next.1 <= 12 && next.2 <= 31);
            before = next;
        }
    }

    #[test]
    fn an_address_is_labelled_by_what_is_known_of_it() {
        let mac = |text: &str| text.parse::<MacAddr>().unwrap();
        let vendor = || Some(String::from("Intel"));
        let of = |text: &str, vendor| label(mac(text), vendor);
        assert_eq!(of("00:1b:21:00:00:01", vendor()), vendor());
        assert_eq!(of("00:1b:21:00:00:01", None), None);
        assert_eq!(of("52:54:00:00:00:01", vendor()), vendor());
        let local = Some(String::from("random/local"));
        assert_eq!(of("02:00:00:00:00:01", None), local);
        assert_eq!(of("ff:ff:ff:ff:ff:ff", None), None);
        let vrrp = Some(String::from("VRRP 7"));
        assert_eq!(of("00:00:5e:00:01:07", vendor()), vrrp);
    }
}
