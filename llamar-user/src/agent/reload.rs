//! Reading the configuration again while everything runs.

use std::future::pending;

use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::Agent;
use crate::config::{Config, ConfigError, Defaults, Flags, Loader};

/// Reads the configuration beside the agent's loop, which goes on meanwhile: a million names take their time.
pub struct Reader {
    /// What reads next; it is elsewhere while it reads.
    loader: Loader,
    reading: Option<JoinHandle<(Loader, Read)>>,
    /// Whether the files may have changed since it began.
    again: bool,
}

/// What was read.
pub type Read = Result<Config, ConfigError>;

impl Reader {
    /// Goes on where the first reading ended.
    pub fn new(loader: Loader) -> Self {
        Self {
            loader,
            reading: None,
            again: false,
        }
    }

    /// Begins to read. If that is going on already, it is done once more at its end.
    pub fn read(&mut self, flags: &Flags, defaults: &Defaults) {
        if self.reading.is_some() {
            self.again = true;
            return;
        }
        let (flags, defaults) = (flags.clone(), defaults.clone());
        let mut loader = std::mem::take(&mut self.loader);
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let read = loader.load(&flags, &defaults);
            (loader, read)
        }));
    }

    /// What was read, when it was. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Read> {
        let Some(reading) = &mut self.reading else {
            return pending().await;
        };
        let done = reading.await;
        self.reading = None;
        match done {
            Ok((loader, read)) => {
                self.loader = loader;
                Some(read)
            }
            Err(reason) => {
                error!("read the configuration: {reason}");
                None
            }
        }
    }
}

impl Agent {
    /// Begins to read the configuration again.
    pub(super) fn reload(&mut self) {
        let options = &self.options;
        self.reader.read(&options.flags, &options.defaults);
    }

    /// Makes everything follow a configuration that was read again. A broken one changes nothing.
    pub(super) fn reloaded(&mut self, read: Option<Read>) {
        match read {
            Some(Ok(config)) => self.adopt(config),
            Some(Err(reason)) => {
                for line in reason.to_string().lines() {
                    error!("{line}");
                }
                error!("the configuration has errors; what was read before stays in force");
            }
            None => {}
        }
        if std::mem::take(&mut self.reader.again) {
            self.reload();
        }
    }

    fn adopt(&mut self, config: Config) {
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
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Files {
        directory: tempfile::TempDir,
        defaults: Defaults,
    }

    impl Files {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = |name: &str| -> PathBuf { directory.path().join(name) };
            let defaults = Defaults {
                toml: path("llamar.toml"),
                ini: path("llmnr.conf"),
                hostname: "casa".to_owned(),
            };
            Self {
                directory,
                defaults,
            }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.directory.path().join(name), text).unwrap();
        }
    }

    fn hosts(read: Option<Read>) -> String {
        let config = read.unwrap().unwrap();
        let names: Vec<_> = config.hosts.keys().map(ToString::to_string).collect();
        names.join(" ")
    }

    #[tokio::test]
    async fn what_is_asked_for_while_it_is_read_is_read_at_the_end() {
        let files = Files::new();
        files.write("llamar.toml", "hosts-file = \"hosts\"\n[interface.eth0]\n");
        files.write("hosts", "10.0.0.1 a\n10.0.0.2 b\n");
        let mut reader = Reader::new(Loader::default());
        let flags = Flags::default();
        reader.read(&flags, &files.defaults);
        assert!(!reader.again);
        reader.read(&flags, &files.defaults);
        assert!(reader.again);
        assert_eq!(hosts(reader.next().await), "a b");
        files.write("hosts", "10.0.0.1 a\n10.0.0.2 c\n");
        reader.read(&flags, &files.defaults);
        assert_eq!(hosts(reader.next().await), "a c");
        files.write("hosts", "10.0.0.1 a\nc\n");
        reader.read(&flags, &files.defaults);
        assert!(reader.next().await.unwrap().is_err());
        files.write("hosts", "10.0.0.1 a\n10.0.0.3 d\n");
        reader.read(&flags, &files.defaults);
        assert_eq!(hosts(reader.next().await), "a d");
    }
}
