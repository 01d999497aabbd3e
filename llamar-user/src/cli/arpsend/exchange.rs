//! What arpsend sends and what it makes of what comes in. Whatever it has to say it says in the words of the program
//! that it replaces.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use llamar_common::wire::arp::{REPLY, REQUEST};
use llamar_common::wire::ethernet;

use super::plan::{Command, Plan};
use crate::arp::{Packet, Station};
use crate::ether::{Engine, FRAME_MIN, Frame, MacAddr};

/// Rounds of packets, and what was heard of the addresses asked for.
#[derive(Debug)]
pub struct Exchange {
    command: Command,
    own: MacAddr,
    source: MacAddr,
    destination: MacAddr,
    /// What is sent, but for the address asked for.
    packet: Packet,
    targets: Vec<Ipv4Addr>,
    /// Rounds that are left; `None` is for ever.
    left: Option<u32>,
    interval: Duration,
    at_once: bool,
    /// When the next round is due; `None` after the end.
    due: Option<Instant>,
    is_answered: bool,
    frames: VecDeque<Vec<u8>>,
    lines: VecDeque<Line>,
}

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// To everybody.
    Said(String),
    /// To whoever wants to see each packet.
    Detail(String),
}

impl Exchange {
    /// What is planned, from an interface with these addresses. The first round is due at once.
    pub fn new(now: Instant, plan: &Plan, own: Station) -> Self {
        let source = plan.source.unwrap_or(own.mac);
        let destination = plan.destination.unwrap_or(MacAddr::BROADCAST);
        let is_reply = plan.command == Command::Reply;
        Self {
            command: plan.command,
            own: own.mac,
            source,
            destination,
            packet: Packet {
                operation: if is_reply { REPLY } else { REQUEST },
                sender: Station {
                    mac: plan.sender_mac.unwrap_or(source),
                    ip: plan.sender.unwrap_or(own.ip),
                },
                target: Station {
                    mac: plan.target_mac.unwrap_or(destination),
                    ip: own.ip,
                },
            },
            targets: match plan.targets.is_empty() {
                true => vec![own.ip],
                false => plan.targets.clone(),
            },
            left: plan.count,
            interval: plan.interval,
            at_once: plan.at_once,
            due: Some(now),
            is_answered: false,
            frames: VecDeque::new(),
            lines: VecDeque::new(),
        }
    }

    /// The exit code: of those who ask whether an address is taken 3 if it is, of those who ask for it 4 if it is not.
    pub fn exit_code(&self) -> u8 {
        match (self.command, self.is_answered) {
            (Command::Detect | Command::Update, true) => 3,
            (Command::Request, false) => 4,
            _ => 0,
        }
    }

    fn send_round(&mut self, now: Instant) {
        if self.left == Some(0) {
            self.due = None;
            return;
        }
        self.left = self.left.map(|left| left - 1);
        for &target in &self.targets {
            let mut packet = self.packet;
            packet.target.ip = target;
            let shown = shown(self.source, self.destination, &packet);
            let mut frame = packet.to_frame(self.source, self.destination, None);
            frame.resize(FRAME_MIN, 0);
            self.lines
                .push_back(Line::Detail(format!("send packet: {shown}")));
            self.frames.push_back(frame);
        }
        let asks = matches!(self.command, Command::Detect | Command::Request);
        let is_over = self.left == Some(0) && !asks;
        self.due = (!is_over).then(|| now + self.interval);
    }

    fn hear(&mut self, frame: &Frame<'_>, packet: &Packet) {
        let shown = shown(frame.source, frame.destination, packet);
        if ![REQUEST, REPLY].contains(&packet.operation) {
            let operation = packet.operation;
            let said = format!("unknown arp packet type : {operation:#x}");
            return self.lines.push_back(Line::Said(said));
        }
        let Station { mac, ip } = packet.sender;
        // A hub may send us back what we sent.
        let is_own = [self.own, self.packet.sender.mac].contains(&mac);
        for _ in self
            .targets
            .iter()
            .filter(|&&target| target == ip && !is_own)
        {
            self.is_answered = true;
            let detected = format!("{ip} is detected on another computer : {mac}");
            self.lines
                .push_back(Line::Detail(format!("recv packet {shown}")));
            self.lines.push_back(Line::Said(detected));
            if self.at_once {
                self.due = None;
                return;
            }
        }
        // It said so of every packet that did not end it.
        self.lines
            .push_back(Line::Detail(format!("recv unknown packet {shown}")));
    }
}

impl Engine for Exchange {
    type Event = Line;

    fn handle_frame(&mut self, _: Instant, frame: &[u8]) {
        let Some(frame) = Frame::read(frame) else {
            return;
        };
        // A frame of a VLAN is none of this link's.
        if self.due.is_none() || frame.ether_type != ethernet::ARP || frame.tag.is_some() {
            return;
        }
        if let Ok(packet) = Packet::read(frame.payload) {
            self.hear(&frame, &packet);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.send_round(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front()
    }

    fn poll_event(&mut self) -> Option<Line> {
        self.lines.pop_front()
    }
}

fn shown(source: MacAddr, destination: MacAddr, packet: &Packet) -> String {
    let Packet {
        operation,
        sender,
        target,
    } = packet;
    let operation = match *operation {
        REQUEST => "request",
        REPLY => "reply",
        _ => "unknown",
    };
    format!(
        "eth '{source}' -> eth '{destination}'; arp sndr '{}' '{}'; {operation}; arp recipient '{}' '{}'",
        sender.mac, sender.ip, target.mac, target.ip
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Station = Station {
        mac: MacAddr([8, 0, 0x27, 0x84, 0xbc, 0xb0]),
        ip: Ipv4Addr::new(172, 28, 128, 3),
    };
    const OTHER: Station = Station {
        mac: MacAddr([8, 0, 0x27, 0xbf, 0x03, 0xbd]),
        ip: Ipv4Addr::new(172, 28, 128, 2),
    };

    /// An exchange with a clock.
    struct Scene {
        exchange: Exchange,
        now: Instant,
    }

    impl Scene {
        fn new(arguments: &str) -> Self {
            let arguments = arguments.split_whitespace().map(String::from);
            let plan = Plan::read("arpsend", arguments).unwrap();
            let now = Instant::now();
            let exchange = Exchange::new(now, &plan, OWN);
            Self { exchange, now }
        }

        /// Lets it do what is due, and gives the frames.
        fn turn(&mut self) -> Vec<Vec<u8>> {
            self.now = self.exchange.poll_timeout().expect("not yet over");
            self.exchange.handle_timeout(self.now);
            std::iter::from_fn(|| self.exchange.poll_transmit()).collect()
        }

        fn hear(&mut self, packet: Packet, destination: MacAddr) {
            let frame = packet.to_frame(packet.sender.mac, destination, None);
            self.exchange.handle_frame(self.now, &frame);
        }

        fn lines(&mut self) -> Vec<String> {
            let lines = std::iter::from_fn(|| self.exchange.poll_event());
            lines
                .map(|line| match line {
                    Line::Said(said) => said,
                    Line::Detail(detail) => format!("({detail})"),
                })
                .collect()
        }

        fn is_over(&self) -> bool {
            self.exchange.poll_timeout().is_none()
        }
    }

    fn reply() -> Packet {
        Packet {
            operation: REPLY,
            sender: OTHER,
            target: OWN,
        }
    }

    #[test]
    fn the_exchange_of_the_document_is_told_in_its_words() {
        let mut scene = Scene::new("-D -e 172.28.128.2 enp0s8 -v");
        let frames = scene.turn();
        assert_eq!(frames.len(), 1);
        // It came back from the virtual switch.
        let echo = Frame::read(&frames[0]).unwrap();
        let echoed = Packet::read(echo.payload).unwrap();
        scene.hear(echoed, echo.destination);
        scene.hear(reply(), OWN.mac);
        let document = include_str!("seed.txt");
        let lines = scene.lines();
        let told: Vec<&str> = lines
            .iter()
            .map(|line| line.trim_start_matches('(').trim_end_matches(')'))
            .collect();
        assert_eq!(told, document.lines().skip(1).collect::<Vec<_>>());
        assert!(scene.is_over());
        assert_eq!(scene.exchange.exit_code(), 3);
    }

    #[test]
    fn packets_have_sixty_bytes_and_the_addresses_that_were_given() {
        let mut scene = Scene::new(
            "-P -i 10.0.0.1 -e 10.0.0.2 -s 020000000001 -t 020000000002 -S 020000000003 -T 020000000004 eth0",
        );
        let mut expected = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x06\0\x01\x08\0\x06\x04\0\x02\
            \x02\0\0\0\0\x03\x0a\0\0\x01\x02\0\0\0\0\x04\x0a\0\0\x02"
            .to_vec();
        expected.resize(60, 0);
        assert_eq!(scene.turn(), [expected]);
        // The packet's addresses are those of the frame, and the own where none is given.
        let frames = Scene::new("-U -i 10.0.0.1 eth0").turn();
        let frame = Frame::read(&frames[0]).unwrap();
        let expected = Packet {
            operation: REQUEST,
            sender: Station {
                mac: OWN.mac,
                ip: [10, 0, 0, 1].into(),
            },
            target: Station {
                mac: MacAddr::BROADCAST,
                ip: OWN.ip,
            },
        };
        assert_eq!(Packet::read(frame.payload), Ok(expected));
        assert_eq!(
            (frame.source, frame.destination),
            (OWN.mac, MacAddr::BROADCAST)
        );
    }

    #[test]
    fn who_asks_waits_after_the_last_round_and_who_tells_does_not() {
        for (command, waits) in [("-D", true), ("-Q", true), ("-U", false), ("-P", false)] {
            let line = format!("{command} -i 10.0.0.1 -e 10.0.0.2 -e 10.0.0.3 -c 2 -w 0.5 eth0");
            let mut scene = Scene::new(&line);
            assert_eq!(scene.turn().len(), 2, "a packet for each target");
            let begin = scene.now;
            assert_eq!(scene.turn().len(), 2);
            assert_eq!(scene.now - begin, Duration::from_millis(500));
            assert_eq!(!scene.is_over(), waits, "{command}");
            if waits {
                assert!(scene.turn().is_empty());
                assert_eq!(scene.now - begin, Duration::from_secs(1));
                assert!(scene.is_over());
            }
        }
    }

    #[test]
    fn the_exit_code_tells_what_was_heard() {
        for (command, silence, answer) in [("-D", 0, 3), ("-U", 0, 3), ("-Q", 4, 0), ("-P", 0, 0)] {
            let line = format!("{command} -i 10.0.0.1 -e 172.28.128.2 eth0");
            let mut scene = Scene::new(&line);
            scene.turn();
            assert_eq!(scene.exchange.exit_code(), silence);
            scene.hear(reply(), OWN.mac);
            assert_eq!(scene.exchange.exit_code(), answer);
        }
    }

    #[test]
    fn each_packet_of_a_target_is_told_and_then_called_unknown_unless_it_ends_the_exchange() {
        let mut scene = Scene::new("-D -e 172.28.128.2 -e 172.28.128.9 -c 1 eth0");
        scene.turn();
        scene.lines();
        let mut announced = reply();
        announced.operation = REQUEST;
        scene.hear(announced, MacAddr::BROADCAST);
        let lines = scene.lines();
        assert!(lines[0].starts_with("(recv packet eth '08:00:27:bf:03:bd' -> eth 'ff:ff"));
        assert_eq!(
            lines[1],
            "172.28.128.2 is detected on another computer : 08:00:27:bf:03:bd"
        );
        assert!(lines[2].starts_with("(recv unknown packet eth '08:00:27:bf:03:bd'"));
        assert!(!scene.is_over());
        let mut scene = Scene::new("-Q -o -e 172.28.128.2 -e 172.28.128.9 eth0");
        scene.turn();
        scene.hear(reply(), OWN.mac);
        assert!(scene.is_over());
        // What comes after the end is not heard.
        scene.lines();
        scene.hear(reply(), OWN.mac);
        assert_eq!(scene.lines(), [""; 0]);
    }

    #[test]
    fn an_own_packet_that_comes_back_is_no_other_computer() {
        let mut scene = Scene::new("-U -i 172.28.128.3 -c 2 eth0");
        let frame = scene.turn().remove(0);
        scene.exchange.handle_frame(scene.now, &frame);
        assert_eq!(scene.exchange.exit_code(), 0);
        let lines = scene.lines();
        assert!(lines[1].starts_with("(recv unknown packet"), "{lines:?}");
    }

    #[test]
    fn what_is_no_packet_of_this_link_is_not_heard() {
        let mut scene = Scene::new("-D -e 172.28.128.2 eth0");
        scene.turn();
        scene.lines();
        let frame = reply().to_frame(OTHER.mac, OWN.mac, None);
        for length in 0..frame.len() {
            scene.exchange.handle_frame(scene.now, &frame[..length]);
        }
        let mut tagged = frame.clone();
        tagged.splice(12..12, [0x81, 0, 0, 7]);
        scene.exchange.handle_frame(scene.now, &tagged);
        let mut of_ip = frame.clone();
        of_ip[13] = 0;
        scene.exchange.handle_frame(scene.now, &of_ip);
        assert_eq!(scene.lines(), [""; 0]);
        let mut strange = frame;
        strange[21] = 9;
        scene.exchange.handle_frame(scene.now, &strange);
        assert_eq!(scene.lines(), ["unknown arp packet type : 0x9"]);
        assert!(!scene.is_over());
    }
}
