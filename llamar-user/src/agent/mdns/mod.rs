//! mDNS in the agent (RFC 6762): its sockets, its engine, and the names that are kept. It is a part that may be missing:
//! where the port cannot be had, everything else goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use llamar_common::wire::dns;
use rand::rngs::StdRng;
use tracing::{info, warn};

use super::members::Members;
use crate::config::{Config, share_prefix};
use crate::dns::Header;
use crate::link::Links;
use crate::mdns::{Arrival, Engine, Event, Handled, Ignored, PORT, Transmit, Wanted};
use crate::net::udp::MDNS;
use crate::net::{Datagram, Groups, Holders};
use crate::state::mdns;

mod kept;
mod report;
mod tell;

pub use kept::KeptFile;

/// To look up who shares the port, all processes are walked through, which nobody is to make us do all the time.
const LOOK_GAP: Duration = Duration::from_secs(2);

/// mDNS on all interfaces.
#[derive(Debug)]
pub struct Mdns {
    engine: Engine,
    /// None while nothing is wanted, or the port cannot be had.
    groups: Option<Groups>,
    members: Members,
    wanted: BTreeMap<u32, Wanted>,
    /// What was wanted before of interfaces that are served no more: goodbyes go out from there.
    former: BTreeMap<u32, Wanted>,
    kept: KeptFile,
    /// All addresses of this host.
    own: BTreeSet<IpAddr>,
    /// With whom the port is shared.
    others: Option<Holders>,
    /// When that was looked up last because of a message.
    looked: Option<Instant>,
    /// Why there are no sockets though they are wanted.
    failure: Option<String>,
}

impl Mdns {
    /// Nothing is wanted yet. `kept` is the file of the names that were changed.
    pub fn new(rng: StdRng, kept: PathBuf) -> Self {
        Self {
            engine: Engine::new(rng),
            groups: None,
            members: Members::default(),
            wanted: BTreeMap::new(),
            former: BTreeMap::new(),
            kept: KeptFile::open(kept),
            own: BTreeSet::new(),
            others: None,
            looked: None,
            failure: None,
        }
    }

    /// Makes everything follow the configuration and the interfaces; `full` tries again what failed before.
    pub fn follow(&mut self, now: Instant, config: &Config, links: &Links, full: bool) {
        let on = config.interfaces.values().any(|interface| interface.mdns);
        if !on {
            self.close(now);
            return;
        }
        if self.groups.is_none() && (full || self.failure.is_none()) {
            self.open();
        } else if full {
            self.look_around();
        }
        if self.groups.is_none() {
            return;
        }
        let alone = self.others.is_none();
        let wanted = mdns::wanted(config, links, self.kept.kept(), alone);
        self.want(wanted);
        let Some(groups) = &self.groups else { return };
        let served = self.wanted.iter().map(|(&device, wanted)| {
            let interface = report::name_of(links, device);
            (device, (interface, wanted.up))
        });
        self.members.follow(groups, &served.collect(), full);
        let addresses = links.by_index.values().flat_map(|link| &link.addresses);
        self.own = addresses.map(|address| address.ip).collect();
        self.engine
            .follow(now, self.wanted.clone(), self.own.clone());
    }

    /// Tells everybody that our names end, and is silent from then on. What is to be sent has been polled already.
    pub fn stop(&mut self, now: Instant) {
        self.engine.shutdown(now);
    }

    /// The machine slept.
    pub fn wake(&mut self, now: Instant) {
        self.engine.wake(now);
    }

    /// Waits for a datagram. Nothing is lost if the future is dropped before it is ready.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        match &self.groups {
            Some(groups) => groups.recv(buffer).await,
            None => std::future::pending().await,
        }
    }

    /// Takes a datagram; what became of it, for the counters.
    pub fn datagram(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        message: &[u8],
    ) -> Result<Handled, Ignored> {
        let arrival = Arrival {
            from: datagram.from,
            to: datagram.to,
        };
        let device = datagram.device;
        let handled = self.engine.handle_datagram(now, device, &arrival, message);
        let is_echo = matches!(handled, Ok(Handled::Echo { .. }));
        let is_own = self.own.contains(&arrival.from.ip());
        if !is_echo && is_own && tells(message) && self.meet(now) {
            // Now it is known whose words these are.
            return self.engine.handle_datagram(now, device, &arrival, message);
        }
        handled
    }

    /// When [`timeout`](Self::timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }

    /// A deadline of the engine's has come.
    pub fn timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.engine.poll_event()
    }

    /// The next datagram to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.engine.poll_transmit()
    }

    /// Sends a datagram; an error says that it is lost.
    pub fn transmit(&self, transmit: &Transmit) -> io::Result<()> {
        let Transmit {
            device,
            to,
            from,
            message,
        } = transmit;
        let source = self.source(*device, *to, *from);
        let source = source.ok_or(io::ErrorKind::AddrNotAvailable)?;
        match &self.groups {
            Some(groups) => groups.send(message, *to, source, *device),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Keeps the names that are used for others that we wanted. One that is used on one interface is kept, though another
    /// with another `mdns-on-conflict` uses the wanted one.
    pub fn keep(&mut self) {
        let mut kept = self.kept.kept().clone();
        let standings = self.wanted.keys();
        let standings = standings.flat_map(|device| self.engine.standings(*device));
        let (regained, replaced): (Vec<_>, Vec<_>) =
            standings.partition(|standing| standing.used == standing.wanted);
        let still: BTreeSet<_> = replaced.iter().map(|standing| &standing.wanted).collect();
        for standing in &regained {
            if !still.contains(&standing.wanted) {
                kept.forget(&standing.wanted);
            }
        }
        for standing in &replaced {
            kept.remember(&standing.wanted, &standing.used);
        }
        self.kept.keep(kept);
    }

    /// The address that a datagram goes out from: the one that was asked, or for one host one of its network, which it
    /// checks (RFC 6762 11).
    fn source(&self, device: u32, to: SocketAddr, asked: Option<IpAddr>) -> Option<IpAddr> {
        let wanted = self.wanted.get(&device);
        let wanted = wanted.or_else(|| self.former.get(&device))?;
        let near = wanted
            .addresses
            .iter()
            .find(|(own, length)| !to.ip().is_multicast() && share_prefix(to.ip(), *own, *length));
        let family = match to {
            SocketAddr::V4(_) => wanted.v4.map(IpAddr::V4),
            SocketAddr::V6(_) => wanted.v6.map(IpAddr::V6),
        };
        // Who takes part in mDNS takes it from his network only, who asks as one asks a DNS server from whom he asked.
        let is_taken =
            |own: IpAddr, length: u8| to.port() != PORT || share_prefix(to.ip(), own, length);
        let asked = asked.filter(|asked| {
            let mut addresses = wanted.addresses.iter();
            addresses.any(|(own, length)| own == asked && is_taken(*own, *length))
        });
        asked.or(near.map(|(own, _)| *own)).or(family)
    }

    /// Takes note of what is wanted of each interface.
    fn want(&mut self, wanted: BTreeMap<u32, Wanted>) {
        self.former = std::mem::replace(&mut self.wanted, wanted);
        self.former
            .retain(|device, _| !self.wanted.contains_key(device));
    }

    fn open(&mut self) {
        match Groups::bind_shared(MDNS) {
            Ok(groups) => {
                self.groups = Some(groups);
                self.failure = None;
                self.look_around();
            }
            Err(error) => {
                let failure = error.to_string();
                if self.failure.as_ref() != Some(&failure) {
                    warn!("mDNS: {failure}; tried again every minute");
                }
                self.failure = Some(failure);
            }
        }
    }

    /// Ends everything, with goodbyes.
    fn close(&mut self, now: Instant) {
        if self.groups.is_some() {
            self.engine.follow(now, BTreeMap::new(), BTreeSet::new());
            while let Some(transmit) = self.engine.poll_transmit() {
                let _ = self.transmit(&transmit);
            }
        }
        self.groups = None;
        self.members = Members::default();
        self.wanted.clear();
        self.former.clear();
        self.others = None;
        self.failure = None;
    }

    /// Another program of this host tells of itself: finds out at once which, so that the engine leaves to it what it tells of
    /// the host. Whether that is new.
    fn meet(&mut self, now: Instant) -> bool {
        let is_late = self.looked.is_none_or(|looked| looked + LOOK_GAP <= now);
        if self.others.is_some() || !is_late {
            return false;
        }
        self.looked = Some(now);
        self.look_around();
        if self.others.is_none() {
            return false;
        }
        for wanted in self.wanted.values_mut() {
            wanted.unicast = false;
        }
        self.engine
            .follow(now, self.wanted.clone(), self.own.clone());
        true
    }

    /// RFC 6762 15: finds out with whom the port is shared, and says so.
    fn look_around(&mut self) {
        let others = self.groups.as_ref().and_then(Groups::others);
        if let Some(holders) = others.as_ref().filter(|_| others != self.others) {
            info!("mDNS: udp port 5353 is shared with {holders}; each answers for its own names");
        }
        self.others = others;
    }
}

/// Whether a message tells or proposes records: a response, or a query with records in its authority section. Who only asks
/// is gone soon.
fn tells(message: &[u8]) -> bool {
    Header::read(message)
        .is_some_and(|header| header.flags & dns::RESPONSE != 0 || header.authorities > 0)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rand::SeedableRng as _;

    use super::*;
    use crate::config::OnConflict;
    use crate::dns::Name;
    use crate::mdns::Host;

    // RFC 6762 9: A48
    #[test]
    fn a_name_that_one_interface_replaced_is_kept_though_another_uses_the_wanted_one() {
        let folder = tempfile::tempdir().unwrap();
        let [casa, other] = ["casa.local", "casa-2.local"].map(|text| Name::parse(text).unwrap());
        let wanted = |last: u8, on_conflict, kept: Option<&Name>| {
            let address = Ipv4Addr::new(10, 7, last, 1);
            Wanted {
                up: true,
                mtu: 1500,
                v4: Some(address),
                v6: None,
                addresses: [(address.into(), 24)].into(),
                unicast: true,
                hosts: vec![Host {
                    name: casa.clone(),
                    kept: kept.cloned(),
                    addresses: [address.into()].into(),
                    reverse: true,
                }],
                services: Vec::new(),
                on_conflict,
            }
        };
        for [first, second] in [[1, 2], [2, 1]] {
            let path = folder.path().join(format!("{first}.json"));
            let mut mdns = Mdns::new(StdRng::seed_from_u64(1), path);
            mdns.wanted = BTreeMap::from([
                (first, wanted(1, OnConflict::Rename, Some(&other))),
                (second, wanted(2, OnConflict::Withdraw, None)),
            ]);
            let now = Instant::now();
            mdns.engine
                .follow(now, mdns.wanted.clone(), BTreeSet::new());
            mdns.keep();
            assert_eq!(mdns.kept.kept().of(&casa), Some(&other));
            mdns.wanted.remove(&first);
            mdns.keep();
            assert_eq!(mdns.kept.kept().of(&casa), None);
        }
    }

    fn wanted() -> BTreeMap<u32, Wanted> {
        let address = [10, 0, 0, 1].into();
        let host = Host {
            name: Name::parse("casa.local").unwrap(),
            kept: None,
            addresses: [IpAddr::V4(address)].into(),
            reverse: false,
        };
        let wanted = Wanted {
            up: true,
            mtu: 1500,
            v4: Some(address),
            v6: None,
            addresses: [(IpAddr::V4(address), 24)].into(),
            unicast: true,
            hosts: vec![host],
            services: Vec::new(),
            on_conflict: OnConflict::Rename,
        };
        [(2, wanted)].into()
    }

    // RFC 6762 10.1: A30
    #[test]
    fn goodbyes_on_an_interface_that_is_served_no_more_have_an_address_to_go_out_from() {
        let folder = tempfile::tempdir().unwrap();
        let mut mdns = Mdns::new(StdRng::seed_from_u64(1), folder.path().join("kept"));
        let own = BTreeSet::from([IpAddr::from([10, 0, 0, 1])]);
        mdns.want(wanted());
        mdns.engine
            .follow(Instant::now(), mdns.wanted.clone(), own.clone());
        while let Some(now) = mdns.poll_timeout() {
            mdns.timeout(now);
        }
        while mdns.poll_transmit().is_some() {}
        mdns.want(BTreeMap::new());
        mdns.engine
            .follow(Instant::now(), mdns.wanted.clone(), own.clone());
        let goodbye = mdns.poll_transmit().unwrap();
        let source = mdns.source(goodbye.device, goodbye.to, goodbye.from);
        assert_eq!(source, own.first().copied());
    }

    // RFC 6762 5.5, 11: A7, A33
    #[test]
    fn response_goes_out_from_the_address_that_was_asked_while_we_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut mdns = Mdns::new(StdRng::seed_from_u64(1), folder.path().join("kept"));
        let mut wanted = wanted();
        let own = [[10, 0, 0, 1], [10, 0, 0, 5], [192, 0, 2, 1]].map(IpAddr::from);
        let one = wanted.get_mut(&2).unwrap();
        one.addresses.extend(own.map(|address| (address, 24)));
        mdns.want(wanted);
        let to = SocketAddr::from(([10, 0, 0, 9], 40_000));
        let full = SocketAddr::new(to.ip(), PORT);
        let source = |to, asked: [u8; 4]| mdns.source(2, to, Some(asked.into()));
        assert_eq!(source(to, [10, 0, 0, 5]), Some(own[1]));
        assert_eq!(source(full, [10, 0, 0, 5]), Some(own[1]));
        assert_eq!(source(to, [10, 0, 0, 7]), Some(own[0]));
        assert_eq!(source(to, [192, 0, 2, 1]), Some(own[2]));
        assert_eq!(source(full, [192, 0, 2, 1]), Some(own[0]));
        assert_eq!(mdns.source(2, to, None), Some(own[0]));
    }
}
