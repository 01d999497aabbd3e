use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn forged(number: u32) -> Sighting {
    let [_, a, b, c] = number.to_be_bytes();
    let mac = MacAddr([2, 0xff, 0, a, b, c]);
    Sighting {
        mac,
        source: Some(mac),
        ip: Some(Ipv4Addr::from([10, a, b, c]).into()),
        ..says(How::Reply, 0)
    }
}

#[test]
fn a_flood_of_forged_stations_leaves_those_that_are_known() {
    let mut table = Table::new(1000);
    for seconds in [0.0, 700.0] {
        for last in 1..=100 {
            table.hear(
                at(seconds),
                &has(How::Request, last, &format!("10.0.0.{last}")),
            );
        }
    }
    for number in 0x10_0000..0x10_0000 + 50_000 {
        table.hear(at(701.0), &forged(number));
    }
    assert_eq!(table.len(), 1000);
    assert!(table.stations.len() <= 1000 && table.gains.len() <= 1000);
    for last in 1..=100 {
        let known = table.holder(Place::default(), ip(&format!("10.0.0.{last}")));
        assert_eq!(known, Some(mac(last)));
    }
}

#[test]
fn a_flood_of_forged_holders_leaves_the_memory_of_the_one_that_had_it_long() {
    let mut table = Table::default();
    table.hear(at(0.0), &says(How::Request, 1));
    table.hear(at(900.0), &says(How::Request, 1));
    for number in 0..1000 {
        let forged = Sighting {
            ip: Some(ip("10.0.0.1")),
            ..forged(number)
        };
        table.hear(at(901.0), &forged);
    }
    let news = table.hear(at(930.0), &says(How::Request, 1));
    assert_eq!(news[0].what.name(), "reused");
}

fn sighting() -> impl Strategy<Value = Sighting> {
    use How::*;
    let how = prop::sample::select(vec![
        Probe,
        Announcement,
        Request,
        Reply,
        Solicitation,
        Advertisement,
    ]);
    let mac = prop_oneof![
        (0_u8..6).prop_map(mac),
        any::<[u8; 6]>().prop_map(MacAddr),
        Just(MacAddr([0, 7, 0xb4, 0, 1, 1])),
        Just(MacAddr([0, 7, 0xb4, 0, 1, 2])),
    ];
    let ip = prop_oneof![
        (0_u8..6).prop_map(|last| IpAddr::from([10, 0, 0, last])),
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ];
    let place = (0_u32..2, prop::option::of(0_u16..2));
    let flags = (any::<bool>(), any::<bool>());
    (
        how,
        mac.clone(),
        ip.clone(),
        ip,
        prop::option::of(mac),
        place,
        flags,
    )
        .prop_map(
            |(how, mac, ip, asks, source, (link, vlan), (router, weak))| Sighting {
                place: Place { link, vlan },
                how,
                mac,
                ip: (how != Probe).then_some(ip),
                asks: Some(asks),
                source,
                router,
                weak,
            },
        )
}

proptest! {
    #[test]
    fn whatever_is_heard_the_table_stays_within_bounds_and_true(
        heard in prop::collection::vec((0_u64..4_000_000, sighting()), 0..100),
        capacity in 1_usize..64,
    ) {
        let mut table = Table::new(capacity);
        let prefixes = [vec![], vec![(ip("10.0.0.1"), 24)]];
        let facts = Facts { prefixes: prefixes[1].clone(), ..Facts::default() };
        let places = [None, Some(0), Some(1)].map(|vlan| Place { link: 1, vlan });
        table.learn(places.into_iter().map(|place| (place, facts.clone())).collect());
        for (seconds, sighting) in heard {
            let news = table.hear(Duration::from_secs(seconds), &sighting);
            prop_assert!(news.len() <= 4);
            prop_assert!(table.len() <= capacity);
            let held: u32 = table.stations.values().sum();
            prop_assert_eq!(held as usize, table.len());
            // Whoever says so last has the address, if somebody can and it does not yield.
            let strange = |ip| Strange::of(ip, &prefixes[sighting.place.link as usize]);
            if let Some(ip) = sighting.ip
                && sighting.mac.is_station()
                && !sighting.weak
                && matches!(strange(ip), None | Some(Strange::OffLink))
            {
                let holder = table.holder(sighting.place, ip).unwrap();
                prop_assert!(holder == sighting.mac || Fellow::share(holder, sighting.mac));
            }
            for news in &news {
                prop_assert!(!news.what.name().is_empty());
            }
        }
        let mut again = Table::new(capacity);
        for known in table.known() {
            prop_assert!(known.holders.len() <= 4);
            again.remember(&known);
        }
        prop_assert_eq!(again.len(), table.len());
    }
}
