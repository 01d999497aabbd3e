//! What was measured: the table, the JSON, and that nothing is missing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::figure::{Figure, KEYS, Key, OPTIONAL, PeerFigures};

/// All figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By key.
    pub figures: BTreeMap<&'static str, Figure>,
    /// Why there is no figure of a key for which there may be none.
    pub absent: BTreeMap<&'static str, String>,
    /// What frames and single steps of an answer cost, in nanoseconds: key, what it is, figure.
    pub costs: Vec<(&'static str, &'static str, Figure)>,
    /// Daemons.
    pub peers: Vec<PeerFigures>,
    /// What was run, and where.
    pub run: Vec<(&'static str, String)>,
}

impl Report {
    /// Keeps a figure; of no measurements there is none.
    pub fn figure(&mut self, key: &'static str, values: &[f64]) {
        if let Some(figure) = Figure::of(values) {
            self.figures.insert(key, figure);
        }
    }

    /// Keeps a cost.
    pub fn cost(&mut self, key: &'static str, what: &'static str, values: &[f64]) {
        if let Some(figure) = Figure::of(values) {
            self.costs.push((key, what, figure));
        }
    }

    /// Fails if a key of the contract, or a daemon, is missing.
    pub fn complete(&self, peers: &[&str]) -> Result<()> {
        let mut missing: Vec<&str> = KEYS
            .iter()
            .map(|key| key.name)
            .filter(|name| *name != OPTIONAL || !self.absent.contains_key(name))
            .filter(|name| {
                !self
                    .figures
                    .get(name)
                    .is_some_and(|figure| figure.median.is_finite())
            })
            .collect();
        let measured = |name: &&&str| !self.peers.iter().any(|peer| peer.key == **name);
        missing.extend(peers.iter().filter(measured));
        missing.extend(self.costs.is_empty().then_some("costs_ns"));
        if missing.is_empty() {
            return Ok(());
        }
        bail!("not measured: {}", missing.join(", "))
    }

    /// As JSON: medians by key, `null` where there may be none, the ranges apart, the daemons by name.
    pub fn json(&self) -> String {
        let mut all = serde_json::Map::new();
        let mut ranges = serde_json::Map::new();
        for key in KEYS {
            if let Some(figure) = self.figures.get(key.name) {
                let number = |value: f64| key.text(value).parse::<f64>().unwrap_or(value);
                all.insert(key.name.to_owned(), json!(number(figure.median)));
                let range = json!({
                    "low": number(figure.low),
                    "high": number(figure.high),
                    "rounds": figure.rounds,
                });
                ranges.insert(key.name.to_owned(), range);
            }
        }
        for key in self.absent.keys() {
            all.insert((*key).to_owned(), Value::Null);
        }
        let costs = self.costs.iter();
        let costs = costs.map(|(key, _, cost)| ((*key).to_owned(), json!(cost.median)));
        all.insert("costs_ns".to_owned(), Value::Object(costs.collect()));
        let peers = self
            .peers
            .iter()
            .map(|peer| (peer.key.to_owned(), peer.json()));
        all.insert("peers".to_owned(), Value::Object(peers.collect()));
        all.insert("ranges".to_owned(), Value::Object(ranges));
        let run = self
            .run
            .iter()
            .map(|(name, text)| ((*name).to_owned(), json!(text)));
        all.insert("run".to_owned(), Value::Object(run.collect()));
        format!("{:#}\n", Value::Object(all))
    }

    /// The tables; last in a line is its key in the JSON.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.run {
            let _ = writeln!(text, "{name:<9} {value}");
        }
        text + &self.figures_table() + &self.costs_table() + &self.peers_table()
    }

    fn figures_table(&self) -> String {
        let mut text = format!(
            "\n{:<40} {:>8} {:>19} {:>7} {:>7}  reaches  key\n",
            "", "median", "range", "must", "aim"
        );
        for key in KEYS {
            if let Some(reason) = self.absent.get(key.name) {
                let Key { what, name, .. } = key;
                let _ = writeln!(text, "{what:<40} {:>8} {reason}  {name}", "none:");
            }
            let Some(figure) = self.figures.get(key.name) else {
                continue;
            };
            let range = format!("{} to {}", key.text(figure.low), key.text(figure.high));
            let (must, aim) = key.goals();
            let _ = writeln!(
                text,
                "{:<40} {:>8} {range:>19} {must:>7} {aim:>7}  {:<7}  {}",
                key.what,
                key.text(figure.median),
                key.standing(figure.median),
                key.name
            );
        }
        text
    }

    fn costs_table(&self) -> String {
        let mut text = format!(
            "\n{:<51} {:>8} {:>19}  key in costs_ns\n",
            "", "ns", "range"
        );
        for (key, what, cost) in &self.costs {
            let range = format!("{:.1} to {:.1}", cost.low, cost.high);
            let _ = writeln!(text, "{what:<51} {:>8.1} {range:>19}  {key}", cost.median);
        }
        text
    }

    fn peers_table(&self) -> String {
        let mut text = format!(
            "\n{:<40} {:>10} {:>8} {:>8} {:>10} {:>11}  key in peers\n{:<40} {:>10} {:>8} {:>8} {:>10} {:>11}\n",
            "",
            "answers/s",
            "p50 us",
            "p99 us",
            "CPU us",
            "CPU us",
            "",
            "",
            "",
            "",
            "an answer",
            "not for it"
        );
        for peer in &self.peers {
            let _ = writeln!(
                text,
                "{:<40} {:>10.0} {:>8.1} {:>8.1} {:>10.2} {:>11.2}  {}",
                peer.name,
                peer.answers_per_second,
                peer.p50_us,
                peer.p99_us,
                peer.cpu_us_per_answer,
                peer.cpu_us_per_foreign_query,
                peer.key
            );
        }
        text
    }
}

/// The machine: processor, number of CPUs, kernel, load.
pub fn machine() -> Vec<(&'static str, String)> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let count = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let load = read("/proc/loadavg");
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    vec![
        ("machine", format!("{model}, {count} CPUs")),
        (
            "kernel",
            read("/proc/sys/kernel/osrelease").trim().to_owned(),
        ),
        ("load", format!("{} at the start", load.join(" "))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Report {
        let mut report = Report::default();
        for key in KEYS {
            report.figure(key.name, &[1.0, 2.0, 3.0]);
        }
        report.peers.push(PeerFigures {
            key: "avahi",
            name: "avahi-daemon 0.8".to_owned(),
            ..PeerFigures::default()
        });
        report.cost("growth", "growing a frame", &[5.0]);
        report
    }

    #[test]
    fn a_missing_key_or_daemon_is_a_failure_that_names_it() {
        whole().complete(&["avahi"]).unwrap();
        let error = whole().complete(&["llmnrd"]).unwrap_err().to_string();
        assert_eq!(error, "not measured: llmnrd");
        for key in KEYS {
            let mut report = whole();
            report.figures.remove(key.name);
            let error = report.complete(&["avahi"]).unwrap_err().to_string();
            assert_eq!(error, format!("not measured: {}", key.name));
        }
        let costs = Vec::new();
        let error = Report { costs, ..whole() }
            .complete(&["avahi"])
            .unwrap_err();
        assert_eq!(error.to_string(), "not measured: costs_ns");
    }

    #[test]
    fn of_one_key_alone_there_may_be_a_reason_instead_of_a_figure() {
        let mut report = whole();
        for key in KEYS {
            report
                .absent
                .insert(key.name, "it does not load".to_owned());
        }
        report.figures.clear();
        let error = report.complete(&["avahi"]).unwrap_err().to_string();
        assert!(!error.contains(OPTIONAL), "{error}");
        assert_eq!(error.split(", ").count(), KEYS.len() - 1);
        let mut report = whole();
        report.figures.remove(OPTIONAL);
        report
            .absent
            .insert(OPTIONAL, "it does not load".to_owned());
        report.complete(&["avahi"]).unwrap();
        assert!(report.table().contains("none: it does not load"));
        let value: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(value.get(OPTIONAL), Some(&Value::Null));
    }

    #[test]
    fn json_has_every_key_as_a_number() {
        let value: Value = serde_json::from_str(&whole().json()).unwrap();
        for key in KEYS {
            assert_eq!(value[key.name].as_f64(), Some(2.0), "{}", key.name);
            assert_eq!(value["ranges"][key.name]["rounds"], 3);
        }
        assert_eq!(value["peers"]["avahi"]["version"], "avahi-daemon 0.8");
        assert_eq!(value["costs_ns"]["growth"], 5.0);
    }

    #[test]
    fn json_has_the_keys_that_others_rely_on() {
        let value: Value = serde_json::from_str(&whole().json()).unwrap();
        for key in [
            "reflector_mpps",
            "llmnr_a_v4_ratio",
            "llmnr_a_v6_ratio",
            "llmnr_aaaa_v6_ratio",
            "llmnr_a_10k_names_ratio",
            "llmnr_a_1m_names_ratio",
            "arp_ratio",
            "arp_vs_kernel",
            "llmnr_vs_userspace",
            "other_traffic_ns",
            "foreign_name_ns",
            "other_tcp_ratio_generic",
            "names_1m_load_seconds",
            "names_1m_reload_one_ms",
            "names_bytes_each",
            "verified_instructions",
        ] {
            assert!(value[key].is_number(), "{key}");
        }
        for figure in [
            "answers_per_second",
            "p50_us",
            "p99_us",
            "cpu_us_per_answer",
            "cpu_us_per_foreign_query",
        ] {
            assert!(value["peers"]["avahi"][figure].is_number(), "{figure}");
        }
        assert!(value["costs_ns"].is_object());
    }

    #[test]
    fn the_table_has_a_line_for_each_figure_that_ends_with_its_key() {
        let table = whole().table();
        let has = |what: &str, key: &str| {
            let mut lines = table.lines();
            lines.any(|line| line.starts_with(what) && line.ends_with(&format!("  {key}")))
        };
        assert!(KEYS.iter().all(|key| has(key.what, key.name)), "{table}");
        assert!(has("avahi-daemon 0.8", "avahi"), "{table}");
        assert!(has("growing a frame", "growth"), "{table}");
    }
}
