//! What can go wrong with the kernel path, as a whole and on one interface.

use std::io;
use std::path::{Path, PathBuf};

use super::bpf::XdpKind;
use super::instance::InstanceError;

/// Why there is no kernel path.
#[derive(Debug, thiserror::Error)]
pub enum DatapathError {
    /// The binary holds no eBPF object.
    #[error("built without the kernel path: cargo xtask build")]
    NotBuilt,
    /// No BPF file system.
    #[error("no bpf file system at {}: mount -t bpf bpf {}", .0.display(), .0.display())]
    NoBpffs(PathBuf),
    /// The process may not load programs.
    #[error("the kernel path needs {0}, which this process has not: start it as root")]
    Privilege(String),
    /// The instance cannot be had.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The pins are another version's.
    #[error(
        "{}: {found}, this version has {wanted}: stop the agent that made it, then run `llamar detach --instance {instance}`",
        path.display()
    )]
    OtherLayout {
        /// What is different.
        path: PathBuf,
        /// As it is.
        found: String,
        /// As this version has it.
        wanted: String,
        /// Name of the instance.
        instance: String,
    },
    /// The directory of the pins is not safe from others.
    #[error("{} belongs to user {user} and has mode {mode:04o}: others could remove what is pinned there; remove it", path.display())]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        user: u32,
        /// Its permissions.
        mode: u32,
    },
    /// A file or a system call failed.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The kernel refused the object.
    #[error("load the eBPF object")]
    Load(#[source] Box<aya::EbpfError>),
    /// The kernel refused a program.
    #[error("load the program {program}")]
    Program {
        /// Name of the program.
        program: &'static str,
        /// Why.
        source: Box<aya::programs::ProgramError>,
    },
    /// The object was built from other sources than the agent.
    #[error(
        "the eBPF object in this program is of another layout, {0}: cargo xtask build makes both of one source"
    )]
    OtherObject(String),
    /// The object lacks a program.
    #[error("the eBPF object has no XDP program {0}: cargo xtask build")]
    NoProgram(&'static str),
    /// A map did not do what it has to.
    #[error("{what}: {why}")]
    Map {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        why: String,
    },
}

impl DatapathError {
    /// A map that the object has just made is another layout's.
    pub fn of_object(self) -> Self {
        match self {
            Self::OtherLayout {
                path,
                found,
                wanted,
                ..
            } => {
                let map = path.file_name().unwrap_or_default().display();
                Self::OtherObject(format!("its {map} is {found}, the program wants {wanted}"))
            }
            other => other,
        }
    }

    /// Names what was tried on a path.
    pub fn io<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

/// Why an interface has no kernel path.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The administrator wants none.
    #[error("{0}: xdp is off")]
    Off(String),
    /// Somebody else's program is there.
    #[error(
        "{interface} already runs the XDP program '{name}' (id {id}), which is not this agent's: detach it (ip link set dev {interface} {} off), or use --xdp off",
        kind.ip_word()
    )]
    Foreign {
        /// Name of the interface.
        interface: String,
        /// Id of the program.
        id: u32,
        /// Name of the program.
        name: String,
        /// How it is run.
        kind: XdpKind,
    },
    /// The pinned link is on an interface of another network namespace.
    #[error(
        "{}: holds a program on an interface that is not {interface}: give this agent another --instance, or run `llamar detach`", pin.display()
    )]
    Elsewhere {
        /// Name of the interface.
        interface: String,
        /// The pin.
        pin: PathBuf,
    },
    /// The driver cannot.
    #[error(
        "{interface}: native XDP is refused by the driver (mtu {mtu}): use --xdp generic, or --xdp auto"
    )]
    Native {
        /// Name of the interface.
        interface: String,
        /// Its MTU.
        mtu: u32,
        /// The kernel's word.
        source: io::Error,
    },
    /// The kernel did not do it.
    #[error("{interface}: {what}")]
    Io {
        /// Name of the interface.
        interface: String,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The program cannot be loaded, or its pin not be removed.
    #[error("{interface}")]
    Datapath {
        /// Name of the interface.
        interface: String,
        /// Why.
        source: DatapathError,
    },
}
