//! What came of asking: how many, how many answers, how long they took. As ping tells it.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// Counts of what was sent and what came back, and the round-trip times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// What was sent.
    pub sent: u64,
    /// First answers.
    pub received: u64,
    /// Further answers to what had been answered.
    pub duplicates: u64,
    times: Option<Times>,
}

/// Sums over the round trips that were timed, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    count: u64,
    least: Duration,
    most: Duration,
    sum: u128,
    squares: u128,
}

/// The round-trip times in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrips {
    /// The shortest.
    pub least: Duration,
    /// The mean.
    pub mean: Duration,
    /// The longest.
    pub most: Duration,
    /// The standard deviation, which ping calls mdev.
    pub deviation: Duration,
}

impl Statistics {
    /// Counts one that was sent.
    pub fn sent(&mut self) {
        self.sent += 1;
    }

    /// Counts a first answer and its round-trip time.
    pub fn received(&mut self, round_trip: Duration) {
        self.received += 1;
        self.times
            .get_or_insert(Times {
                count: 0,
                least: round_trip,
                most: round_trip,
                sum: 0,
                squares: 0,
            })
            .add(round_trip);
    }

    /// Counts a first answer whose time tells nothing, as that of somebody who spoke unasked.
    pub fn received_untimed(&mut self) {
        self.received += 1;
    }

    /// Counts a further answer.
    pub fn duplicate(&mut self) {
        self.duplicates += 1;
    }

    /// How many of a hundred were not answered, rounded down; none if nothing was sent.
    pub fn loss(&self) -> Option<u64> {
        let lost = self.sent.saturating_sub(self.received);
        (u128::from(lost) * 100)
            .checked_div(self.sent.into())
            .map(|percent| percent as u64)
    }

    /// The round-trip times; none if none was taken.
    pub fn round_trips(&self) -> Option<RoundTrips> {
        self.times.map(Times::round_trips)
    }
}

impl Times {
    fn add(&mut self, time: Duration) {
        let nanoseconds = time.as_nanos();
        self.count += 1;
        self.least = self.least.min(time);
        self.most = self.most.max(time);
        self.sum = self.sum.saturating_add(nanoseconds);
        let square = nanoseconds.saturating_mul(nanoseconds);
        self.squares = self.squares.saturating_add(square);
    }

    fn round_trips(self) -> RoundTrips {
        let count = u128::from(self.count);
        let mean = self.sum / count;
        // Not from the mean, which is rounded.
        let scaled = count.saturating_mul(self.squares);
        let variance = scaled.saturating_sub(self.sum.saturating_mul(self.sum)) / (count * count);
        RoundTrips {
            least: self.least,
            mean: nanoseconds(mean),
            most: self.most,
            deviation: nanoseconds(variance.isqrt()),
        }
    }
}

fn nanoseconds(number: u128) -> Duration {
    Duration::from_nanos(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Two lines as ping's, the second only if there are times.
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, {} received", self.sent, self.received)?;
        if self.duplicates > 0 {
            write!(f, ", +{} duplicates", self.duplicates)?;
        }
        if let Some(loss) = self.loss() {
            write!(f, ", {loss}% loss")?;
        }
        match self.round_trips() {
            Some(times) => write!(f, "\n{times}"),
            None => Ok(()),
        }
    }
}

/// `rtt min/avg/max/mdev = 0.041/0.052/0.063/0.011 ms`.
impl fmt::Display for RoundTrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, mean, most, deviation] =
            [self.least, self.mean, self.most, self.deviation].map(Milliseconds);
        write!(
            f,
            "rtt min/avg/max/mdev = {least}/{mean}/{most}/{deviation} ms"
        )
    }
}

/// A time shown in milliseconds and thousandths of them, without the unit: `0.041`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Milliseconds(pub Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = self.0.as_micros();
        write!(f, "{}.{:03}", microseconds / 1000, microseconds % 1000)
    }
}

/// A number of milliseconds.
impl Serialize for Milliseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_micros() as f64 / 1000.0)
    }
}

/// One object; times in milliseconds.
impl Serialize for Statistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row {
            sent: u64,
            received: u64,
            duplicates: u64,
            loss_percent: Option<u64>,
            rtt_ms: Option<RttRow>,
        }
        #[derive(Serialize)]
        struct RttRow {
            min: Milliseconds,
            avg: Milliseconds,
            max: Milliseconds,
            mdev: Milliseconds,
        }
        let rtt = |times: RoundTrips| RttRow {
            min: Milliseconds(times.least),
            avg: Milliseconds(times.mean),
            max: Milliseconds(times.most),
            mdev: Milliseconds(times.deviation),
        };
        Row {
            sent: self.sent,
            received: self.received,
            duplicates: self.duplicates,
            loss_percent: self.loss(),
            rtt_ms: self.round_trips().map(rtt),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn us(number: u64) -> Duration {
        Duration::from_micros(number)
    }

    fn of(sent: u64, times: &[Duration]) -> Statistics {
        let mut statistics = Statistics::default();
        (0..sent).for_each(|_| statistics.sent());
        times.iter().for_each(|time| statistics.received(*time));
        statistics
    }

    #[test]
    fn they_read_as_pings_do() {
        let mut statistics = of(3, &[us(41), us(1063)]);
        statistics.duplicate();
        assert_eq!(
            statistics.to_string(),
            "3 sent, 2 received, +1 duplicates, 33% loss\n\
             rtt min/avg/max/mdev = 0.041/0.552/1.063/0.511 ms"
        );
        assert_eq!(of(2, &[]).to_string(), "2 sent, 0 received, 100% loss");
        assert_eq!(of(0, &[]).to_string(), "0 sent, 0 received");
    }

    #[test]
    fn machines_read_numbers() {
        assert_eq!(
            serde_json::to_string(&of(2, &[us(1500), us(2500)])).unwrap(),
            r#"{"sent":2,"received":2,"duplicates":0,"loss_percent":0,"rtt_ms":{"min":1.5,"avg":2.0,"max":2.5,"mdev":0.5}}"#
        );
        assert_eq!(
            serde_json::to_string(&of(0, &[])).unwrap(),
            r#"{"sent":0,"received":0,"duplicates":0,"loss_percent":null,"rtt_ms":null}"#
        );
    }

    #[test]
    fn an_answer_without_time_counts_and_more_answers_than_questions_are_no_loss() {
        let mut statistics = of(1, &[]);
        statistics.received_untimed();
        assert_eq!(statistics.to_string(), "1 sent, 1 received, 0% loss");
        statistics.received(Duration::MAX);
        statistics.received(Duration::MAX);
        assert_eq!(statistics.loss(), Some(0));
        assert_eq!(statistics.round_trips().unwrap().least, Duration::MAX);
    }

    proptest! {
        #[test]
        fn mean_and_deviation_are_what_arithmetic_says(
            times in prop::collection::vec(0..60_000_000_u64, 1..50)
        ) {
            let durations: Vec<_> = times.iter().map(|time| us(*time)).collect();
            let found = of(times.len() as u64, &durations).round_trips().unwrap();
            let count = times.len() as f64;
            let mean = times.iter().sum::<u64>() as f64 / count;
            let variance = times.iter().map(|&time| (time as f64 - mean).powi(2)).sum::<f64>() / count;
            prop_assert!((found.mean.as_secs_f64() * 1e6 - mean).abs() < 1.0);
            prop_assert!((found.deviation.as_secs_f64() * 1e6 - variance.sqrt()).abs() < 1.0);
            prop_assert!(found.least <= found.mean && found.mean <= found.most);
        }
    }
}
