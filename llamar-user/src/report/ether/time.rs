//! A time of day as everybody reads it.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

const DAY: u64 = 86_400;

/// A time in UTC as RFC 3339 has it, in microseconds or, in JSON, in nanoseconds: `2023-11-14T22:13:20.123456Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc(pub SystemTime);

impl Utc {
    fn parts(self) -> (String, u32) {
        let since = self.0.duration_since(SystemTime::UNIX_EPOCH);
        let since = since.unwrap_or(Duration::ZERO);
        let (days, seconds) = (since.as_secs() / DAY, since.as_secs() % DAY);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        (text, since.subsec_nanos())
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, nanoseconds) = self.parts();
        write!(f, "{text}.{:06}Z", nanoseconds / 1000)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (text, nanoseconds) = self.parts();
        serializer.serialize_str(&format!("{text}.{nanoseconds:09}Z"))
    }
}

/// Year, month and day of a day that is counted from 1970 on, in the Gregorian calendar.
fn date(mut days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097;
    // Nobody's clock is there, and the loop below has an end.
    days %= CYCLE * 100;
    let mut year = 1970 + days / CYCLE * 400;
    days %= CYCLE;
    loop {
        let leap = is_leap(year);
        let length = 365 + u64::from(leap);
        if days < length {
            let february = 28 + u64::from(leap);
            let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in (1..).zip(months) {
                if days < length {
                    return (year, month, days + 1);
                }
                days -= length;
            }
        }
        days -= length;
        year += 1;
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: u64) -> String {
        Utc(SystemTime::UNIX_EPOCH + Duration::new(seconds, 123_456_789)).to_string()
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.123456Z"),
            (951_782_399, "2000-02-28T23:59:59.123456Z"),
            (951_782_400, "2000-02-29T00:00:00.123456Z"),
            (951_868_800, "2000-03-01T00:00:00.123456Z"),
            (1_700_000_000, "2023-11-14T22:13:20.123456Z"),
            (1_704_067_199, "2023-12-31T23:59:59.123456Z"),
            (4_107_542_400, "2100-03-01T00:00:00.123456Z"),
            (12_622_780_800, "2370-01-01T00:00:00.123456Z"),
        ] {
            assert_eq!(shown(seconds), text);
        }
        let at = Utc(SystemTime::UNIX_EPOCH + Duration::new(0, 7));
        assert_eq!(
            serde_json::to_string(&at).unwrap(),
            r#""1970-01-01T00:00:00.000000007Z""#
        );
    }

    #[test]
    fn no_clock_is_too_wrong_to_be_shown() {
        shown(u64::MAX / 2);
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Utc(before).to_string(), "1970-01-01T00:00:00.000000Z");
    }
}
