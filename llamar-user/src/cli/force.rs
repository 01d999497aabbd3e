//! What is done only if somebody insists.

use std::fmt::Display;

use anyhow::bail;

/// The word of whoever insists.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Force {
    /// Does what would hurt a network, too
    #[arg(long = "force")]
    pub given: bool,
}

impl Force {
    /// Refuses what is refused, unless it is forced.
    pub fn unless_forced(self, judged: Result<(), impl Display>) -> anyhow::Result<()> {
        match judged {
            Err(refusal) if !self.given => bail!("{refusal}; --force does it nevertheless"),
            _ => Ok(()),
        }
    }
}
