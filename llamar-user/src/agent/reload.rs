//! Reading the configuration again while everything runs.

use tracing::{error, info, warn};

use super::Agent;
use crate::config;

impl Agent {
    /// Reads the configuration again. A broken one changes nothing.
    pub(super) fn reload(&mut self) {
        match config::load(&self.options.flags, &self.options.defaults) {
            Ok(config) => {
                // A million names take their time; the lease goes on.
                self.kernel.beat();
                info!("configuration read again");
                for note in &config.notes {
                    info!("{note}");
                }
                if config.max_names != self.config.max_names {
                    warn!(
                        "max-names: {} stays until llamar is started anew",
                        self.config.max_names
                    );
                }
                self.config = self.overlay.apply(&config);
                self.read = config;
                self.pass(true);
                self.kernel.beat();
            }
            Err(reason) => {
                for line in reason.to_string().lines() {
                    error!("{line}");
                }
                error!("the configuration has errors; what was read before stays in force");
            }
        }
    }
}
