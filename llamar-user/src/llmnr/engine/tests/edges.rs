//! Changes in the middle of things: names, addresses and links that go or come while something is due.

use std::net::Ipv4Addr;

use super::super::*;
use super::scene::{Host, Packet, Scene};
use super::view::response;
use super::zone::*;
use crate::config::OnConflict;

const UNIQUE: Option<NameState> = Some(NameState::Unique);
const TENTATIVE: Option<NameState> = Some(NameState::Tentative);

fn claimed(text: &str, inherited: bool) -> Claimed {
    Claimed {
        name: name(text),
        inherited,
    }
}

/// A query for the address of `casa`.
fn query() -> Packet {
    Packet {
        segment: 0,
        from: "10.0.0.9:5000".parse().unwrap(),
        to: group(v4(9)),
        message: message(1, 0, &name("casa"), A),
        sender: None,
    }
}

// RFC 4795 2.5, 2.3 d: R7, R31. What waits is not said from an address, on a link or of a name that is gone.
#[test]
fn delayed_response_does_not_outlive_what_it_tells_of() {
    for change in 0..5 {
        let mut scene = Scene::new(41, None);
        let host = scene.host(Some(5), Some(5), &["casa", "media"]);
        scene.follow(host);
        assert!(scene.hand(host, ETH, &query()).is_ok());
        let wanted = scene.wanted(host);
        match change {
            0 => wanted.up = false,
            1 => drop(wanted.names.remove(0)),
            2 => {
                wanted.addresses.remove(&v4(5));
                wanted.v4 = None;
            }
            3 => drop(scene.hosts[host].wanted.remove(&ETH)),
            _ => drop(wanted.names.remove(1)),
        }
        scene.follow(host);
        scene.run(ms(200));
        assert_eq!(scene.told.len(), usize::from(change == 4), "{change}");
    }
}

// RFC 4795 4.1: R47
#[test]
fn link_that_goes_down_ends_verification_and_checks() {
    for doubted in [false, true] {
        let mut scene = Scene::new(41, None);
        let host = scene.host(Some(5), Some(5), &["casa"]);
        scene.follow(host);
        if doubted {
            scene.run(secs(3));
            scene.ask(0, v4(9), "casa", C);
        }
        scene.run(ms(110));
        scene.wanted(host).up = false;
        scene.follow(host);
        assert_eq!(scene.hosts[host].engine.poll_timeout(), None);
        assert_eq!(scene.state(host, "casa"), TENTATIVE);
        // Nor does a response count that was on its way.
        let query = scene.last_query(host, true);
        let heard = scene.respond(host, &query, v4(1), 0);
        assert_eq!(heard, Err(Ignored::Response));
    }
}

// RFC 4795 4.1: R47. What a former agent verified was verified on a link that was up.
#[test]
fn name_is_not_inherited_over_a_link_that_is_down() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(Some(5), None, &[]);
    scene.wanted(host).names = vec![claimed("casa", true)];
    scene.wanted(host).up = false;
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
    scene.wanted(host).up = true;
    scene.follow(host);
    assert_eq!(scene.state(host, "casa"), TENTATIVE);
}

// RFC 4795 4.1: R47
#[test]
fn name_of_the_zone_is_verified_when_it_is_claimed_and_not_before() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(Some(5), None, &[]);
    scene.follow(host);
    let zone = scene.hosts[host].zones.get_mut(&ETH).unwrap();
    zone.names.insert(name("held"), NameState::Unique);
    scene.ask(0, v4(9), "held", C);
    scene.run(ms(110));
    // A new address is no reason to doubt what nobody claimed.
    scene.wanted(host).addresses.insert(v4(6));
    scene.follow(host);
    assert_eq!(scene.state(host, "held"), UNIQUE);
    scene.wanted(host).names.push(claimed("held", false));
    scene.follow(host);
    assert_eq!(scene.state(host, "held"), TENTATIVE);
    scene.run(secs(10));
    assert_eq!(scene.state(host, "held"), UNIQUE);
}

// RFC 4795 4.2: R52. Names held for others in a hosts file have no other name to go by.
#[test]
fn name_that_nobody_claimed_is_withdrawn_where_others_are_renamed() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(Some(5), None, &[]);
    scene.wanted(host).on_conflict = OnConflict::Rename;
    scene.follow(host);
    let zone = scene.hosts[host].zones.get_mut(&ETH).unwrap();
    zone.names.insert(name("held"), NameState::Unique);
    scene.ask(0, v4(9), "held", C);
    scene.run(ms(110));
    let query = scene.last_query(host, true);
    assert!(scene.respond(host, &query, v4(1), 0).is_ok());
    let standing = scene.standing(host, "held");
    assert_eq!((standing.used, standing.state), (name("held"), None));
}

// Names that come and go while nothing can be sent leave nothing behind.
#[test]
fn names_that_come_and_go_do_not_pile_up() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(None, None, &["casa"]);
    for _ in 0..50 {
        scene.wanted(host).names.push(claimed("guest", false));
        scene.follow(host);
        scene.wanted(host).names.pop();
        scene.follow(host);
    }
    assert_eq!(scene.hosts[host].engine.links[&ETH].waiting.len(), 1);
}

// RFC 4795 4.1, 4.2: R28
#[test]
fn name_that_is_lost_on_one_of_two_interfaces_is_unique_on_the_other() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(Some(5), Some(5), &["casa"]);
    scene.interface(host, (WLAN, 0), None, Some(9), &["casa"]);
    scene.follow(host);
    scene.run(secs(3));
    assert_eq!(scene.state(host, "casa"), Some(NameState::Shared));
    scene.ask(0, v6(20), "casa", C);
    scene.run(ms(110));
    let queries = scene.queries(host, scene.now - ms(110));
    let wlan = queries.iter().find(|sent| sent.2.key == WLAN);
    let query = wlan.unwrap().2.clone();
    assert!(scene.hand(host, WLAN, &response(&query, v6(7), 0)).is_ok());
    assert_eq!(scene.state(host, "casa"), UNIQUE);
    scene.run(secs(3));
    assert_eq!(scene.state(host, "casa"), UNIQUE);
}

// RFC 4795 4.1: R28
#[test]
fn query_of_ours_on_a_link_that_is_down_makes_no_two_links_one() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.interface(host, (WLAN, 1), Some(3), None, &["casa"]);
    scene.hosts[host].wanted.get_mut(&WLAN).unwrap().up = false;
    scene.follow(host);
    scene.run(ms(110));
    let mut packet = response(&scene.last_query(host, true), v4(5), 0);
    packet.message[2] = 0;
    packet.to = group(v4(5));
    assert_eq!(scene.hand(host, WLAN, &packet), Ok(Handled::Echo));
    assert!(scene.events(host).is_empty());
}

// RFC 4795 2.4, 4: R28, R46. What the table and the agent say counts where it takes something away.
#[test]
fn zone_is_no_wider_than_the_link() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(Some(5), Some(5), &["casa", "cluster"]);
    scene.wanted(host).v6 = None;
    scene.follow(host);
    scene.run(secs(3));
    let Host { engine, zones, .. } = &mut scene.hosts[host];
    let table = zones.get_mut(&ETH).unwrap();
    table.names.insert(name("cluster"), NameState::Shared);
    table.aaaa.push("fe80::5".parse().unwrap());
    let zone = engine.zone(ETH, &*table);
    assert_eq!(
        zone.find(&name("cluster")).unwrap().state,
        NameState::Shared
    );
    assert_eq!(zone.find(&name("casa")).unwrap().state, NameState::Unique);
    assert_eq!(
        (table.source_for(v6(9)), zone.source_for(v6(9))),
        (Some(v6(5)), None)
    );
}

// RFC 4795 2.4: what comes by TCP has its own way.
#[test]
fn message_by_tcp_is_no_datagram() {
    let mut scene = Scene::new(41, None);
    let host = scene.host(Some(5), None, &["casa"]);
    scene.follow(host);
    let now = scene.now;
    let Host { engine, zones, .. } = &mut scene.hosts[host];
    let local = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));
    let asked = Asked {
        message: &query().message,
        from: query().from,
        transport: Transport::Tcp { local },
    };
    let handled = engine.handle_datagram(now, ETH, &zones[&ETH], &asked);
    assert_eq!(handled, Err(Ignored::Destination));
    assert!(respond(&engine.zone(ETH, &zones[&ETH]), &asked).is_ok());
    assert_eq!(engine.poll_transmit(), None);
}
