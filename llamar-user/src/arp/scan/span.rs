//! Ranges of addresses, never written out one by one.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Addresses from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    first: u32,
    last: u32,
}

/// Why a text is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is something else.
    #[error(
        "{0:?} is no range of IPv4 addresses: expected 10.0.0.0/24, 10.0.0.5-10.0.0.9, 10.0.0.5-9 or 10.0.0.5"
    )]
    Text(String),
    /// It ends before it begins.
    #[error("{0:?} ends before it begins")]
    Backwards(String),
}

impl Span {
    /// One address.
    pub fn one(address: Ipv4Addr) -> Self {
        let first = address.to_bits();
        Self { first, last: first }
    }

    /// From one address to another; `None` if that is before the first.
    pub fn between(first: Ipv4Addr, last: Ipv4Addr) -> Option<Self> {
        let (first, last) = (first.to_bits(), last.to_bits());
        (first <= last).then_some(Self { first, last })
    }

    /// The hosts of a network of so many bits: without its own address and the broadcast address, unless it is so short
    /// that it has neither (RFC 3021 2.1), or they are asked for.
    pub fn network(address: Ipv4Addr, prefix: u8, edges: bool) -> Self {
        let hosts = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let (first, last) = (address.to_bits() & !hosts, address.to_bits() | hosts);
        match edges || prefix >= 31 {
            true => Self { first, last },
            false => Self {
                first: first + 1,
                last: last - 1,
            },
        }
    }

    /// Reads `10.0.0.0/24`, `10.0.0.5-10.0.0.9`, `10.0.0.5-9` or `10.0.0.5`; `edges` as in [`network`](Self::network).
    pub fn parse(text: &str, edges: bool) -> Result<Self, SpanError> {
        let wrong = || SpanError::Text(text.to_owned());
        let address = |text: &str| Ipv4Addr::from_str(text).map_err(|_| wrong());
        if let Some((network, prefix)) = text.split_once('/') {
            let prefix = decimal(prefix).filter(|prefix| *prefix <= 32);
            return Ok(Self::network(
                address(network)?,
                prefix.ok_or_else(wrong)?,
                edges,
            ));
        }
        let Some((first, last)) = text.split_once('-') else {
            return address(text).map(Self::one);
        };
        let first = address(first)?;
        let last = match decimal(last) {
            Some(last) => {
                let [a, b, c, _] = first.octets();
                Ipv4Addr::new(a, b, c, last)
            }
            None => address(last)?,
        };
        Self::between(first, last).ok_or_else(|| SpanError::Backwards(text.to_owned()))
    }

    /// The first address.
    pub fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first)
    }

    /// The last address.
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.last)
    }

    /// How many there are: never none.
    pub fn count(self) -> u64 {
        u64::from(self.last - self.first) + 1
    }
}

/// A number without sign.
fn decimal(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first()),
            false => write!(f, "{}-{}", self.first(), self.last()),
        }
    }
}

/// Several ranges: in order, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<(Span, u64)>);

impl Spans {
    /// The ranges, joined where they overlap or touch.
    pub fn new(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut sorted: Vec<Span> = spans.into_iter().collect();
        sorted.sort_unstable();
        let mut joined: Vec<Span> = Vec::new();
        for span in sorted {
            match joined.last_mut() {
                Some(before) if span.first <= before.last.saturating_add(1) => {
                    before.last = before.last.max(span.last);
                }
                _ => joined.push(span),
            }
        }
        let mut count = 0;
        let numbered = joined.into_iter().map(|span| {
            let begins = count;
            count += span.count();
            (span, begins)
        });
        Self(numbered.collect())
    }

    /// How many addresses there are.
    pub fn count(&self) -> u64 {
        self.0
            .last()
            .map_or(0, |(span, begins)| begins + span.count())
    }

    /// The address of a number, from 0.
    pub fn nth(&self, number: u64) -> Option<Ipv4Addr> {
        let after = self.0.partition_point(|(_, begins)| *begins <= number);
        let (span, begins) = self.0.get(after.checked_sub(1)?)?;
        let bits = u64::from(span.first) + (number - begins);
        (bits <= u64::from(span.last)).then(|| Ipv4Addr::from_bits(bits as u32))
    }

    /// The number of an address, if it is among them.
    pub fn number(&self, address: Ipv4Addr) -> Option<u64> {
        let bits = address.to_bits();
        let after = self.0.partition_point(|(span, _)| span.first <= bits);
        let (span, begins) = self.0.get(after.checked_sub(1)?)?;
        (bits <= span.last).then(|| begins + u64::from(bits - span.first))
    }

    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = Span> {
        self.0.iter().map(|(span, _)| *span)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str, edges: bool) -> String {
        Span::parse(text, edges).map_or_else(|error| error.to_string(), |span| span.to_string())
    }

    #[test]
    fn a_range_is_read_in_each_of_its_forms() {
        for (text, inner, whole) in [
            ("10.0.0.0/24", "10.0.0.1-10.0.0.254", "10.0.0.0-10.0.0.255"),
            ("10.0.0.77/30", "10.0.0.77-10.0.0.78", "10.0.0.76-10.0.0.79"),
            ("10.0.0.1/31", "10.0.0.0-10.0.0.1", "10.0.0.0-10.0.0.1"),
            ("10.0.0.1/32", "10.0.0.1", "10.0.0.1"),
            (
                "0.0.0.0/0",
                "0.0.0.1-255.255.255.254",
                "0.0.0.0-255.255.255.255",
            ),
            (
                "10.0.0.5-10.0.1.9",
                "10.0.0.5-10.0.1.9",
                "10.0.0.5-10.0.1.9",
            ),
            ("10.0.0.5-9", "10.0.0.5-10.0.0.9", "10.0.0.5-10.0.0.9"),
            ("10.0.0.5", "10.0.0.5", "10.0.0.5"),
        ] {
            assert_eq!(shown(text, false), inner, "{text}");
            assert_eq!(shown(text, true), whole, "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/24/1",
            "10.0.0.1-",
            "-10.0.0.1",
            "10.0.0.1-256",
            "10.0.0.1-10.0.0",
            "fe80::/64",
            "10.0.0.0/24 ",
            "eth0",
        ] {
            let error = Span::parse(text, false);
            assert_eq!(error, Err(SpanError::Text(text.to_owned())), "{text}");
        }
        for text in ["10.0.0.9-5", "10.0.0.9-10.0.0.8"] {
            let error = Span::parse(text, false);
            assert_eq!(error, Err(SpanError::Backwards(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn ranges_that_touch_are_one_and_the_whole_of_ipv4_is_counted() {
        let span = |text| Span::parse(text, true).unwrap();
        let spans = Spans::new(["10.0.0.8/29", "10.0.0.0/29", "10.0.0.4-9", "10.0.1.1"].map(span));
        let shown: Vec<_> = spans.iter().map(|span| span.to_string()).collect();
        assert_eq!(shown, ["10.0.0.0-10.0.0.15", "10.0.1.1"]);
        assert_eq!(spans.count(), 17);
        let all = Spans::new([span("0.0.0.0/0"), span("255.255.255.255")]);
        assert_eq!(all.count(), 1 << 32);
        assert_eq!(all.nth((1 << 32) - 1), Some(Ipv4Addr::BROADCAST));
        assert_eq!(all.nth(1 << 32), None);
        assert_eq!(
            (Spans::default().count(), Spans::default().nth(0)),
            (0, None)
        );
    }

    proptest! {
        #[test]
        fn numbers_and_addresses_belong_together(
            ranges in prop::collection::vec((0u32..2000, 0u32..100), 0..20), other in 0u32..3000
        ) {
            let span = |(first, more): &(u32, u32)| Span { first: *first, last: first + more };
            let spans = Spans::new(ranges.iter().map(span));
            let mut before = None;
            for number in 0..spans.count() {
                let address = spans.nth(number).unwrap();
                prop_assert_eq!(spans.number(address), Some(number));
                prop_assert!(before < Some(address));
                before = Some(address);
            }
            prop_assert_eq!(spans.nth(spans.count()), None);
            let within = ranges.iter().any(|(first, more)| (*first..=first + more).contains(&other));
            prop_assert_eq!(spans.number(Ipv4Addr::from_bits(other)).is_some(), within);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9./-]{0,24}", edges: bool) {
            if let Ok(span) = Span::parse(&text, edges) {
                prop_assert_eq!(Span::parse(&span.to_string(), edges), Ok(span));
            }
        }
    }
}
