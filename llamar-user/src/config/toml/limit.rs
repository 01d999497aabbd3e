//! The limit of answers to one source, in its three forms.

use llamar_common::limit::{BURST_MAX, RATE_MAX, Rate};
use toml::de::DeValue;

use super::{Reader, Value};
use crate::config::value;

impl Reader<'_> {
    /// `"1000/s"`, `"off"`, a number per second, or `{ rate = "1000/s", burst = 5000 }`.
    pub(super) fn limit(&mut self, value: &Value) -> Option<Rate> {
        let DeValue::Table(_) = value.get_ref() else {
            return self
                .per_second("limit", value)
                .map(|rate| value::rate(rate, None));
        };
        let (mut rate, mut burst, mut given) = (None, None, false);
        for (key, value) in self.table("limit", "a rate", value) {
            match &**key.get_ref() {
                "rate" => (rate, given) = (self.per_second("rate", value), true),
                "burst" => burst = self.number("burst", value, 1, BURST_MAX),
                _ => self.unknown(key, &["rate", "burst"]),
            }
        }
        if !given {
            let message =
                "\"limit\" has no rate, expected one such as { rate = \"1000/s\", burst = 5000 }";
            self.problem(value.span().start, message.to_owned());
        }
        Some(value::rate(rate?, burst))
    }

    fn per_second(&mut self, what: &str, value: &Value) -> Option<u32> {
        if value.get_ref().is_integer() {
            return self.number(what, value, 0, RATE_MAX);
        }
        let text = self.string(what, "a rate such as \"1000/s\", or \"off\"", value)?;
        self.judged(value, value::per_second(text))
    }
}
