//! Programs on interfaces: which of them, in which mode, and held by a pinned link so that they outlive the agent.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use aya::programs::{Xdp, loaded_programs};
use llamar_common::abi::{LINK_GENERIC, LINK_NATIVE, program};

use super::Held;
use super::bpf::{XdpKind, XdpLink};
use super::error::{AttachError, DatapathError};
use super::pins::remove_file;
use super::query::{Running, running};
use crate::config::XdpMode;
use crate::link::Link;

/// An interface with our program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The mode that was asked for.
    pub mode: XdpMode,
    /// How the program is run.
    pub kind: XdpKind,
    /// Whether it is the program for frames in several buffers.
    pub frags: bool,
    /// Id of the BPF link, which stays when a new agent takes over.
    pub link: u32,
    /// Id of the program.
    pub program: u32,
    /// What the administrator should know, if anything.
    pub warning: Option<String>,
}

impl XdpKind {
    /// The word by which `ip link set` takes such a program off.
    pub const fn ip_word(self) -> &'static str {
        match self {
            Self::Native => "xdpdrv",
            Self::Generic => "xdpgeneric",
        }
    }

    /// The mode as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => XdpMode::Native.as_str(),
            Self::Generic => XdpMode::Generic.as_str(),
        }
    }

    /// The kind as the links' map has it.
    pub const fn mode(self) -> u16 {
        match self {
            Self::Native => LINK_NATIVE,
            Self::Generic => LINK_GENERIC,
        }
    }
}

/// A program that was not taken: by the kernel or for want of it.
enum Refused {
    Kernel(io::Error),
    Program(DatapathError),
}

impl Refused {
    /// Why the driver refuses this program in this mode, so that another may do.
    fn by_driver(&self) -> Option<&io::Error> {
        // ERANGE: the MTU (veth). Others say EINVAL or EOPNOTSUPP for that, and the latter for no XDP at all.
        const NUMBERS: [i32; 7] = [
            libc::ERANGE,
            libc::EINVAL,
            libc::EOPNOTSUPP,
            libc::ENOSYS,
            libc::E2BIG,
            libc::ENOMEM,
            libc::ENOSPC,
        ];
        match self {
            Self::Kernel(error) if NUMBERS.contains(&error.raw_os_error()?) => Some(error),
            _ => None,
        }
    }
}

/// The programs of the object.
pub struct Programs<'a>(pub &'a mut aya::Ebpf);

impl Programs<'_> {
    /// A loaded program.
    pub fn load(&mut self, name: &'static str) -> Result<&mut Xdp, DatapathError> {
        let program = self.0.program_mut(name);
        let program: Option<&mut Xdp> = program.and_then(|program| program.try_into().ok());
        let program = program.ok_or(DatapathError::NoProgram(name))?;
        if program.fd().is_err() {
            program.load().map_err(|source| DatapathError::Program {
                program: name,
                source: Box::new(source),
            })?;
        }
        Ok(program)
    }

    fn with<T>(
        &mut self,
        frags: bool,
        attach: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>,
    ) -> Result<T, Refused> {
        let name = if frags {
            program::XDP_FRAGS
        } else {
            program::XDP
        };
        let program = self.load(name).map_err(Refused::Program)?;
        let fd = program
            .fd()
            .map_err(|error| Refused::Kernel(io::Error::other(error)))?;
        attach(fd.as_fd()).map_err(Refused::Kernel)
    }
}

/// What is tried before the program is run in another mode.
const FORGET: &str = "make the links' entries tell no mode";

/// Puts our program on an interface. `held` is our link there from before, in this process or another. Calls `anew`
/// before the program is attached anew instead of being replaced as it is run; where that fails it is not.
pub fn attach(
    programs: &mut Programs<'_>,
    link: &Link,
    mode: XdpMode,
    pin: &Path,
    held: Option<Held>,
    mut anew: impl FnMut() -> io::Result<()>,
) -> Result<(XdpLink, Attached), AttachError> {
    let one = Interface {
        link,
        pin,
        mode,
        modes: Modes::of(mode, link),
    };
    if mode == XdpMode::Off {
        return Err(AttachError::Off(link.name.clone()));
    }
    if let Some(Held { link, attached }) = held {
        if let Some(now) = one.state_of(&link)? {
            let other = attached.is_some_and(|attached| attached.mode != mode);
            // Where something else is asked for now, native mode may do though it was not tried before.
            let better = other && one.modes.native && now.kind == XdpKind::Generic;
            if one.modes.accept(now.kind) && !better {
                return one.take_over(programs, link, now.kind);
            }
            anew().map_err(one.failed(FORGET))?;
            link.detach()
                .map_err(one.failed("detach to change the mode"))?;
        }
        remove_file(pin).map_err(one.refused())?;
    }
    if let Some(foreign) = running(link.index).map_err(one.failed("ask for its XDP program"))? {
        return Err(one.foreign(foreign));
    }
    anew().map_err(one.failed(FORGET))?;
    one.create(programs)
}

/// Which modes may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Modes {
    native: bool,
    generic: bool,
}

impl Modes {
    fn of(mode: XdpMode, link: &Link) -> Self {
        // Native XDP on a veth costs its TCP most of its speed, and bridges and the like have none. What names no
        // kind is hardware.
        let hardware = link.kind.is_none();
        Self {
            native: mode == XdpMode::Native || (mode == XdpMode::Auto && hardware),
            generic: matches!(mode, XdpMode::Generic | XdpMode::Auto),
        }
    }

    fn accept(self, kind: XdpKind) -> bool {
        match kind {
            XdpKind::Native => self.native,
            XdpKind::Generic => self.generic,
        }
    }
}

/// One interface to be attached to.
struct Interface<'a> {
    link: &'a Link,
    pin: &'a Path,
    mode: XdpMode,
    modes: Modes,
}

impl Interface<'_> {
    /// What our link does here; `None` if its interface is gone.
    fn state_of(&self, held: &XdpLink) -> Result<Option<Running>, AttachError> {
        let info = held
            .info()
            .map_err(self.failed("look at the pinned link"))?;
        if info.ifindex == 0 {
            return Ok(None);
        }
        let here = running(self.link.index).map_err(self.failed("ask for its XDP program"))?;
        match here.filter(|here| here.id == info.program && info.ifindex == self.link.index) {
            Some(here) => Ok(Some(here)),
            None => Err(AttachError::Elsewhere {
                interface: self.link.name.clone(),
                pin: self.pin.to_owned(),
            }),
        }
    }

    /// Replaces the program that our link holds, without a gap.
    fn take_over(
        &self,
        programs: &mut Programs<'_>,
        held: XdpLink,
        kind: XdpKind,
    ) -> Result<(XdpLink, Attached), AttachError> {
        let replace = |fd: BorrowedFd<'_>| held.replace(fd);
        let frags = match programs.with(false, replace) {
            Ok(()) => false,
            Err(refused) if refused.by_driver().is_some() && kind == XdpKind::Native => {
                programs
                    .with(true, replace)
                    .map_err(|error| self.error(error, kind))?;
                true
            }
            Err(error) => return Err(self.error(error, kind)),
        };
        self.done(held, kind, frags, None)
    }

    /// Attaches where nothing is attached.
    fn create(&self, programs: &mut Programs<'_>) -> Result<(XdpLink, Attached), AttachError> {
        let mut warning = None;
        if self.modes.native {
            let refused = match self.create_native(programs) {
                Ok((link, frags)) => return self.pinned(link, XdpKind::Native, frags, None),
                Err(refused) => refused,
            };
            match refused.by_driver() {
                Some(why) if self.modes.generic => {
                    warning = Some(format!(
                        "{}: native XDP is refused by the driver (mtu {}: {why}), so generic mode is used",
                        self.link.name, self.link.mtu
                    ));
                }
                _ => return Err(self.error(refused, XdpKind::Native)),
            }
        }
        let create = |fd: BorrowedFd<'_>| XdpLink::create(fd, self.link.index, XdpKind::Generic);
        let link = programs
            .with(false, create)
            .map_err(|error| self.error(error, XdpKind::Generic))?;
        self.pinned(link, XdpKind::Generic, false, warning)
    }

    /// Native mode, by the program for frames in several buffers where the driver asks for it.
    fn create_native(&self, programs: &mut Programs<'_>) -> Result<(XdpLink, bool), Refused> {
        let create = |fd: BorrowedFd<'_>| XdpLink::create(fd, self.link.index, XdpKind::Native);
        match programs.with(false, create) {
            Ok(link) => Ok((link, false)),
            Err(first) if first.by_driver().is_some() => match programs.with(true, create) {
                Ok(link) => Ok((link, true)),
                // What the driver has against the usual program says more.
                Err(_) => Err(first),
            },
            Err(error) => Err(error),
        }
    }

    fn pinned(
        &self,
        link: XdpLink,
        kind: XdpKind,
        frags: bool,
        warning: Option<String>,
    ) -> Result<(XdpLink, Attached), AttachError> {
        // If this fails the link is dropped, which detaches.
        link.pin(self.pin).map_err(self.failed("pin the link"))?;
        self.done(link, kind, frags, warning)
    }

    fn done(
        &self,
        link: XdpLink,
        kind: XdpKind,
        frags: bool,
        warning: Option<String>,
    ) -> Result<(XdpLink, Attached), AttachError> {
        let info = link.info().map_err(self.failed("look at the link"))?;
        let attached = Attached {
            mode: self.mode,
            kind,
            frags,
            link: info.id,
            program: info.program,
            warning,
        };
        Ok((link, attached))
    }

    fn error(&self, refused: Refused, kind: XdpKind) -> AttachError {
        let by_driver = refused.by_driver().is_some();
        match refused {
            Refused::Program(source) => AttachError::Datapath {
                interface: self.link.name.clone(),
                source,
            },
            Refused::Kernel(error)
                if matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST)) =>
            {
                match running(self.link.index) {
                    Ok(Some(foreign)) => self.foreign(foreign),
                    _ => self.failed("attach the program")(error),
                }
            }
            Refused::Kernel(source) if kind == XdpKind::Native && by_driver => {
                AttachError::Native {
                    interface: self.link.name.clone(),
                    mtu: self.link.mtu,
                    source,
                }
            }
            Refused::Kernel(error) => self.failed("attach the program")(error),
        }
    }

    fn foreign(&self, foreign: Running) -> AttachError {
        AttachError::Foreign {
            interface: self.link.name.clone(),
            id: foreign.id,
            name: name_of(foreign.id),
            kind: foreign.kind,
        }
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> AttachError {
        let interface = self.link.name.clone();
        move |source| AttachError::Io {
            interface: interface.clone(),
            what,
            source,
        }
    }

    fn refused(&self) -> impl Fn(DatapathError) -> AttachError {
        let interface = self.link.name.clone();
        move |source| AttachError::Datapath {
            interface: interface.clone(),
            source,
        }
    }
}

/// Name of a loaded program.
fn name_of(id: u32) -> String {
    let program = loaded_programs()
        .flatten()
        .find(|program| program.id() == id);
    let name = program.and_then(|program| program.name_as_str().map(str::to_owned));
    name.unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_native_on_hardware_and_generic_on_virtual_interfaces() {
        let hardware = Link::default();
        let veth = Link {
            kind: Some("veth".to_owned()),
            ..Link::default()
        };
        let modes = |native, generic| Modes { native, generic };
        assert_eq!(Modes::of(XdpMode::Auto, &hardware), modes(true, true));
        assert_eq!(Modes::of(XdpMode::Auto, &veth), modes(false, true));
        assert_eq!(Modes::of(XdpMode::Native, &veth), modes(true, false));
        assert_eq!(Modes::of(XdpMode::Generic, &hardware), modes(false, true));
    }
}
