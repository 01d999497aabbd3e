//! The names that had to be changed, for as long as they are kept (RFC 6762 9: a new name is recorded, so that it is used
//! from the start next time).

use serde::{Deserialize, Serialize};

use crate::dns::Name;

/// How many are kept: far more than a host has names, so that what a configuration wanted once does not pile up.
pub const KEPT_MAX: usize = 1000;

/// What is used instead of names that are wanted. As text it is a list of pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(String, String)>", into = "Vec<(String, String)>")]
pub struct Kept {
    /// Wanted and used ones, those that were remembered last at the end.
    pairs: Vec<(Name, Name)>,
}

impl Kept {
    /// What is used instead of a name.
    pub fn of(&self, wanted: &Name) -> Option<&Name> {
        let mut pairs = self.pairs.iter();
        pairs.find_map(|(known, used)| (known == wanted).then_some(used))
    }

    /// Keeps what is used instead of a name; of too many the oldest goes. The result is whether anything changed.
    pub fn remember(&mut self, wanted: &Name, used: &Name) -> bool {
        // The very bytes: a name that is used in another case is another text.
        if self
            .of(wanted)
            .is_some_and(|known| known.wire() == used.wire())
        {
            return false;
        }
        let forgotten = self.forget(wanted);
        if wanted == used {
            return forgotten;
        }
        self.pairs.push((wanted.clone(), used.clone()));
        let more = self.pairs.len().saturating_sub(KEPT_MAX);
        self.pairs.drain(..more);
        true
    }

    /// Forgets what is used instead of a name, so that it is tried itself again. The result is whether there was anything.
    pub fn forget(&mut self, wanted: &Name) -> bool {
        let before = self.pairs.len();
        self.pairs.retain(|(known, _)| known != wanted);
        self.pairs.len() < before
    }

    /// All pairs of wanted and used names, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.pairs.iter().map(|(wanted, used)| (wanted, used))
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl TryFrom<Vec<(String, String)>> for Kept {
    type Error = String;

    fn try_from(texts: Vec<(String, String)>) -> Result<Self, String> {
        let name = |text: &str| Name::parse(text).map_err(|error| error.to_string());
        let mut kept = Self::default();
        for (wanted, used) in &texts {
            kept.remember(&name(wanted)?, &name(used)?);
        }
        Ok(kept)
    }
}

impl From<Kept> for Vec<(String, String)> {
    fn from(kept: Kept) -> Self {
        let texts = |(wanted, used): &(Name, Name)| (wanted.to_string(), used.to_string());
        kept.pairs.iter().map(texts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    // RFC 6762 9: A48
    #[test]
    fn a_new_name_is_kept_until_it_is_forgotten_or_changed_again() {
        let mut kept = Kept::default();
        let casa = name("casa.local");
        assert!(kept.remember(&casa, &name("casa-2.local")));
        assert!(!kept.remember(&name("CASA.local"), &name("casa-2.local")));
        assert_eq!(kept.of(&name("Casa.Local")), Some(&name("casa-2.local")));
        assert!(kept.remember(&casa, &name("casa-3.local")));
        assert_eq!(
            kept.iter().collect::<Vec<_>>(),
            [(&casa, &name("casa-3.local"))]
        );
        // One that could be had after all needs nothing to be kept.
        assert!(kept.remember(&casa, &casa));
        assert!(!kept.remember(&casa, &casa));
        assert!(kept.is_empty());
        kept.remember(&casa, &name("casa-2.local"));
        assert!(kept.forget(&casa) && !kept.forget(&casa));
        assert_eq!(kept.of(&casa), None);
    }

    #[test]
    fn of_too_many_the_oldest_goes() {
        let mut kept = Kept::default();
        for number in 0..KEPT_MAX + 5 {
            let wanted = name(&format!("host-{number}.local"));
            assert!(kept.remember(&wanted, &name(&format!("host-{number}-2.local"))));
            // It is used still.
            kept.remember(
                &name("host-0.local"),
                &name(&format!("other-{number}.local")),
            );
        }
        assert_eq!(kept.iter().count(), KEPT_MAX);
        assert!(kept.of(&name("host-0.local")).is_some());
        assert_eq!(kept.of(&name("host-1.local")), None);
        assert!(kept.of(&name("host-1004.local")).is_some());
    }

    // RFC 6762 9: A48
    #[test]
    fn what_is_kept_outlives_a_restart_as_text() {
        let mut kept = Kept::default();
        kept.remember(&name("casa.local"), &name("casa-2.local"));
        let instance =
            |label: &[u8]| Name::from_labels([label, b"_http", b"_tcp", b"local"]).unwrap();
        kept.remember(&instance(b"Dr. No \\ 1"), &instance("Größe (2)".as_bytes()));
        let text = serde_json::to_string(&kept).unwrap();
        assert!(
            text.starts_with(r#"[["casa.local","casa-2.local"],"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), kept);
        for broken in [
            r#"[["casa.local"]]"#,
            r#"[["a..b","c"]]"#,
            r#"[["a",""]]"#,
            "{}",
            "",
        ] {
            assert!(serde_json::from_str::<Kept>(broken).is_err(), "{broken}");
        }
    }
}
