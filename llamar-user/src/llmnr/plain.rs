//! Plain queries: those of which nothing comes but a response at once, or none. They need no engine, and whoever
//! received them may answer them on the spot, on any thread. All else is the engine's.

use std::time::Instant;

use llamar_common::abi::LinkKey;
use llamar_common::wire::{dns, udp};

use super::limiter::Limiter;
use super::responder::{Asked, Ignored, Response, Transport, Zone, respond};
use crate::dns::Header;

/// The response to a message that came by UDP to port 5355 on a link, or why there is none; `None` if it is not plain,
/// and so for [`Engine::handle_datagram`](super::Engine::handle_datagram). `zone` holds what may be answered on the link
/// as the claims stand. The time is asked for where it matters only.
pub fn respond_plain(
    now: impl FnOnce() -> Instant,
    key: LinkKey,
    zone: &impl Zone,
    limiter: &Limiter,
    asked: &Asked<'_>,
) -> Option<Result<Response, Ignored>> {
    let Some(header) = Header::read(asked.message) else {
        return Some(Err(Ignored::Header));
    };
    // RFC 4795 4.1, 4.2: responses and queries with C set tell of conflicts.
    let tells = header.flags & (dns::RESPONSE | dns::CONFLICT) != 0;
    // RFC 4795 4.1: what is verified is asked for from there; it may be a query of our own that came back.
    let verifies = asked.from.port() == udp::LLMNR;
    if tells || verifies || !matches!(asked.transport, Transport::Udp { .. }) {
        return None;
    }
    match respond(zone, asked) {
        // RFC 4795 2.7: it has to wait.
        Ok(response) if response.delay => None,
        // RFC 4795 5.1: a forged source makes us send to somebody else.
        Ok(_) if !limiter.admits(now(), key, zone.limit(), asked.from.ip()) => {
            Some(Err(Ignored::Limited))
        }
        told => Some(told),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use llamar_common::abi::NameState;
    use llamar_common::limit::Rate;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::dns::Name;
    use crate::llmnr::{Engine, Found, Handled, Owner};

    const LINK: LinkKey = LinkKey::new(2, 0);
    const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const PEER: &str = "192.0.2.9:50001";
    /// `casa`, type A, class IN.
    const QUESTION: &[u8] = b"\x04casa\0\0\x01\0\x01";

    /// One name on one address; everybody is on the link.
    struct One {
        name: Name,
        state: NameState,
        limit: Rate,
    }

    impl Zone for One {
        fn find(&self, name: &Name) -> Option<Found<'_>> {
            (*name == self.name).then_some(Found {
                a: &[HOST],
                aaaa: &[],
                ttl: 30,
                state: self.state,
            })
        }

        fn names_of(&self, address: IpAddr) -> Option<Vec<Owner<'_>>> {
            let owner = Owner {
                name: &self.name,
                ttl: 30,
                state: self.state,
            };
            self.is_own(address).then(|| vec![owner])
        }

        fn is_own(&self, address: IpAddr) -> bool {
            address == HOST
        }

        fn source_for(&self, asker: IpAddr) -> Option<IpAddr> {
            asker.is_ipv4().then_some(HOST.into())
        }

        fn limit(&self) -> Rate {
            self.limit
        }
    }

    fn zone(state: NameState) -> One {
        One {
            name: Name::parse("casa").unwrap(),
            state,
            limit: Rate::OFF,
        }
    }

    fn limiter() -> Limiter {
        Limiter::new(&mut StdRng::seed_from_u64(1))
    }

    fn message(flags: u16, question: &[u8]) -> Vec<u8> {
        let flags = flags.to_be_bytes();
        [b"\x12\x34", &flags[..], b"\0\x01\0\0\0\0\0\0", question].concat()
    }

    fn asked<'a>(message: &'a [u8], from: &str, to: &str) -> Asked<'a> {
        Asked {
            message,
            from: from.parse().unwrap(),
            transport: Transport::Udp {
                to: to.parse().unwrap(),
            },
        }
    }

    fn told(zone: &One, asked: &Asked<'_>) -> Option<Result<Response, Ignored>> {
        respond_plain(Instant::now, LINK, zone, &limiter(), asked)
    }

    #[test]
    fn a_query_for_a_unique_name_and_one_for_a_foreign_name_are_plain() {
        let zone = zone(NameState::Unique);
        let (ours, foreign) = (message(0, QUESTION), message(0, b"\x01x\0\0\x01\0\x01"));
        let query = asked(&ours, PEER, "224.0.0.252");
        let response = told(&zone, &query).unwrap().unwrap();
        assert_eq!(response, respond(&zone, &query).unwrap());
        assert!(!response.delay);
        let query = asked(&foreign, PEER, "224.0.0.252");
        assert_eq!(told(&zone, &query), Some(Err(Ignored::Name)));
        let query = asked(&ours[..11], PEER, "224.0.0.252");
        assert_eq!(told(&zone, &query), Some(Err(Ignored::Header)));
    }

    // RFC 4795 4.1, 4.2: R14, R51
    #[test]
    fn what_may_tell_of_a_conflict_is_the_engines() {
        let zone = zone(NameState::Unique);
        for (flags, from, to) in [
            (0x8000, PEER, "192.0.2.1"),
            (0x8000, PEER, "224.0.0.252"),
            (0x8400, PEER, "224.0.0.252"),
            (0x0400, PEER, "224.0.0.252"),
            (0, "192.0.2.9:5355", "224.0.0.252"),
        ] {
            for question in [QUESTION, b"\x01x\0\0\x01\0\x01", b"\x01"] {
                let message = message(flags, question);
                let told = told(&zone, &asked(&message, from, to));
                assert_eq!(told, None, "{flags:x} {from} {to}");
            }
        }
    }

    // RFC 4795 2.7: R44
    #[test]
    fn what_has_to_wait_is_the_engines() {
        let message = message(0, QUESTION);
        for state in [NameState::Tentative, NameState::Shared] {
            let query = asked(&message, PEER, "224.0.0.252");
            assert_eq!(told(&zone(state), &query), None);
        }
    }

    #[test]
    fn responses_are_limited_and_silence_is_not() {
        let mut zone = zone(NameState::Unique);
        zone.limit = Rate {
            per_second: 1,
            burst: 3,
        };
        let (limiter, now) = (limiter(), Instant::now());
        let (ours, foreign) = (message(0, QUESTION), message(0, b"\x01x\0\0\x01\0\x01"));
        let ask = |message: &[u8]| {
            let asked = asked(message, PEER, "224.0.0.252");
            let told = respond_plain(|| now, LINK, &zone, &limiter, &asked).unwrap();
            told.err()
        };
        for _ in 0..9 {
            assert_eq!(ask(&foreign), Some(Ignored::Name));
        }
        let answered = [(); 5].map(|()| ask(&ours));
        let limited = Some(Ignored::Limited);
        assert_eq!(answered, [None, None, None, limited, limited]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// An engine that knows no more than the zone comes to the same.
        #[test]
        fn a_plain_query_is_answered_as_the_engine_would(
            flags in any::<u16>(),
            plain in any::<bool>(),
            question in prop::sample::select(vec![
                QUESTION,
                b"\x04CASA\0\0\xff\0\x01",
                b"\x04casa\0\0\x1c\0\xff",
                b"\x04casa\0\0\x01\0\x02",
                b"\x04cas\0\0\x01\0\x01",
                b"\x011\x012\x010\x03192\x07in-addr\x04arpa\0\0\x0c\0\x01",
                b"\x04ca",
            ]),
            from in prop::sample::select(vec![PEER, "192.0.2.9:0", "[fe80::9]:5000", "192.0.2.9:5355"]),
            to in prop::sample::select(vec!["224.0.0.252", "192.0.2.1", "ff02::1:3"]),
        ) {
            let zone = zone(NameState::Unique);
            let message = message(if plain { 0 } else { flags }, question);
            let query = asked(&message, from, to);
            let mut engine = engine();
            let handled = engine.handle_datagram(Instant::now(), LINK, &zone, &query);
            match told(&zone, &query) {
                Some(Ok(response)) => {
                    let question = response.question;
                    prop_assert_eq!(handled, Ok(Handled::Responded { question }));
                    let transmit = engine.poll_transmit().unwrap();
                    let sent = (transmit.message, transmit.source, transmit.to);
                    prop_assert_eq!(sent, (response.message, response.source, query.from));
                }
                Some(Err(ignored)) => prop_assert_eq!(handled, Err(ignored)),
                None => prop_assert!(!plain || from.ends_with(":5355")),
            }
        }
    }

    /// An engine on a link on which nothing is claimed.
    fn engine() -> Engine {
        let mut engine = Engine::new(StdRng::seed_from_u64(1));
        let wanted = crate::llmnr::Wanted {
            up: true,
            names: Vec::new(),
            v4: Some(HOST),
            v6: None,
            addresses: [HOST.into()].into(),
            on_conflict: crate::config::OnConflict::Withdraw,
        };
        engine.follow(
            Instant::now(),
            [(LINK, wanted)].into(),
            [HOST.into()].into(),
        );
        engine
    }
}
