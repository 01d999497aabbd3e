//! What our own hosts say to each other on a made-up link, before the linter: it finds nothing.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use llamar_user::config::OnConflict;
use llamar_user::dns::{Message, Name, Question, Txt, kind};
use llamar_user::dnssd::lint::{Heard, Link as Known, Linter};
use llamar_user::mdns::querier::{AskId, Querier};
use llamar_user::mdns::responder::Responder;
use llamar_user::mdns::{
    Arrival, Event, Family, Host as Named, PORT, Rules, Service, Transmit, Turn, Wanted,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// How long a message is on its way.
const WAY: Duration = Duration::from_millis(1);

struct Host {
    number: u8,
    responder: Responder,
    querier: Querier,
    rng: StdRng,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Host {
    fn new(number: u8, seed: u64) -> Self {
        Self {
            number,
            responder: Responder::new(),
            querier: Querier::new(),
            rng: StdRng::seed_from_u64(seed << 8 | u64::from(number)),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn address(&self, family: Family) -> IpAddr {
        let number = self.number;
        match family {
            Family::V4 => IpAddr::from([192, 0, 2, number]),
            Family::V6 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, number.into()]),
        }
    }

    fn turn(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Responder, &mut Querier, &mut Turn<'_>),
    ) {
        let mut turn = Turn {
            now,
            rng: &mut self.rng,
            rules: Rules::default(),
            device: 1,
            families: &Family::ALL,
            mtu: 1500,
            unicast: true,
            transmits: &mut self.transmits,
            events: &mut self.events,
        };
        act(&mut self.responder, &mut self.querier, &mut turn);
    }

    fn wanted(&self, name: &str, state: &str) -> Wanted {
        let addresses = Family::ALL.map(|family| self.address(family));
        let host = text(&format!("{name}.local"));
        let service = |kind: &str, port| Service {
            name: text(&format!(r"Service\032of\032{name}.{kind}.local")),
            kept: None,
            subtypes: vec![text(&format!("_test._sub.{kind}.local"))],
            host: host.clone(),
            priority: 0,
            weight: 0,
            port,
            txt: vec![Txt::new([&b"txtvers=1"[..], state.as_bytes()]).expect("short strings")],
        };
        Wanted {
            up: true,
            mtu: 1500,
            v4: Some([192, 0, 2, self.number].into()),
            v6: Some([0xfe80, 0, 0, 0, 0, 0, 0, self.number.into()].into()),
            addresses: addresses.iter().map(|address| (*address, 24)).collect(),
            unicast: true,
            hosts: vec![Named {
                name: host.clone(),
                kept: None,
                addresses: BTreeSet::from(addresses),
                reverse: true,
            }],
            services: vec![service("_http._tcp", 80), service("_ipp._tcp", 631)],
            on_conflict: OnConflict::Rename,
        }
    }
}

fn text(name: &str) -> Name {
    Name::parse(name).expect("a name")
}

/// When a message reaches which host, and how.
type OnItsWay = (Instant, usize, Arrival, Message);

/// A link, its hosts and who listens.
struct Link {
    start: Instant,
    now: Instant,
    hosts: Vec<Host>,
    /// When which host gets what.
    air: VecDeque<OnItsWay>,
    linter: Linter,
    count: usize,
}

impl Link {
    fn new(count: u8, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            hosts: (1..=count).map(|number| Host::new(number, seed)).collect(),
            air: VecDeque::new(),
            linter: Linter::new(Known::default()),
            count: 0,
        }
    }

    fn act(&mut self, host: usize, act: impl FnOnce(&mut Responder, &mut Querier, &mut Turn<'_>)) {
        let now = self.now;
        self.hosts[host].turn(now, act);
        self.carry(host);
    }

    fn want(&mut self, host: usize, name: &str, state: &str) {
        let wanted = self.hosts[host].wanted(name, state);
        self.act(host, |responder, querier, turn| {
            responder.follow(turn, &wanted);
            querier.follow(turn);
        });
    }

    fn ask(&mut self, host: usize, id: u64, name: &str, kind: u16) {
        let (name, class) = (text(name), kind::IN);
        self.act(host, |_, querier, turn| {
            assert!(querier.ask(turn, AskId(id), &Question { name, kind, class }));
        });
    }

    /// What a host says goes to all others, and to the linter.
    fn carry(&mut self, from: usize) {
        while let Some(transmit) = self.hosts[from].transmits.pop_front() {
            let family = Family::of(transmit.to.ip());
            let sender = SocketAddr::new(self.hosts[from].address(family), PORT);
            self.count += 1;
            self.linter.hear(&Heard {
                at: self.now - self.start,
                from: sender,
                mac: None,
                to: transmit.to,
                hop_limit: Some(255),
                message: &transmit.message,
            });
            let message = Message::read(&transmit.message).expect("a message");
            let arrival = Arrival {
                from: sender,
                to: transmit.to.ip(),
            };
            for host in 0..self.hosts.len() {
                let to_it = transmit.to.ip() == self.hosts[host].address(family);
                if host != from && (arrival.is_multicast() || to_it) {
                    let at = self.now + WAY;
                    self.air.push_back((at, host, arrival, message.clone()));
                }
            }
        }
    }

    /// Lets time pass.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timers = self
                .hosts
                .iter()
                .flat_map(|host| [host.responder.poll_timeout(), host.querier.poll_timeout()]);
            let air = self.air.front().map(|(at, ..)| *at);
            let next = timers.flatten().chain(air).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            let due =
                |air: &VecDeque<OnItsWay>| air.front().is_some_and(|(at, ..)| *at <= self.now);
            let mut arrived = VecDeque::new();
            while due(&self.air) {
                arrived.extend(self.air.pop_front());
            }
            for (_, host, arrival, message) in arrived {
                self.arrive(host, &arrival, &message);
            }
            for host in 0..self.hosts.len() {
                self.act(host, |responder, querier, turn| {
                    if responder.poll_timeout().is_some_and(|at| at <= turn.now) {
                        responder.handle_timeout(turn);
                    }
                    if querier.poll_timeout().is_some_and(|at| at <= turn.now) {
                        querier.handle_timeout(turn);
                    }
                });
            }
        }
    }

    fn arrive(&mut self, host: usize, arrival: &Arrival, message: &Message) {
        const RESPONSE: u16 = 0x8000;
        self.act(host, |responder, querier, turn| {
            if message.flags & RESPONSE == 0 {
                querier.handle_query(turn, message, arrival);
                responder.handle_query(turn, message, arrival, true);
            } else {
                querier.handle_response(turn, message, arrival);
                responder.handle_response(turn, message, arrival);
            }
        });
    }
}

// RFC 6762, RFC 6763: probes, announcements, questions with known answers, refreshing, new data, a conflict, goodbyes.
#[test]
fn our_own_hosts_break_no_rule() {
    for seed in 0..5 {
        lifetime(seed);
    }
}

#[track_caller]
fn lifetime(seed: u64) {
    let mut link = Link::new(4, seed);
    for (host, name) in ["casa", "b", "c", "d"].iter().enumerate() {
        link.want(host, name, "st=0");
        link.run(Duration::from_millis(1700));
    }
    link.run(Duration::from_secs(20));
    link.ask(0, 1, "_services._dns-sd._udp.local", kind::PTR);
    link.ask(1, 2, "_http._tcp.local", kind::PTR);
    link.run(Duration::from_secs(10));
    link.ask(2, 3, "_http._tcp.local", kind::PTR);
    link.ask(2, 4, "casa.local", kind::AAAA);
    link.ask(2, 5, "casa.local", kind::TXT);
    link.ask(3, 6, r"Service\032of\032b._ipp._tcp.local", kind::SRV);
    link.ask(3, 7, "_test._sub._http._tcp.local", kind::PTR);
    link.run(Duration::from_secs(600));
    link.want(1, "b", "st=1");
    link.run(Duration::from_secs(60));
    // Another host wants a name that is taken, and gets another.
    link.want(3, "casa", "st=0");
    link.run(Duration::from_secs(7200));
    link.act(0, |responder, _, turn| responder.wake(turn));
    link.run(Duration::from_secs(10));
    link.act(2, |responder, _, turn| responder.shutdown(turn));
    link.run(Duration::from_secs(60));
    assert!(link.count > 300, "{} messages", link.count);
    let breaches: Vec<_> = link
        .linter
        .breaches()
        .map(|(breach, count)| format!("{:?} {count} x {breach}", breach.at))
        .collect();
    assert!(breaches.is_empty(), "seed {seed}: {breaches:#?}");
}
