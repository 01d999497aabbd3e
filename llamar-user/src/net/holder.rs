//! Which process holds a port, for the message that says why it cannot be had.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its name (`/proc/<pid>/comm`).
    pub comm: String,
}

/// The processes that hold a port; none if they cannot be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders(pub Vec<Holder>);

/// The processes that keep an IPv4 socket from being bound to a UDP port. One of both families does so too, but is
/// looked for only if there is no other: the kernel does not show whether an IPv6 socket is of both.
pub fn of_ipv4_port(port: u16) -> Holders {
    of_port_or("udp", "udp6", port)
}

/// The processes that keep an IPv6 socket from being bound to a UDP port.
pub fn of_ipv6_port(port: u16) -> Holders {
    of_port("udp6", port)
}

/// The processes that keep an IPv4 socket from listening on a TCP port: as for UDP.
pub fn of_ipv4_tcp_port(port: u16) -> Holders {
    of_port_or("tcp", "tcp6", port)
}

/// The processes that keep an IPv6 socket from listening on a TCP port.
pub fn of_ipv6_tcp_port(port: u16) -> Holders {
    of_port("tcp6", port)
}

/// The processes that have a UDP port of either IP version by other sockets than `own`; `None` if there are no such
/// sockets.
pub fn besides<'fd>(port: u16, own: impl Iterator<Item = BorrowedFd<'fd>>) -> Option<Holders> {
    let own: HashSet<u64> = own.filter_map(inode_of).collect();
    let all = ["udp", "udp6"].map(|table| inodes_in(table, port));
    let others: HashSet<u64> = all.iter().flatten().copied().collect();
    let others = &others - &own;
    (!others.is_empty()).then(|| of_sockets(&others))
}

fn inode_of(socket: BorrowedFd<'_>) -> Option<u64> {
    let socket = File::from(socket.try_clone_to_owned().ok()?);
    Some(socket.metadata().ok()?.ino())
}

fn of_port_or(table: &str, other: &str, port: u16) -> Holders {
    let holders = of_port(table, port);
    if holders.0.is_empty() {
        of_port(other, port)
    } else {
        holders
    }
}

fn of_port(table: &str, port: u16) -> Holders {
    of_sockets(&inodes_in(table, port))
}

fn inodes_in(table: &str, port: u16) -> HashSet<u64> {
    // Not /proc/net: that is the namespace of the process's first thread.
    let sockets =
        fs::read_to_string(Path::new("/proc/thread-self/net").join(table)).unwrap_or_default();
    inodes(&sockets, port).collect()
}

fn of_sockets(inodes: &HashSet<u64>) -> Holders {
    if inodes.is_empty() {
        return Holders::default();
    }
    let links = inodes.iter().map(|inode| format!("socket:[{inode}]"));
    let sockets: HashSet<String> = links.collect();
    let mut holders: Vec<Holder> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| has_one_of(*pid, &sockets))
        .map(|pid| Holder {
            pid,
            comm: comm(pid),
        })
        .collect();
    holders.sort();
    Holders(holders)
}

/// Inodes of the sockets that are bound to a port, from the text of `/proc/net/udp` or
/// its like for the other IP version or TCP.
fn inodes(sockets: &str, port: u16) -> impl Iterator<Item = u64> + '_ {
    sockets.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_whitespace();
        let (_address, local_port) = fields.nth(1)?.rsplit_once(':')?;
        let inode = fields.nth(7)?.parse().ok()?;
        (u16::from_str_radix(local_port, 16) == Ok(port)).then_some(inode)
    })
}

fn has_one_of(pid: u32, sockets: &HashSet<String>) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| {
            target
                .to_str()
                .is_some_and(|target| sockets.contains(target))
        })
}

fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map(|comm| comm.trim_end().to_owned())
        .unwrap_or_default()
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.comm, self.pid)
    }
}

impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("a process that cannot be seen from here");
        }
        for (position, holder) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{holder}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  463: 00000000:14EB 00000000:0000 07 00000000:00000000 00:00000000 00000000   102        0 18201 2 0000000000000000 0
  501: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   102        0 18203 2 0000000000000000 0
  700: 0100007F:14EB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 18999 2 0000000000000000 0
";
    const UDP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  463: 00000000000000000000000000000000:14EB 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000   102        0 18202 2 0000000000000000 0
";

    #[test]
    fn every_socket_of_a_port_is_found() {
        assert_eq!(inodes(UDP, 5355).collect::<Vec<_>>(), [18201, 18999]);
        assert_eq!(inodes(UDP, 53).collect::<Vec<_>>(), [18203]);
        assert_eq!(inodes(UDP6, 5355).collect::<Vec<_>>(), [18202]);
        assert_eq!(inodes(UDP, 5353).count(), 0);
    }

    #[test]
    fn text_that_is_no_table_has_no_sockets() {
        for text in [
            "",
            "sl",
            "head\n1: x\n",
            "head\n1: 00:14EB\n",
            "head\n\n1: 0:14EB 1 2 3 4 5 6 7 x\n",
        ] {
            assert_eq!(inodes(text, 5355).count(), 0, "{text:?}");
        }
    }

    #[test]
    fn our_own_socket_is_held_by_us() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let holders = of_ipv4_port(port);
        assert!(
            holders
                .0
                .iter()
                .any(|holder| holder.pid == std::process::id()),
            "{holders}"
        );
    }

    #[test]
    fn holders_are_named() {
        let resolved = Holder {
            pid: 312,
            comm: "systemd-resolve".into(),
        };
        let llmnrd = Holder {
            pid: 99,
            comm: "llmnrd".into(),
        };
        assert_eq!(
            Holders(vec![resolved, llmnrd]).to_string(),
            "systemd-resolve (pid 312), llmnrd (pid 99)"
        );
        assert_eq!(
            Holders::default().to_string(),
            "a process that cannot be seen from here"
        );
    }
}
