//! Whatever comes, and whenever.

use proptest::prelude::*;

use super::*;
use crate::arp::timing::DEFEND_INTERVAL;

fn any_mac() -> impl Strategy<Value = MacAddr> {
    prop_oneof![
        Just(OWN.mac),
        Just(PEER.mac),
        Just(RIVAL.mac),
        Just(MacAddr::ZERO),
        Just(MacAddr::BROADCAST),
    ]
}

fn any_station() -> impl Strategy<Value = Station> {
    let link_local = Ipv4Addr::new(169, 254, 7, 7);
    let ip = prop_oneof![
        3 => Just(OWN.ip),
        1 => Just(PEER.ip),
        2 => Just(Ipv4Addr::UNSPECIFIED),
        1 => Just(link_local),
    ];
    (any_mac(), ip).prop_map(|(mac, ip)| Station { mac, ip })
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let packet = (0u16..4, any_station(), any_station());
    packet.prop_map(|(operation, sender, target)| Packet {
        operation,
        sender,
        target,
    })
}

fn any_claiming() -> impl Strategy<Value = Claiming> {
    let policy = prop_oneof![
        Just(Policy::GiveUp),
        Just(Policy::DefendOnce),
        Just(Policy::Keep)
    ];
    let before = Some(Ipv4Addr::new(169, 254, 7, 7));
    let candidate = prop_oneof![
        3 => Just(Candidate::Fixed(OWN.ip)),
        1 => Just(Candidate::LinkLocal { before }),
    ];
    (policy, candidate).prop_map(|(policy, candidate)| Claiming {
        candidate,
        ..claiming(policy)
    })
}

/// What is sent is what the state allows.
fn check(bench: &Bench<Claim>, sent: usize) -> Result<(), TestCaseError> {
    let state = bench.engine.state();
    for (_, arrival) in &bench.sent_on(None)[sent..] {
        let packet = arrival.packet;
        prop_assert_eq!((arrival.source, packet.sender.mac), (OWN.mac, OWN.mac));
        match state {
            State::Held => prop_assert_eq!(packet.sender.ip, bench.engine.address()),
            State::Probing => prop_assert!(packet.is_probe()),
            _ => prop_assert!(false, "{packet:?} in {state:?}"),
        }
        let is_unicast = arrival.destination != MacAddr::BROADCAST;
        let may_be = packet.operation == REPLY && !packet.sender.ip.is_link_local();
        prop_assert!(!is_unicast || may_be);
    }
    Ok(())
}

/// Nothing comes earlier than the RFC lets it.
fn check_times(bench: &Bench<Claim>) -> Result<(), TestCaseError> {
    let (mut probes, mut last, mut defended) = (0, Duration::ZERO, None);
    for (at, event) in &bench.told {
        match event {
            Event::Begun { .. } => (probes, defended) = (0, None),
            Event::Probed { number, .. } => {
                prop_assert!(*number == probes + 1 && *number <= PROBE_NUM);
                prop_assert!(probes == 0 || *at - last >= PROBE_MIN);
                (probes, last) = (*number, *at);
            }
            Event::Held { .. } => {
                prop_assert!(probes == PROBE_NUM && *at - last >= ANNOUNCE_WAIT);
            }
            Event::Conflict(conflict) if conflict.then == Then::Announce => {
                prop_assert!(defended.is_none_or(|before| *at - before >= DEFEND_INTERVAL));
                defended = Some(*at);
            }
            _ => {}
        }
    }
    Ok(())
}

proptest! {
    // RFC 5227 2.1.1, 2.4: C7, C10, C16
    #[test]
    fn no_frame_is_sent_that_the_state_forbids_and_none_too_early(
        seed: u64,
        claiming in any_claiming(),
        steps in prop::collection::vec((0u64..3000, any_packet(), 0u8..20), 0..60),
    ) {
        let mut bench = with_rules(seed, claiming, Rules::default());
        for (pause, packet, what) in steps {
            for _ in 0..pause / 100 {
                let sent = bench.sent.len();
                bench.pass(millis(100));
                check(&bench, sent)?;
            }
            let sent = bench.sent.len();
            match what {
                0 => bench.act(Claim::restart),
                1 => bench.act(|claim, _| claim.release()),
                2 => bench.act(|claim, now| claim.retarget(now, OWN.ip)),
                _ => bench.hear_packet(packet, MacAddr::BROADCAST),
            }
            check(&bench, sent)?;
        }
        check_times(&bench)?;
    }

    #[test]
    fn any_bytes_are_taken_without_harm(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20)
    ) {
        let mut bench = held(claiming(Policy::DefendOnce));
        for frame in frames {
            bench.hear(&frame);
        }
        prop_assert!(bench.sent.is_empty());
    }
}
