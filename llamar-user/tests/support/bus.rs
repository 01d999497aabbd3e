//! A D-Bus system bus for the daemons of one made-up host, and their clients.

use std::process::Command;

use tempfile::TempDir;

use super::net::Namespace;
use super::peers::Peer;
use super::process::Process;
use super::wait_until;

/// Everybody may do everything: on the bus are one daemon and those that the test sends to it.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <auth>EXTERNAL</auth>
  <listen>unix:path=@SOCKET@</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;

/// A running bus.
pub struct Bus {
    _process: Process,
    folder: TempDir,
}

impl Bus {
    /// Starts a bus in a namespace and waits until it can be spoken to.
    #[track_caller]
    pub fn start(namespace: &Namespace) -> Option<Self> {
        let program = Peer::find("dbus-daemon")?;
        let folder = tempfile::tempdir().expect("make a folder for the bus");
        let (config, socket) = (folder.path().join("bus.conf"), folder.path().join("socket"));
        let text = CONFIG.replace("@SOCKET@", &socket.to_string_lossy());
        std::fs::write(&config, text).expect("write the bus's config");
        let mut command = namespace.service(&program.text());
        command
            .args(["--nofork", "--nopidfile", "--nosyslog"])
            .arg(format!("--config-file={}", config.display()));
        let process = Process::start("dbus-daemon", command);
        wait_until("the bus", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        Some(Self {
            _process: process,
            folder,
        })
    }

    /// Lets a command take this for the system's bus.
    pub fn lead(&self, mut command: Command) -> Command {
        command.env("DBUS_SYSTEM_BUS_ADDRESS", self.address());
        command
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.folder.path().join("socket").display())
    }
}
