//! Figures: medians with their range, and what the issue asks of each.

use serde_json::{Value, json};

/// A median of several measurements, with the smallest and the largest of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// How many there were.
    pub rounds: usize,
}

impl Figure {
    /// Of measurements, of which there is at least one.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self {
            median,
            low,
            high,
            rounds: sorted.len(),
        })
    }
}

/// What is asked of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Nothing.
    None,
    /// So much must be reached, and so much is hoped for.
    AtLeast(f64, f64),
    /// It must not be more than this, and is hoped not to be more than that.
    AtMost(f64, f64),
    /// It must be between these.
    Within(f64, f64),
}

/// A key of the JSON, which is part of the contract with whoever reads it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// What is asked of it.
    pub goal: Goal,
    /// Whether it is a ratio to the bare reflector, and a bar of the picture.
    pub bar: bool,
    /// Digits behind the point.
    pub digits: usize,
}

/// All keys but `costs_ns` and `peers`, in the order of the table.
pub const KEYS: [Key; 21] = [
    key(
        "reflector_mpps",
        "bare reflector, million frames a second",
        2,
    ),
    key(
        "reflector_vs_xdp_bench",
        "bare reflector, times xdp-bench's own",
        3,
    )
    .goal(Goal::Within(0.95, 1.05)),
    ratio(
        "llmnr_a_v4_ratio",
        "LLMNR A over IPv4, few names",
        0.83,
        0.90,
    ),
    ratio(
        "llmnr_a_v6_ratio",
        "LLMNR A over IPv6, few names",
        0.81,
        0.88,
    ),
    ratio(
        "llmnr_aaaa_v6_ratio",
        "LLMNR AAAA over IPv6, few names",
        0.81,
        0.88,
    ),
    ratio(
        "llmnr_a_10k_names_ratio",
        "LLMNR A, 10,000 names",
        0.70,
        0.80,
    ),
    ratio(
        "llmnr_a_1m_names_ratio",
        "LLMNR A, 1,000,000 names",
        0.47,
        0.65,
    ),
    ratio("arp_ratio", "ARP", 0.93, 0.98),
    key("arp_vs_kernel", "ARP, times the kernel's own responder", 2).goal(Goal::AtLeast(4.5, 4.5)),
    key(
        "llmnr_vs_userspace",
        "LLMNR A, times the userspace responder",
        1,
    ),
    key("other_traffic_ns", "frame that is not ours, ns", 1).goal(Goal::AtMost(3.0, 1.0)),
    key("foreign_name_ns", "LLMNR name of somebody else, ns", 1).goal(Goal::AtMost(50.0, 25.0)),
    key("other_tcp_ratio_generic", "bulk TCP beside generic XDP", 3),
    key(
        "names_1m_load_seconds",
        "1,000,000 names: start to answer, s",
        2,
    )
    .goal(Goal::AtMost(1.5, 0.2)),
    key(
        "names_1m_reload_one_ms",
        "one name of 1,000,000 changed, ms",
        1,
    )
    .goal(Goal::AtMost(50.0, 5.0)),
    key("names_bytes_each", "kernel memory for each name, bytes", 0)
        .goal(Goal::AtMost(450.0, 300.0)),
    key("rss_empty_mb", "agent without names, resident, MB", 1).goal(Goal::AtMost(20.0, 20.0)),
    key("rss_1m_mb", "agent with 1,000,000 names, resident, MB", 0)
        .goal(Goal::AtMost(350.0, 350.0)),
    // The heartbeat is one a second.
    key(
        "idle_wakeups_per_s",
        "idle agent, native XDP: wake-ups a second",
        1,
    )
    .goal(Goal::AtMost(2.0, 1.0)),
    key(
        "idle_wakeups_per_s_off",
        "idle agent, --xdp off: wake-ups a second",
        1,
    )
    .goal(Goal::AtMost(1.0, 0.0)),
    key(
        "verified_instructions",
        "instructions that the verifier walked",
        0,
    )
    .goal(Goal::AtMost(100_000.0, 100_000.0)),
];

/// The key for which there may be no figure: xdp-bench is somebody else's.
pub const OPTIONAL: &str = "reflector_vs_xdp_bench";

const fn key(name: &'static str, what: &'static str, digits: usize) -> Key {
    Key {
        name,
        what,
        goal: Goal::None,
        bar: false,
        digits,
    }
}

const fn ratio(name: &'static str, what: &'static str, must: f64, aim: f64) -> Key {
    Key {
        bar: true,
        ..key(name, what, 3).goal(Goal::AtLeast(must, aim))
    }
}

impl Key {
    const fn goal(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    /// How a figure stands to what is asked.
    pub fn standing(&self, figure: f64) -> &'static str {
        let (must, aim) = match self.goal {
            Goal::None => return "",
            Goal::AtLeast(must, aim) => (figure >= must, figure >= aim),
            Goal::AtMost(must, aim) => (figure <= must, figure <= aim),
            Goal::Within(low, high) => {
                let within = (low..=high).contains(&figure);
                (within, within)
            }
        };
        match (must, aim) {
            (_, true) => "aim",
            (true, false) => "must",
            (false, false) => "below",
        }
    }

    /// What must be reached, and what is hoped for, as they are printed.
    pub fn goals(&self) -> (String, String) {
        match self.goal {
            Goal::None => Default::default(),
            Goal::AtLeast(must, aim) | Goal::AtMost(must, aim) => {
                (must.to_string(), aim.to_string())
            }
            Goal::Within(low, high) => (low.to_string(), format!("{high:.2}")),
        }
    }

    /// A number with its digits.
    pub fn text(&self, number: f64) -> String {
        format!("{number:.*}", self.digits)
    }
}

/// Daemon that answers names: its figures, each the median of several rounds.
#[derive(Clone, Debug, Default)]
pub struct PeerFigures {
    /// What it is, with its version.
    pub name: String,
    /// The key in the JSON.
    pub key: &'static str,
    /// Answers in a second, many questions under way.
    pub answers_per_second: f64,
    /// Half of the answers took at most so long, one question at a time.
    pub p50_us: f64,
    /// 99 of 100 did.
    pub p99_us: f64,
    /// CPU time of an answer.
    pub cpu_us_per_answer: f64,
    /// CPU time of a question for a name that it does not hold.
    pub cpu_us_per_foreign_query: f64,
}

impl PeerFigures {
    /// The medians of several rounds.
    pub fn median(rounds: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| {
            let values: Vec<f64> = rounds.iter().map(figure).collect();
            Figure::of(&values).map_or(f64::NAN, |figure| figure.median)
        };
        Self {
            answers_per_second: median(|round| round.answers_per_second),
            p50_us: median(|round| round.p50_us),
            p99_us: median(|round| round.p99_us),
            cpu_us_per_answer: median(|round| round.cpu_us_per_answer),
            cpu_us_per_foreign_query: median(|round| round.cpu_us_per_foreign_query),
            ..Self::default()
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "version": self.name,
            "answers_per_second": self.answers_per_second.round(),
            "p50_us": rounded(self.p50_us, 1),
            "p99_us": rounded(self.p99_us, 1),
            "cpu_us_per_answer": rounded(self.cpu_us_per_answer, 2),
            "cpu_us_per_foreign_query": rounded(self.cpu_us_per_foreign_query, 2),
        })
    }
}

fn rounded(number: f64, digits: i32) -> f64 {
    let parts = 10_f64.powi(digits);
    (number * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_with_its_range() {
        let figure = Figure::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((figure.median, figure.low, figure.high), (2.0, 1.0, 3.0));
        assert_eq!(Figure::of(&[1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Figure::of(&[]), None);
    }

    #[test]
    fn figures_of_a_daemon_have_the_digits_of_the_table() {
        let peer = PeerFigures {
            p50_us: 7.25,
            cpu_us_per_answer: 2.567,
            answers_per_second: 340_513.4,
            ..PeerFigures::default()
        };
        let json = peer.json();
        assert_eq!(json["p50_us"], 7.3);
        assert_eq!(json["cpu_us_per_answer"], 2.57);
        assert_eq!(json["cpu_us_per_foreign_query"], 0.0);
        assert_eq!(json["answers_per_second"], 340_513.0);
    }

    #[test]
    fn figures_of_several_rounds_are_their_medians_each() {
        let round = |p50_us, p99_us| PeerFigures {
            p50_us,
            p99_us,
            ..PeerFigures::default()
        };
        let median = PeerFigures::median(&[round(1.0, 9.0), round(3.0, 7.0), round(2.0, 8.0)]);
        assert_eq!((median.p50_us, median.p99_us), (2.0, 8.0));
    }

    #[test]
    fn more_is_better_for_ratios_and_less_for_times() {
        let find = |name| KEYS.iter().find(|key| key.name == name).unwrap();
        assert_eq!(find("llmnr_a_v4_ratio").standing(0.91), "aim");
        assert_eq!(find("llmnr_a_v4_ratio").standing(0.85), "must");
        assert_eq!(find("llmnr_a_v4_ratio").standing(0.7), "below");
        assert_eq!(find("other_traffic_ns").standing(0.5), "aim");
        assert_eq!(find("other_traffic_ns").standing(2.0), "must");
        assert_eq!(find("other_traffic_ns").standing(9.0), "below");
        assert_eq!(find("verified_instructions").standing(9_000.0), "aim");
        assert_eq!(find("reflector_vs_xdp_bench").standing(0.94), "below");
        assert_eq!(find("reflector_vs_xdp_bench").standing(1.04), "aim");
        assert_eq!(find("reflector_vs_xdp_bench").standing(1.06), "below");
        assert_eq!(find("reflector_mpps").standing(1.0), "");
    }
}
