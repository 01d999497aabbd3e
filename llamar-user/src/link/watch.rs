//! The netlink socket that follows the kernel's interfaces and addresses.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname,
    recvmsg, sendto, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::follow::Follower;
use super::{Change, Links, WatchError};
use crate::net::packet::register;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`.
const GROUPS: u32 =
    (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR) as u32;
/// Room for events while the agent is busy; the default of 208 KiB holds about 130 of an interface.
const RECEIVE_BUFFER: usize = 4 << 20;
/// What one datagram needs: the kernel makes pieces of 32 KiB of a dump.
const DATAGRAM: usize = 64 << 10;
/// Datagrams after which a storm is reported although more are waiting.
const BATCH: usize = 4096;
const INTEREST: Interest = Interest::READABLE.add(Interest::ERROR);

/// Follows the interfaces and addresses of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Watch {
    socket: AsyncFd<OwnedFd>,
    follower: Follower,
    buffer: Vec<u8>,
}

impl Watch {
    /// Subscribes and reads everything once.
    pub async fn open() -> Result<(Self, Links), WatchError> {
        Self::open_with(RECEIVE_BUFFER).await
    }

    async fn open_with(receive_buffer: usize) -> Result<(Self, Links), WatchError> {
        let (socket, port) =
            subscribe(receive_buffer).map_err(|errno| WatchError::Open(errno.into()))?;
        let socket = register(socket, INTEREST).map_err(WatchError::Open)?;
        let mut watch = Self {
            socket,
            follower: Follower::new(port),
            buffer: vec![0; DATAGRAM],
        };
        while watch.changed().await? != Change::Resynced {}
        let links = watch.links().clone();
        Ok((watch, links))
    }

    /// The interfaces as of the last [`changed`](Self::changed).
    pub fn links(&self) -> &Links {
        self.follower.links()
    }

    /// Waits until the kernel tells of a change, takes in everything that it has told by then, and returns.
    ///
    /// Nothing is lost if the future is dropped before it is ready. After an error the watch is of no more use.
    pub async fn changed(&mut self) -> Result<Change, WatchError> {
        loop {
            if self.follower.has_request() && !self.receive_all()? {
                self.send_request()?;
            }
            if let Some(change) = self.follower.poll_change() {
                return Ok(change);
            }
            let mut guard = self
                .socket
                .ready(INTEREST)
                .await
                .map_err(WatchError::Receive)?;
            if !receive_all(self.socket.get_ref(), &mut self.follower, &mut self.buffer)? {
                guard.clear_ready();
            }
        }
    }

    /// Reads everything anew, also what makes no message (a program attached by a BPF link).
    ///
    /// Nothing is lost if the future is dropped before it is ready: a later [`changed`](Self::changed) returns
    /// [`Change::Resynced`].
    pub async fn refresh(&mut self) -> Result<(), WatchError> {
        self.follower.resync();
        while self.changed().await? != Change::Resynced {}
        Ok(())
    }

    fn receive_all(&mut self) -> Result<bool, WatchError> {
        receive_all(self.socket.get_ref(), &mut self.follower, &mut self.buffer)
    }

    fn send_request(&mut self) -> Result<(), WatchError> {
        let Some(request) = self.follower.poll_request() else {
            return Ok(());
        };
        let kernel = NetlinkAddr::new(0, 0);
        sendto(
            self.socket.as_raw_fd(),
            &request,
            &kernel,
            MsgFlags::empty(),
        )
        .map_err(|errno| WatchError::Dump {
            what: "interfaces and addresses",
            source: errno.into(),
        })?;
        Ok(())
    }
}

/// A socket that receives the events, and its port.
fn subscribe(receive_buffer: usize) -> nix::Result<(OwnedFd, u32)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        flags,
        SockProtocol::NetlinkRoute,
    )?;
    // Without CAP_NET_ADMIN the system's limit holds, and an overrun costs a dump.
    setsockopt(&socket, sockopt::RcvBufForce, &receive_buffer)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &receive_buffer))?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    let port = getsockname::<NetlinkAddr>(socket.as_raw_fd())?.pid();
    Ok((socket, port))
}

/// Takes in what is queued; whether more may be.
fn receive_all(
    socket: &OwnedFd,
    follower: &mut Follower,
    buffer: &mut Vec<u8>,
) -> Result<bool, WatchError> {
    for _ in 0..BATCH {
        let mut parts = [IoSliceMut::new(buffer)];
        match recvmsg::<NetlinkAddr>(socket.as_raw_fd(), &mut parts, None, MsgFlags::empty()) {
            Ok(message) => {
                let from_kernel = message.address.is_some_and(|from| from.pid() == 0);
                let (length, cut) = (message.bytes, message.flags.contains(MsgFlags::MSG_TRUNC));
                if cut {
                    // An interface with very many attributes: ask again, with room for them.
                    buffer.resize(buffer.len() * 2, 0);
                    follower.resync();
                } else if from_kernel {
                    follower.handle_datagram(&buffer[..length])?;
                }
            }
            Err(Errno::EAGAIN) => return Ok(false),
            Err(Errno::EINTR) => {}
            Err(Errno::ENOBUFS) => {
                tracing::debug!(
                    "netlink events were lost: reading all interfaces and addresses anew"
                );
                follower.resync();
            }
            Err(errno) => return Err(WatchError::Receive(io::Error::from(errno))),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use tokio::time::timeout;

    use super::super::space::{Peer, addr, in_namespace, ip, sysctl};
    use super::super::{AddressState, Link};
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A veth pair, both ends up, without IPv6 addresses of the kernel's making.
    async fn veth() -> Watch {
        sysctl("ipv6/conf/default/accept_dad", "0");
        sysctl("ipv6/conf/default/addr_gen_mode", "1");
        ip("link add v0 type veth peer name v1");
        ip("link set v0 up");
        ip("link set v1 up");
        let mut watch = Watch::open().await.unwrap().0;
        until(&mut watch, "v0", |link| link.up).await;
        watch
    }

    /// Waits until an interface is as it should be.
    async fn until(watch: &mut Watch, name: &str, wanted: impl Fn(&Link) -> bool) -> Link {
        let waits = async {
            loop {
                if let Some(link) = watch.links().by_name(name).filter(|link| wanted(link)) {
                    return link.clone();
                }
                watch.changed().await.unwrap();
            }
        };
        match timeout(SOON, waits).await {
            Ok(link) => link,
            Err(_) => panic!(
                "{name} did not become what was wanted: {:?}",
                watch.links().by_name(name)
            ),
        }
    }

    async fn until_gone(watch: &mut Watch, name: &str) {
        while watch.links().by_name(name).is_some() {
            timeout(SOON, watch.changed()).await.unwrap().unwrap();
        }
    }

    /// Whether the table is the one that a new dump gives, order of addresses included.
    async fn assert_is_true(watch: &mut Watch) {
        for _ in 0..50 {
            let truth = Watch::open().await.unwrap().1;
            let _ = timeout(Duration::from_millis(20), watch.changed()).await;
            if watch.links() == &truth {
                return;
            }
        }
        panic!(
            "{:#?}\nis not the truth: {:#?}",
            watch.links(),
            Watch::open().await.unwrap().1
        );
    }

    fn ips(link: &Link) -> Vec<String> {
        link.addresses
            .iter()
            .map(|address| format!("{}/{}", address.ip, address.prefix))
            .collect()
    }

    #[test]
    fn addresses_are_followed_in_the_kernels_order() {
        in_namespace(async || {
            let mut watch = veth().await;
            ip("addr add 10.0.0.1/24 dev v0");
            ip("addr add 10.0.0.2/24 dev v0");
            ip("addr add 10.1.0.1/24 dev v0");
            ip("addr add 169.254.7.7/16 dev v0 scope link");
            ip("addr add 10.2.0.1/32 dev v0");
            ip("addr add 10.3.0.1 peer 10.3.0.2/32 dev v0");
            ip("addr add 2001:db8::1/64 dev v0");
            ip("addr add 2001:db8::2/128 dev v0");
            ip("addr add fe80::7/64 dev v0");
            ip("addr add fd00::1 peer fd00::2/128 dev v0");
            let link = until(&mut watch, "v0", |link| link.addresses.len() == 10).await;
            assert_is_true(&mut watch).await;
            let secondary: Vec<_> = link
                .addresses
                .iter()
                .filter(|address| address.secondary)
                .collect();
            assert_eq!(
                secondary
                    .iter()
                    .map(|address| address.ip)
                    .collect::<Vec<_>>(),
                [addr("10.0.0.2")]
            );
            let peers: Vec<_> = link
                .addresses
                .iter()
                .filter_map(|address| address.peer)
                .collect();
            assert_eq!(peers, [addr("10.3.0.2"), addr("fd00::2")]);

            // With its primary address, a network's secondary ones go.
            ip("addr del 10.0.0.1/24 dev v0");
            ip("addr del 10.3.0.1 peer 10.3.0.2/32 dev v0");
            ip("addr del 2001:db8::1/64 dev v0");
            until(&mut watch, "v0", |link| link.addresses.len() == 6).await;
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn a_secondary_address_is_promoted() {
        in_namespace(async || {
            let mut watch = veth().await;
            sysctl("ipv4/conf/v0/promote_secondaries", "1");
            for address in [
                "10.0.0.1/24",
                "10.1.0.1/24",
                "10.0.0.2/24",
                "10.0.0.3/24",
                "10.1.0.2/24",
            ] {
                ip(&format!("addr add {address} dev v0"));
            }
            until(&mut watch, "v0", |link| link.addresses.len() == 5).await;
            assert_is_true(&mut watch).await;
            ip("addr del 10.0.0.1/24 dev v0");
            let link = until(&mut watch, "v0", |link| {
                link.addresses.len() == 4 && !link.addresses[1].secondary
            })
            .await;
            assert_eq!(
                ips(&link),
                ["10.1.0.1/24", "10.0.0.2/24", "10.0.0.3/24", "10.1.0.2/24"]
            );
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn a_link_goes_down_and_comes_up() {
        in_namespace(async || {
            let mut watch = veth().await;
            ip("addr add 10.0.0.1/24 dev v0");
            ip("addr add 2001:db8::1/64 dev v0");
            until(&mut watch, "v0", |link| {
                link.up && link.addresses.len() == 2
            })
            .await;
            ip("link set v0 down");
            let link = until(&mut watch, "v0", |link| {
                !link.up && link.addresses.len() == 1
            })
            .await;
            assert_eq!(ips(&link), ["10.0.0.1/24"]);
            // The other end loses its carrier.
            until(&mut watch, "v1", |link| !link.up).await;
            ip("link set v0 up");
            until(&mut watch, "v0", |link| link.up).await;
            until(&mut watch, "v1", |link| link.up).await;
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn mac_mtu_name_and_flags_are_followed() {
        in_namespace(async || {
            let mut watch = veth().await;
            let before = watch.links().by_name("v0").unwrap().clone();
            assert_eq!(
                (before.kind.as_deref(), before.ethernet, before.vlan),
                (Some("veth"), true, None)
            );
            ip("link set v0 address 02:00:00:00:00:77");
            until(&mut watch, "v0", |link| {
                link.mac == Some([2, 0, 0, 0, 0, 0x77])
            })
            .await;
            ip("link set v0 mtu 1400");
            until(&mut watch, "v0", |link| link.mtu == 1400).await;
            ip("link set v0 arp off");
            until(&mut watch, "v0", |link| link.noarp).await;
            ip("link set v0 multicast off");
            until(&mut watch, "v0", |link| !link.multicast).await;
            ip("link set v0 name lan");
            let renamed = until(&mut watch, "lan", |_| true).await;
            assert_eq!(
                (renamed.index, watch.links().by_name("v0")),
                (before.index, None)
            );
            // Another takes the name.
            ip("link set v1 name v0");
            until(&mut watch, "v0", |link| link.index != before.index).await;
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn an_interface_is_deleted_and_comes_back_with_another_index() {
        in_namespace(async || {
            let mut watch = veth().await;
            ip("addr add 10.0.0.1/24 dev v0");
            let before = until(&mut watch, "v0", |link| link.addresses.len() == 1).await;
            ip("link del v0");
            until_gone(&mut watch, "v0").await;
            until_gone(&mut watch, "v1").await;
            ip("link add v0 type veth peer name v1");
            let after = until(&mut watch, "v0", |link| !link.up).await;
            assert_ne!(after.index, before.index);
            assert!(after.addresses.is_empty());
            // To another namespace and so out of this one.
            let peer = Peer::new();
            peer.takes("v0");
            until_gone(&mut watch, "v0").await;
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn a_bridge_gains_and_loses_a_port() {
        in_namespace(async || {
            let mut watch = veth().await;
            ip("link add br0 type bridge");
            let bridge = until(&mut watch, "br0", |link| {
                link.kind.as_deref() == Some("bridge")
            })
            .await;
            ip("link set v0 master br0");
            until(&mut watch, "v0", |link| link.master == Some(bridge.index)).await;
            ip("link set v0 nomaster");
            until(&mut watch, "v0", |link| link.master.is_none()).await;
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn a_tentative_address_becomes_usable() {
        in_namespace(async || {
            let mut watch = veth().await;
            sysctl("ipv6/conf/v0/accept_dad", "1");
            // It stays tentative as long as the other end is down.
            ip("link set v1 down");
            until(&mut watch, "v0", |link| !link.up).await;
            ip("addr add 2001:db8::1/64 dev v0");
            let link = until(&mut watch, "v0", |link| link.addresses.len() == 1).await;
            assert_eq!(link.addresses[0].state, AddressState::Tentative);
            ip("link set v1 up");
            until(&mut watch, "v0", |link| {
                link.addresses[0].state == AddressState::Usable
            })
            .await;
            ip("addr change 2001:db8::1/64 dev v0 preferred_lft 0");
            until(&mut watch, "v0", |link| {
                link.addresses[0].state == AddressState::Deprecated
            })
            .await;
            ip("addr change 2001:db8::1/64 dev v0 preferred_lft forever");
            until(&mut watch, "v0", |link| {
                link.addresses[0].state == AddressState::Usable
            })
            .await;
        });
    }

    #[test]
    fn an_address_that_another_host_has_fails_detection() {
        in_namespace(async || {
            let mut watch = veth().await;
            let peer = Peer::new();
            peer.takes("v1");
            peer.run(|| {
                ip("link set v1 up");
                ip("addr add 2001:db8::1/64 dev v1 nodad");
            });
            until(&mut watch, "v0", |link| link.up).await;
            sysctl("ipv6/conf/v0/accept_dad", "1");
            ip("addr add 2001:db8::1/64 dev v0");
            until(&mut watch, "v0", |link| {
                link.addresses
                    .first()
                    .is_some_and(|address| address.state == AddressState::DadFailed)
            })
            .await;
        });
    }

    #[test]
    fn lost_events_are_noticed_and_made_good() {
        in_namespace(async || {
            veth().await;
            let (mut watch, _) = Watch::open_with(4096).await.unwrap();
            let storm: String = (0..2000)
                .map(|i| format!("addr add 10.{}.{}.1/24 dev v0\n", i / 250, i % 250))
                .collect();
            batch(&storm);
            batch("addr del 10.0.0.1/24 dev v0\nlink set v1 mtu 1300\n");
            let mut resynced = false;
            while !resynced {
                resynced =
                    timeout(SOON, watch.changed()).await.unwrap().unwrap() == Change::Resynced;
            }
            assert_eq!(watch.links().by_name("v0").unwrap().addresses.len(), 1999);
            assert_eq!(watch.links().by_name("v1").unwrap().mtu, 1300);
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn a_storm_during_the_dumps_ends_in_the_truth() {
        in_namespace(async || {
            veth().await;
            let storm: String = (0..1500)
                .map(|i| {
                    let address = format!("10.{}.{}.1/24 dev v0\n", i / 250, i % 250);
                    if i % 3 == 0 {
                        format!("addr add {address}addr del {address}")
                    } else {
                        format!("addr add {address}")
                    }
                })
                .collect();
            let (mut watch, _) = Watch::open_with(4096).await.unwrap();
            let mut child = ip_batch(&storm);
            while child.try_wait().unwrap().is_none() {
                let _ = timeout(Duration::from_millis(1), watch.refresh()).await;
            }
            assert_is_true(&mut watch).await;
            assert_eq!(watch.links().by_name("v0").unwrap().addresses.len(), 1000);
        });
    }

    fn ip_batch(commands: &str) -> std::process::Child {
        use std::io::Write;
        let mut child = Command::new("ip")
            .args(["-batch", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(commands.as_bytes())
            .unwrap();
        child
    }

    fn batch(commands: &str) {
        assert!(ip_batch(commands).wait().unwrap().success());
    }

    #[test]
    fn a_cut_datagram_is_asked_for_again_with_more_room() {
        in_namespace(async || {
            let mut watch = veth().await;
            watch.buffer.truncate(512);
            ip("link set v0 mtu 1300");
            until(&mut watch, "v0", |link| link.mtu == 1300).await;
            assert!(watch.buffer.len() > 512);
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn a_refresh_reads_everything_anew() {
        in_namespace(async || {
            let mut watch = veth().await;
            ip("link set v0 mtu 1300");
            watch.refresh().await.unwrap();
            assert_eq!(watch.links().by_name("v0").unwrap().mtu, 1300);
        });
    }

    #[test]
    fn dropped_futures_lose_nothing() {
        in_namespace(async || {
            let mut watch = veth().await;
            for i in 1..=50 {
                ip(&format!("addr add 10.0.{i}.1/24 dev v0"));
                let _ = timeout(Duration::ZERO, watch.refresh()).await;
                let _ = timeout(Duration::ZERO, watch.changed()).await;
            }
            until(&mut watch, "v0", |link| link.addresses.len() == 50).await;
            assert_is_true(&mut watch).await;
        });
    }

    #[test]
    fn a_change_is_told_when_it_happens() {
        in_namespace(async || {
            let mut watch = veth().await;
            let mut best = SOON;
            for i in 0..10 {
                ip(&format!("addr add 10.0.{i}.1/24 dev v0"));
                let told = Instant::now();
                until(&mut watch, "v0", |link| link.addresses.len() == i + 1).await;
                best = best.min(told.elapsed());
            }
            // Far below any period at which one would look for changes.
            assert!(best < Duration::from_millis(100), "{best:?}");
        });
    }

    #[test]
    fn an_idle_watch_is_not_woken() {
        in_namespace(async || {
            let mut watch = veth().await;
            for _ in 0..3 {
                while timeout(Duration::from_secs(2), watch.changed())
                    .await
                    .is_ok()
                {}
                // Routes are none of its business.
                ip("route replace 10.9.0.0/16 dev v0");
                let mut polls = 0;
                let mut changed = pin!(watch.changed());
                let counted = poll_fn(|context| {
                    polls += 1;
                    changed.as_mut().poll(context).map(drop)
                });
                // What changes after all was late, or else it does so every time.
                if timeout(Duration::from_millis(500), counted).await.is_err() {
                    // Once to begin with, and once by the timeout.
                    assert!(polls <= 2, "{polls}");
                    return;
                }
            }
            panic!("woken by routes");
        });
    }
}
