//! Configurations and interfaces, and what comes of them.

use std::fmt::Write as _;

use super::*;
use crate::config::{Defaults, Flags, Overlay, judge};
use crate::link::testing::{address, link, links};

/// The configuration that a text is.
fn config(toml: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llamar.toml");
    std::fs::write(directory.path().join("hosts"), "10.0.0.99 of-the-file\n").unwrap();
    std::fs::write(&path, toml).unwrap();
    let defaults = Defaults {
        toml: directory.path().join("none.toml"),
        ini: directory.path().join("none.conf"),
        hostname: "casa".to_owned(),
    };
    let flags = Flags {
        config: Some(path),
        ..Flags::default()
    };
    judge(&flags, &defaults).unwrap_or_else(|error| panic!("{error}"))
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// What is wanted of the interface 2, eth0, with these addresses.
fn on_eth0(toml: &str, addresses: &str, kept: &Kept) -> Wanted {
    let links = links([link(2, "eth0", addresses)]);
    let mut all = wanted(&config(toml), &links, kept, true);
    assert_eq!(all.len(), 1);
    all.remove(&2).unwrap()
}

/// Its hosts, one line each: name, what it is kept as, whether it has reverse records, addresses.
fn hosts(wanted: &Wanted) -> String {
    let mut text = String::new();
    for host in &wanted.hosts {
        let kept = host.kept.iter().map(|kept| format!("({kept})"));
        let reverse = if host.reverse { "<" } else { "" };
        write!(text, "{}{}{reverse}", host.name, kept.collect::<String>()).unwrap();
        for address in &host.addresses {
            write!(text, " {address}").unwrap();
        }
        text.push('\n');
    }
    text
}

/// Its services, one line each: name, what it is kept as, host, port.
fn services(wanted: &Wanted) -> String {
    let mut text = String::new();
    for service in &wanted.services {
        let kept = service.kept.iter().map(|kept| Instance::of(kept).unwrap());
        let kept: String = kept.map(|kept| format!(" ({kept})")).collect();
        let instance = Instance::of(&service.name).unwrap();
        writeln!(text, "{instance}{kept} @ {}:{}", service.host, service.port).unwrap();
    }
    text
}

fn none() -> Kept {
    Kept::default()
}

// RFC 6762 3, 6.2: A17
#[test]
fn a_host_has_its_names_in_the_domain_and_all_addresses_of_the_interface() {
    let wanted = on_eth0(
        "[interface.eth0]\nnames = [\"casa\", \"media.lab\", \"casa2.local\"]\n",
        "10.0.0.2/24!secondary 10.0.0.1/24 2001:db8::1/64 fe80::1/64",
        &none(),
    );
    let all = "10.0.0.1 10.0.0.2 2001:db8::1 fe80::1";
    assert_eq!(
        hosts(&wanted),
        format!("casa.local< {all}\nmedia.lab.local {all}\ncasa2.local {all}\n")
    );
    assert_eq!((wanted.up, wanted.mtu, wanted.unicast), (true, 1500, true));
    assert_eq!(wanted.v4, Some([10, 0, 0, 1].into()));
    assert_eq!(wanted.v6, "fe80::1".parse().ok());
    assert_eq!(wanted.addresses.len(), 4);
    assert!(
        wanted
            .addresses
            .contains(&("2001:db8::1".parse().unwrap(), 64))
    );
    assert_eq!(wanted.on_conflict, OnConflict::Rename);
}

// RFC 6762 6.2: A17
#[test]
fn addresses_that_are_not_ours_for_certain_are_not_told() {
    let toml = "[interface.eth0]\n";
    let told = |addresses: &str| on_eth0(toml, addresses, &none());
    let wanted = told(
        "10.0.0.1/24 2001:db8::1/64!tentative 2001:db8::2/64!dadfailed 127.0.0.1/8 2001:db8::3/64!deprecated",
    );
    assert_eq!(hosts(&wanted), "casa.local< 10.0.0.1\n");
    // What is deprecated is ours still, as who asks from that network is on the link.
    assert_eq!(wanted.addresses.len(), 2);
    assert_eq!((wanted.v4.is_some(), wanted.v6), (true, None));
    let wanted = told("2001:db8::3/64!deprecated 2001:db8::1/64!tentative");
    assert_eq!(hosts(&wanted), "casa.local< 2001:db8::3\n");
    assert_eq!(wanted.v6, "2001:db8::3".parse().ok());
    let wanted = told("2001:db8::4/64!secondary 2001:db8::3/64");
    assert_eq!(wanted.v6, "2001:db8::3".parse().ok());
}

// RFC 6762 11: A33
#[test]
fn a_prefix_counts_where_it_tells_what_is_on_the_link() {
    let network = |ip: &str, peer: &str| {
        let address = Address {
            peer: peer.parse().ok(),
            ..address(ip)
        };
        network(&address)
    };
    let expected = |ip: &str, length: u8| (ip.parse::<IpAddr>().unwrap(), length);
    for (ip, peer, length) in [
        ("10.0.0.1/24", "", 24),
        ("10.0.0.1/32", "", 32),
        ("fe80::1/64", "", 64),
        ("10.0.0.1/0", "", 32),
        ("2001:db8::1/0", "", 128),
        ("10.0.0.1/24", "10.0.0.2", 24),
        ("10.0.0.1/32", "10.0.0.2", 32),
        ("10.0.0.1/24", "192.168.0.1", 32),
        ("fe80::1/64", "2001:db8::1", 128),
        ("10.0.0.1/0", "192.168.0.1", 32),
    ] {
        let own = ip.split('/').next().unwrap();
        assert_eq!(network(ip, peer), expected(own, length), "{ip} {peer}");
    }
}

// RFC 6762 6.2, 8.4: A17, A27; RFC 6763 4.1.1: B14
#[test]
fn addresses_come_and_go_with_the_interface() {
    let toml = "[interface.eth0]\n[[service]]\ntype = \"_http._tcp\"\nport = 80\n";
    let bare = on_eth0(toml, "fe80::1/64!tentative", &none());
    assert_eq!((hosts(&bare).as_str(), services(&bare).as_str()), ("", ""));
    assert_eq!((bare.up, bare.v4, bare.v6), (true, None, None));
    let dual = on_eth0(toml, "10.0.0.1/24 fe80::1/64", &none());
    assert_eq!(hosts(&dual), "casa.local< 10.0.0.1 fe80::1\n");
    assert_eq!(services(&dual), "casa._http._tcp.local @ casa.local:80\n");
    // IPv6 is off.
    let only4 = on_eth0(toml, "10.0.0.1/24", &none());
    assert_eq!((only4.v4.is_some(), only4.v6), (true, None));
    assert_eq!(hosts(&only4), "casa.local< 10.0.0.1\n");
}

#[test]
fn an_interface_that_is_down_or_without_multicast_is_not_up() {
    let config = config("[interface.eth0]\n");
    for (up, multicast) in [(false, true), (true, false)] {
        let link = Link {
            up,
            multicast,
            ..link(2, "eth0", "10.0.0.1/24")
        };
        let all = wanted(&config, &links([link]), &none(), false);
        assert!(!all[&2].up && !all[&2].unicast);
    }
}

#[test]
fn interfaces_without_mdns_or_that_are_not_there_have_none() {
    let toml = "names = \"casa\"\nmdns-on-conflict = \"keep\"\n[interface.a]\n[interface.b]\nmdns = false\n[interface.c]\n[interface.d]\n";
    let no_ethernet = Link {
        ethernet: false,
        ..link(4, "d", "10.3.0.1/24")
    };
    let links = links([
        link(2, "a", "10.0.0.1/24"),
        link(3, "b", "10.1.0.1/24"),
        no_ethernet,
        link(5, "e", "10.2.0.1/24"),
    ]);
    let all = wanted(&config(toml), &links, &none(), true);
    assert_eq!(all.keys().collect::<Vec<_>>(), [&2]);
    assert_eq!(all[&2].on_conflict, OnConflict::Keep);
    assert_eq!(hosts(&all[&2]), "casa.local< 10.0.0.1\n");
}

// RFC 6762 8.1: A44
#[test]
fn hosts_held_for_others_are_claimed_and_those_of_the_hosts_file_are_not() {
    let toml = "names = [\"casa\", \"www\"]\nhosts-file = \"hosts\"\n[hosts]\nnas = [\"10.0.0.9\", \"2001:db8::9\"]\n\
                \"nas.local\" = \"10.0.0.10\"\nbackup = \"10.0.0.9\"\nWWW = \"10.0.0.8\"\nmirror = \"10.0.0.1\"\n\
                [interface.eth0.hosts]\ntv = \"fe80::9\"\n";
    let wanted = on_eth0(toml, "10.0.0.1/24", &none());
    // An address has one name by which it is found, its host's first.
    assert_eq!(
        hosts(&wanted),
        "casa.local< 10.0.0.1\nwww.local 10.0.0.1 10.0.0.8\ntv.local< fe80::9\n\
         nas.local< 10.0.0.9 10.0.0.10 2001:db8::9\nbackup.local 10.0.0.9\nmirror.local 10.0.0.1\n"
    );
    // Without addresses of our own we speak for others still, once there is one to speak from.
    let wanted = on_eth0(
        "[hosts]\nnas = \"10.0.0.9\"\n[interface.eth0]\n",
        "",
        &none(),
    );
    assert_eq!(hosts(&wanted), "nas.local< 10.0.0.9\n");
    assert_eq!((wanted.v4, wanted.v6), (None, None));
}

#[test]
fn thousands_of_hosts_are_claimed_each_with_its_address() {
    let mut toml = "[interface.eth0]\n[hosts]\n".to_owned();
    for number in 0..20_000u32 {
        let address = Ipv4Addr::from_bits(0x0a01_0000 + number);
        writeln!(toml, "host-{number} = \"{address}\"").unwrap();
    }
    let wanted = on_eth0(&toml, "10.0.0.1/24", &none());
    assert_eq!(wanted.hosts.len(), 20_001);
    assert!(wanted.hosts.iter().all(|host| host.reverse));
}

const SERVICES: &str = "names = [\"casa\", \"media\"]\n[hosts]\nnas = \"10.0.0.9\"\n[interface.eth0]\n[interface.eth1]\nnames = \"patio\"\n\
    [[service]]\nname = \"Web on %h\"\ntype = \"_http._tcp\"\nport = 80\nsubtypes = [\"_printer\"]\ntxt = { path = \"/\" }\n\
    [[service]]\nname = \"Films\"\ntype = \"_http._tcp\"\nport = 81\nhost = \"media\"\n\
    [[service]]\nname = \"Files\"\ntype = \"_smb._tcp\"\nport = 445\nhost = \"nas.local\"\ninterfaces = \"eth0\"\n\
    [[service]]\nname = \"Door\"\ntype = \"_door._udp\"\nport = 0\npriority = 1\nweight = 2\nhost = \"door\"\naddresses = [\"10.0.0.7\", \"fe80::7\"]\ninterfaces = [\"eth0\"]\n";

// RFC 6762 10.2, 17: A17, A31, A36
#[test]
fn a_host_with_more_addresses_than_a_message_holds_tells_the_first() {
    let mut list = String::new();
    for number in 0..2 * ADDRESSES_MAX {
        write!(list, "\"10.1.{}.{}\", ", number / 256, number % 256).unwrap();
    }
    let text = format!("[interface.eth0]\n[hosts]\nmany = [{list}]\n");
    let wanted = on_eth0(&text, "10.0.0.1/24", &none());
    let many = wanted
        .hosts
        .iter()
        .find(|host| host.name == name("many.local"));
    let addresses = &many.unwrap().addresses;
    assert_eq!(addresses.len(), ADDRESSES_MAX);
    assert_eq!(addresses.last(), Some(&[10, 1, 0, 127].into()));
}

// RFC 6763 4.1, 5, 6, 7.1: B1, B3, B5, B9
#[test]
fn services_are_offered_on_their_interfaces_and_hosts() {
    let links = links([
        link(2, "eth0", "10.0.0.1/24"),
        link(3, "eth1", "10.1.0.1/24"),
    ]);
    let all = wanted(&config(SERVICES), &links, &none(), true);
    assert_eq!(
        services(&all[&2]),
        "Web on casa._http._tcp.local @ casa.local:80\nFilms._http._tcp.local @ media.local:81\n\
         Files._smb._tcp.local @ nas.local:445\nDoor._door._udp.local @ door.local:0\n"
    );
    assert_eq!(
        services(&all[&3]),
        "Web on patio._http._tcp.local @ patio.local:80\n"
    );
    // The host of the last comes with it, and only there.
    assert!(hosts(&all[&2]).ends_with("door.local< 10.0.0.7 fe80::7\n"));
    assert_eq!(
        hosts(&all[&3]),
        "patio.local< 10.1.0.1\nnas.local< 10.0.0.9\n"
    );
    let [web, _, _, door] = &all[&2].services[..] else {
        panic!("{:?}", all[&2].services)
    };
    assert_eq!(web.subtypes, [name("_printer._sub._http._tcp.local")]);
    assert_eq!(web.txt[0].wire(), b"\x06path=/");
    assert_eq!(
        (door.priority, door.weight, door.txt[0].wire()),
        (1, 2, &b"\0"[..])
    );
}

// RFC 6762 9, RFC 6763 D: A48, B10
#[test]
fn new_names_are_kept_and_followed_by_what_is_called_after_them() {
    let mut kept = none();
    kept.remember(&name("casa.local"), &name("casa-2.local"));
    kept.remember(&name("nas.local"), &name("nas-2.local"));
    let instance = |text| Instance::parse(text).unwrap().name().clone();
    kept.remember(
        &instance("Web on casa-2._http._tcp.local"),
        &instance("Web on casa-2 (2)._http._tcp.local"),
    );
    let links = links([link(2, "eth0", "10.0.0.1/24")]);
    let all = wanted(&config(SERVICES), &links, &kept, true);
    assert!(hosts(&all[&2]).starts_with(
        "casa.local(casa-2.local)< 10.0.0.1\nmedia.local 10.0.0.1\nnas.local(nas-2.local)< "
    ));
    // A service's host stays what it was wanted to be: who claims it knows what it is called now.
    assert_eq!(
        services(&all[&2]).lines().next().unwrap(),
        "Web on casa-2._http._tcp.local (Web on casa-2 (2)._http._tcp.local) @ casa.local:80"
    );
    // Where names are not changed, none is kept.
    let all = wanted(
        &config(&format!("mdns-on-conflict = \"withdraw\"\n{SERVICES}")),
        &links,
        &kept,
        true,
    );
    assert!(hosts(&all[&2]).starts_with("casa.local< 10.0.0.1\n"));
    assert!(services(&all[&2]).starts_with("Web on casa._http._tcp.local @ "));
}

// RFC 6763 4.1.1: B1
#[test]
fn a_service_called_after_a_host_that_has_grown_is_cut_to_a_label() {
    let long = "é".repeat(29);
    let toml = format!(
        "[interface.eth0]\nnames = \"casa\"\n[[service]]\nname = \"{long} %h\"\ntype = \"_http._tcp\"\nport = 80\n"
    );
    let mut kept = none();
    kept.remember(&name("casa.local"), &name("casé-2.local"));
    let wanted = on_eth0(&toml, "10.0.0.1/24", &kept);
    assert_eq!(
        services(&wanted),
        format!("{long} cas._http._tcp.local @ casa.local:80\n")
    );
    let text = "x".repeat(62);
    assert_eq!(cut(&format!("{text}yé")), format!("{text}y"));
    assert_eq!(cut(&format!("{text}é")), text);
    assert_eq!(cut(&format!("{text} é")), text);
    assert_eq!((cut(""), cut("a")), ("", "a"));
}

#[test]
fn a_vlan_with_an_interface_has_mdns_there_and_one_without_has_none() {
    let toml = "names = \"casa\"\n[interface.eth0]\n[interface.eth0.vlan.100]\nnames = \"sala\"\n[interface.eth0.vlan.100.hosts]\ntv = \"10.1.0.9\"\n\
                [interface.eth0.vlan.200]\naddresses = [\"10.2.0.1/24\"]\n\
                [[service]]\nname = \"Web on %h\"\ntype = \"_http._tcp\"\nport = 80\n\
                [[service]]\nname = \"TV\"\ntype = \"_http._tcp\"\nport = 81\nhost = \"tv\"\n";
    let vlan = |index, name: &str, id| Link {
        vlan: Some((2, id)),
        ..link(index, name, "10.1.0.1/24")
    };
    let some = links([
        link(2, "eth0", "10.0.0.1/24"),
        vlan(7, "lan", 100),
        vlan(8, "other", 300),
    ]);
    let all = wanted(&config(toml), &some, &none(), true);
    assert_eq!(all.keys().collect::<Vec<_>>(), [&2, &7]);
    assert_eq!(
        services(&all[&2]),
        "Web on casa._http._tcp.local @ casa.local:80\n"
    );
    assert_eq!(
        hosts(&all[&7]),
        "sala.local< 10.1.0.1\ntv.local< 10.1.0.9\n"
    );
    assert_eq!(
        services(&all[&7]),
        "Web on sala._http._tcp.local @ sala.local:80\nTV._http._tcp.local @ tv.local:81\n"
    );
    // A table of its own wins, whatever it says.
    let own = |lines: &str| {
        let config = config(&format!("{toml}[interface.lan]\n{lines}"));
        let mut all = wanted(&config, &some, &none(), true);
        all.remove(&7).map(|wanted| hosts(&wanted))
    };
    assert_eq!(own("").as_deref(), Some("casa.local< 10.1.0.1\n"));
    assert_eq!(own("mdns = false\n"), None);
}

#[test]
fn names_that_come_and_go_while_the_agent_runs_are_claimed_and_their_services_go_with_them() {
    let config = config(SERVICES);
    let links = links([link(2, "eth0", "10.0.0.1/24")]);
    let told = |overlay: &Overlay| {
        wanted(&overlay.apply(&config), &links, &none(), true)
            .remove(&2)
            .unwrap()
    };
    let mut overlay = Overlay::default();
    overlay
        .add(&config, "tv", None, &["10.0.0.5".parse().unwrap()])
        .unwrap();
    overlay.remove(&config, "nas", None).unwrap();
    overlay.remove(&config, "media", None).unwrap();
    assert_eq!(
        hosts(&told(&overlay)),
        "casa.local< 10.0.0.1\ntv.local< 10.0.0.5\ndoor.local< 10.0.0.7 fe80::7\n"
    );
    assert_eq!(
        services(&told(&overlay)),
        "Web on casa._http._tcp.local @ casa.local:80\nDoor._door._udp.local @ door.local:0\n"
    );
    // Without any name of its own the host has no services.
    overlay.remove(&config, "casa", None).unwrap();
    assert!(!services(&told(&overlay)).contains("Web"));
}

// RFC 6763 8: B18
#[test]
fn one_name_under_two_types_is_two_services_and_under_one_type_one() {
    let service = |kind: &str, name: &str| {
        format!("[[service]]\ntype = \"{kind}\"\nport = 80\nname = \"{name}\"\n")
    };
    let toml = format!(
        "[interface.eth0]\n{}{}{}",
        service("_http._tcp", "%h"),
        service("_ipp._tcp", "%h"),
        service("_http._tcp", "casa-2")
    );
    let mut kept = none();
    let all = |kept: &Kept| services(&on_eth0(&toml, "10.0.0.1/24", kept));
    assert_eq!(all(&kept).lines().count(), 3);
    // What the host has come to be called may be what another service is called.
    kept.remember(&name("casa.local"), &name("casa-2.local"));
    assert_eq!(
        all(&kept),
        "casa-2._http._tcp.local @ casa.local:80\ncasa-2._ipp._tcp.local @ casa.local:80\n"
    );
}
