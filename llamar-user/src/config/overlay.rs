//! Names that come and go while the agent runs, by `llamar names add|remove`: changes to a configuration, kept apart
//! from it so that they outlive its being read again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Config, Interface, Vlan, is_link_local, value};
use crate::dns::Name;

/// What was added to a configuration and removed from it. What is said of an interface counts after what is said of
/// all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    everywhere: Changes,
    interfaces: BTreeMap<String, Changes>,
}

/// Changes to the names of an interface: first some go, then others come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Changes {
    removed: BTreeSet<Name>,
    /// With the addresses of the host for which a name is held; without, it is this host's.
    added: BTreeMap<Name, Vec<IpAddr>>,
}

/// Judges a name to be added as it was typed, as if it stood in a configuration: its addresses, or everything that is
/// wrong, one sentence each.
pub fn judge_addition(
    name: &str,
    interface: Option<&str>,
    addresses: &[String],
) -> Result<Vec<IpAddr>, Vec<String>> {
    let judged = match addresses.is_empty() {
        true => value::own_name(name),
        false => value::name(name),
    };
    let mut problems: Vec<String> = judged.err().into_iter().collect();
    let mut known = Vec::new();
    for text in addresses {
        match address(text, interface) {
            Ok(address) if known.contains(&address) => problems.push(value::address_twice(text)),
            Ok(address) => known.push(address),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(interface.and_then(|name| value::interface_name(name).err()));
    if problems.is_empty() {
        Ok(known)
    } else {
        Err(problems)
    }
}

/// Judges a name to be removed as it was typed: everything that is wrong, one sentence each.
pub fn judge_removal(name: &str, interface: Option<&str>) -> Result<(), Vec<String>> {
    let mut problems: Vec<String> = value::name(name).err().into_iter().collect();
    problems.extend(interface.and_then(|name| value::interface_name(name).err()));
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn address(text: &str, interface: Option<&str>) -> Result<IpAddr, String> {
    let address = value::address(text, true)?;
    if interface.is_none() && is_link_local(address) {
        return Err(format!(
            "{text:?} is link-local, so valid on one link, expected its interface too: --iface NAME"
        ));
    }
    Ok(address)
}

impl Overlay {
    /// The configuration with these changes. Large tables are shared with it, not copied.
    pub fn apply(&self, config: &Config) -> Config {
        let mut config = config.clone();
        for (name, interface) in &mut config.interfaces {
            self.everywhere.apply(interface, true);
            if let Some(changes) = self.interfaces.get(name) {
                changes.apply(interface, false);
            }
        }
        config
    }

    /// Adds a name to what `config` with the changes so far comes to: as if it stood under `[hosts]` or the file's
    /// `names`, or with an interface, in the interface's table. The error is what is wrong, in one line.
    pub fn add(
        &mut self,
        config: &Config,
        name: &str,
        interface: Option<&str>,
        addresses: &[IpAddr],
    ) -> Result<(), String> {
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let addresses = judge_addition(name, interface, &texts).map_err(in_one_line)?;
        let added = value::name(name)?;
        is_served(config, interface)?;
        let there = place_of(&self.apply(config), &added, interface, interface.is_none());
        if let Some(place) = there {
            return Err(format!(
                "{name:?} is there already on {place}, expected a name that is not \
                 (llamar names shows those that are)"
            ));
        }
        match interface {
            Some(interface) => {
                let changes = self.interfaces.entry(interface.to_owned()).or_default();
                changes.added.insert(added, addresses);
            }
            None => {
                self.lift(&added);
                self.everywhere.added.insert(added, addresses);
            }
        }
        Ok(())
    }

    /// Removes a name wherever it is, or from one interface and its VLANs. The error is what is wrong, in one line.
    pub fn remove(
        &mut self,
        config: &Config,
        name: &str,
        interface: Option<&str>,
    ) -> Result<(), String> {
        judge_removal(name, interface).map_err(in_one_line)?;
        let removed = value::name(name)?;
        is_served(config, interface)?;
        if place_of(&self.apply(config), &removed, interface, true).is_none() {
            let place = interface.map_or(String::new(), |interface| format!(" on {interface}"));
            return Err(format!(
                "{name:?} is not there{place}, expected a name that is (llamar names shows them)"
            ));
        }
        match interface {
            Some(interface) => {
                let changes = self.interfaces.entry(interface.to_owned()).or_default();
                changes.added.remove(&removed);
            }
            None => {
                self.everywhere.added.remove(&removed);
                for changes in self.interfaces.values_mut() {
                    changes.added.remove(&removed);
                    changes.removed.remove(&removed);
                }
            }
        }
        // What is there still is in the configuration, or was added on all interfaces.
        if place_of(&self.apply(config), &removed, interface, true).is_some() {
            let changes = match interface {
                Some(interface) => self.interfaces.entry(interface.to_owned()).or_default(),
                None => &mut self.everywhere,
            };
            changes.removed.insert(removed);
        }
        self.interfaces
            .retain(|_, changes| *changes != Changes::default());
        Ok(())
    }

    /// Makes what was removed from single interfaces removed from the configuration as a whole, so that what is added
    /// everywhere is on those interfaces too, and nothing else.
    fn lift(&mut self, name: &Name) {
        for changes in self.interfaces.values_mut() {
            if changes.removed.remove(name) {
                self.everywhere.removed.insert(name.clone());
            }
        }
        self.interfaces
            .retain(|_, changes| *changes != Changes::default());
    }
}

impl Changes {
    /// Makes the changes on an interface; what comes `everywhere` comes to all of its VLANs.
    fn apply(&self, interface: &mut Interface, everywhere: bool) {
        for name in &self.removed {
            remove(&mut interface.names, &mut interface.hosts, name);
            for vlan in interface.vlans.values_mut() {
                remove(&mut vlan.names, &mut vlan.hosts, name);
            }
            if interface.shared.contains_key(name) {
                interface.hidden.insert(name.clone());
            }
        }
        for vlan in interface.vlans.values_mut() {
            for (name, addresses) in &self.added {
                // Like names in the file, an interface's own are those of the VLANs that name none.
                if everywhere || (vlan.inherits && addresses.is_empty()) {
                    add(&mut vlan.names, &mut vlan.hosts, name, addresses);
                }
            }
        }
        for (name, addresses) in &self.added {
            add(&mut interface.names, &mut interface.hosts, name, addresses);
        }
    }
}

fn remove(names: &mut Vec<Name>, hosts: &mut BTreeMap<Name, Vec<IpAddr>>, name: &Name) {
    names.retain(|known| known != name);
    hosts.remove(name);
}

/// What the configuration has come to say of the name since it was added adds up.
fn add(
    names: &mut Vec<Name>,
    hosts: &mut BTreeMap<Name, Vec<IpAddr>>,
    name: &Name,
    addresses: &[IpAddr],
) {
    if !addresses.is_empty() {
        let known = hosts.entry(name.clone()).or_default();
        known.extend_from_slice(addresses);
    } else if !names.contains(name) {
        names.push(name.clone());
    }
}

fn is_served(config: &Config, interface: Option<&str>) -> Result<(), String> {
    match interface {
        Some(interface) if !config.interfaces.contains_key(interface) => {
            let served: Vec<&str> = config.interfaces.keys().map(String::as_str).collect();
            let served = served.join(", ");
            Err(format!(
                "{interface:?} is not served, expected one of {served}"
            ))
        }
        _ => Ok(()),
    }
}

/// Where a name is: on one interface or any, and where `vlans` counts, on a VLAN.
fn place_of(config: &Config, name: &Name, interface: Option<&str>, vlans: bool) -> Option<String> {
    let asked = |(known, _): &(&String, &Interface)| interface.is_none_or(|asked| asked == *known);
    for (known, interface) in config.interfaces.iter().filter(asked) {
        let shared = interface.shared.contains_key(name) && !interface.hidden.contains(name);
        if shared || interface.names.contains(name) || interface.hosts.contains_key(name) {
            return Some(known.clone());
        }
        let has =
            |(_, vlan): &(&u16, &Vlan)| vlan.names.contains(name) || vlan.hosts.contains_key(name);
        if let Some((id, _)) = interface.vlans.iter().find(has).filter(|_| vlans) {
            return Some(format!("{known} VLAN {id}"));
        }
    }
    None
}

fn in_one_line(problems: Vec<String>) -> String {
    problems.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::{Addresses, Hosts};
    use super::*;
    use std::sync::Arc;

    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn ips(text: &str) -> Vec<IpAddr> {
        let words = text.split_whitespace();
        words.map(|ip| ip.parse().unwrap()).collect()
    }

    fn vlan(own: &str, inherits: bool) -> Vlan {
        Vlan {
            names: vec![name(own)],
            inherits,
            addresses: Vec::new(),
            hosts: BTreeMap::new(),
            proxy_arp: BTreeSet::new(),
        }
    }

    /// `casa` on eth0 with the VLANs 7, which inherits, and 8, which is `sala`; `patio` on eth1; `nas` held on eth0,
    /// `printer` on all by the hosts file.
    fn config() -> Config {
        let printer = Addresses::new(ips("10.0.0.9"), 30);
        let shared: Arc<Hosts> = Arc::new([(name("printer"), printer)].into_iter().collect());
        let interface = |own: &str| Interface {
            shared: shared.clone(),
            ..Interface::named(vec![name(own)])
        };
        let [mut eth0, eth1] = ["casa", "patio"].map(interface);
        eth0.hosts.insert(name("nas"), ips("10.0.0.8"));
        eth0.vlans = [(7, vlan("casa", true)), (8, vlan("sala", false))].into();
        Config {
            file: None,
            interfaces: [("eth0".to_owned(), eth0), ("eth1".to_owned(), eth1)].into(),
            everywhere: BTreeMap::new(),
            hosts: shared,
            max_names: 16,
            notes: Vec::new(),
        }
    }

    fn shown(
        names: &[Name],
        hosts: &BTreeMap<Name, Vec<IpAddr>>,
        others: impl Iterator<Item = String>,
    ) -> String {
        let names = names.iter().map(ToString::to_string);
        let hosts = hosts.iter().map(|(name, addresses)| {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            format!("{name}={}", addresses.join(","))
        });
        names
            .chain(hosts)
            .chain(others)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The names of eth0, its VLANs 7 and 8, and eth1.
    fn told(overlay: &Overlay, config: &Config) -> [String; 4] {
        let config = overlay.apply(config);
        let on = |interface: &Interface| {
            let visible = |name: &&Name| !interface.hidden.contains(name);
            let shared = interface.shared.keys().filter(visible);
            let shared = shared.map(|name| format!("({name})"));
            shown(&interface.names, &interface.hosts, shared)
        };
        let tagged = |vlan: &Vlan| shown(&vlan.names, &vlan.hosts, std::iter::empty());
        let [eth0, eth1] = ["eth0", "eth1"].map(|name| &config.interfaces[name]);
        [
            on(eth0),
            tagged(&eth0.vlans[&7]),
            tagged(&eth0.vlans[&8]),
            on(eth1),
        ]
    }

    #[test]
    fn what_is_added_everywhere_is_on_every_interface_and_vlan() {
        let (config, mut overlay) = (config(), Overlay::default());
        overlay.add(&config, "Media", None, &[]).unwrap();
        overlay
            .add(&config, "tv", None, &ips("10.0.0.5 fd00::5"))
            .unwrap();
        assert_eq!(
            told(&overlay, &config),
            [
                "casa Media tv=10.0.0.5,fd00::5 nas=10.0.0.8 (printer)",
                "casa Media tv=10.0.0.5,fd00::5",
                "sala Media tv=10.0.0.5,fd00::5",
                "patio Media tv=10.0.0.5,fd00::5 (printer)",
            ]
        );
        overlay.remove(&config, "MEDIA", None).unwrap();
        overlay.remove(&config, "tv", None).unwrap();
        assert_eq!(overlay, Overlay::default());
    }

    #[test]
    fn what_is_added_on_an_interface_is_as_if_it_stood_in_its_table() {
        let (config, mut overlay) = (config(), Overlay::default());
        overlay.add(&config, "media", Some("eth0"), &[]).unwrap();
        overlay
            .add(&config, "door", Some("eth0"), &ips("fe80::9"))
            .unwrap();
        // Another link's name is another name.
        overlay.add(&config, "patio", Some("eth0"), &[]).unwrap();
        overlay.add(&config, "sala", Some("eth0"), &[]).unwrap();
        assert_eq!(
            told(&overlay, &config),
            [
                "casa sala media patio nas=10.0.0.8 door=fe80::9 (printer)",
                "casa sala media patio",
                "sala",
                "patio (printer)",
            ]
        );
        overlay.remove(&config, "patio", Some("eth0")).unwrap();
        overlay.remove(&config, "media", None).unwrap();
        assert_eq!(
            told(&overlay, &config)[0],
            "casa sala nas=10.0.0.8 door=fe80::9 (printer)"
        );
        assert_eq!(told(&overlay, &config)[3], "patio (printer)");
    }

    #[test]
    fn names_of_the_configuration_are_removed_too_and_come_back_by_adding_them() {
        let (config, mut overlay) = (config(), Overlay::default());
        let before = told(&overlay, &config);
        for name in ["casa", "sala", "nas", "printer", "patio"] {
            overlay.remove(&config, name, None).unwrap();
        }
        assert_eq!(told(&overlay, &config), [""; 4]);
        // Large tables are where they were.
        let applied = overlay.apply(&config);
        assert!(Arc::ptr_eq(
            &applied.interfaces["eth0"].shared,
            &config.hosts
        ));

        overlay.add(&config, "casa", Some("eth0"), &[]).unwrap();
        overlay
            .add(&config, "nas", Some("eth0"), &ips("10.0.0.7"))
            .unwrap();
        overlay
            .add(&config, "printer", None, &ips("10.0.0.6"))
            .unwrap();
        let after = told(&overlay, &config);
        assert_eq!(after[0], "casa nas=10.0.0.7 printer=10.0.0.6");
        assert_eq!(after[3], "printer=10.0.0.6");
        assert_ne!(after, before);
    }

    #[test]
    fn a_name_removed_from_one_interface_stays_on_the_others() {
        let (config, mut overlay) = (config(), Overlay::default());
        overlay.remove(&config, "printer", Some("eth1")).unwrap();
        overlay.add(&config, "tv", None, &ips("10.0.0.5")).unwrap();
        overlay.remove(&config, "tv", Some("eth0")).unwrap();
        let expected = [
            "casa nas=10.0.0.8 (printer)",
            "casa",
            "sala",
            "patio tv=10.0.0.5",
        ];
        assert_eq!(told(&overlay, &config), expected);
        // Once it is nowhere, what is added everywhere is on all, and the file's is on none.
        overlay.remove(&config, "printer", Some("eth0")).unwrap();
        overlay.remove(&config, "tv", Some("eth1")).unwrap();
        overlay.add(&config, "printer", None, &[]).unwrap();
        overlay.add(&config, "tv", None, &ips("10.0.0.4")).unwrap();
        let expected = [
            "casa printer tv=10.0.0.4 nas=10.0.0.8",
            "casa printer tv=10.0.0.4",
            "sala printer tv=10.0.0.4",
            "patio printer tv=10.0.0.4",
        ];
        assert_eq!(told(&overlay, &config), expected);
    }

    #[test]
    fn removing_from_an_interface_silences_its_vlans_too() {
        let (config, mut overlay) = (config(), Overlay::default());
        overlay.remove(&config, "sala", Some("eth0")).unwrap();
        overlay.remove(&config, "casa", Some("eth0")).unwrap();
        assert_eq!(
            told(&overlay, &config),
            ["nas=10.0.0.8 (printer)", "", "", "patio (printer)"]
        );
    }

    #[test]
    fn changes_outlive_a_configuration_that_changes() {
        let (config, mut overlay) = (config(), Overlay::default());
        overlay.add(&config, "tv", None, &ips("10.0.0.5")).unwrap();
        overlay.add(&config, "media", Some("eth1"), &[]).unwrap();
        overlay.remove(&config, "casa", None).unwrap();
        let mut other = config.clone();
        let mut eth1 = other.interfaces.remove("eth1").unwrap();
        let eth0 = other.interfaces.get_mut("eth0").unwrap();
        eth0.hosts.insert(name("tv"), ips("10.0.0.4"));
        eth0.names.push(name("new"));
        let without = overlay.apply(&other);
        assert!(!without.interfaces.contains_key("eth1"));
        eth1.names.push(name("MEDIA"));
        other.interfaces.insert("eth1".to_owned(), eth1);
        assert_eq!(
            told(&overlay, &other),
            [
                "new tv=10.0.0.4,10.0.0.5 nas=10.0.0.8 (printer)",
                "tv=10.0.0.5",
                "sala tv=10.0.0.5",
                "patio MEDIA tv=10.0.0.5 (printer)",
            ]
        );
        // Both go, the one that was added and the file's.
        overlay.remove(&other, "tv", None).unwrap();
        overlay.remove(&other, "media", None).unwrap();
        assert_eq!(told(&overlay, &other)[0], "new nas=10.0.0.8 (printer)");
        assert_eq!(told(&overlay, &other)[3], "patio (printer)");
    }

    #[test]
    fn coming_and_going_leaves_nothing_behind() {
        let (config, mut overlay) = (config(), Overlay::default());
        for _ in 0..3 {
            overlay.add(&config, "tv", None, &ips("10.0.0.5")).unwrap();
            overlay.remove(&config, "tv", None).unwrap();
            overlay.add(&config, "tv", Some("eth1"), &[]).unwrap();
            overlay.remove(&config, "tv", Some("eth1")).unwrap();
        }
        assert_eq!(overlay, Overlay::default());
    }

    #[test]
    fn names_of_any_form_are_added_as_they_were_typed() {
        let (config, mut overlay) = (config(), Overlay::default());
        for text in ["Ático", "ñandú.patio.", "日本", r"a\.b"] {
            overlay.add(&config, text, Some("eth1"), &[]).unwrap();
        }
        assert_eq!(
            told(&overlay, &config)[3],
            r"patio a\.b Ático 日本 ñandú.patio (printer)"
        );
        for text in ["Ático", "ñandú.PATIO", "日本.", r"A\046b"] {
            overlay.remove(&config, text, None).unwrap();
        }
        assert_eq!(overlay, Overlay::default());
    }

    #[test]
    fn what_does_not_fit_the_configuration_is_told_and_changes_nothing() {
        let (config, mut overlay) = (config(), Overlay::default());
        for (text, interface, addresses, problem) in [
            ("casa", None, "", "\"casa\" is there already on eth0, "),
            (
                "SALA",
                None,
                "10.0.0.1",
                "\"SALA\" is there already on eth0 VLAN 8, ",
            ),
            (
                "nas",
                Some("eth0"),
                "10.0.0.1",
                "\"nas\" is there already on eth0, ",
            ),
            (
                "printer",
                Some("eth1"),
                "",
                "\"printer\" is there already on eth1, ",
            ),
            (
                "tv",
                Some("eth9"),
                "",
                "\"eth9\" is not served, expected one of eth0, eth1",
            ),
        ] {
            let told = overlay.add(&config, text, interface, &ips(addresses));
            let told = told.unwrap_err();
            assert!(told.starts_with(problem), "{text}: {told}");
        }
        for (text, interface, problem) in [
            ("tv", None, "\"tv\" is not there, expected a name that is"),
            (
                "patio",
                Some("eth0"),
                "\"patio\" is not there on eth0, expected",
            ),
            (
                "casa",
                Some("eth9"),
                "\"eth9\" is not served, expected one of eth0, eth1",
            ),
            ("a b", None, "\"a b\" has ' ' in it, expected a name"),
        ] {
            let told = overlay.remove(&config, text, interface).unwrap_err();
            assert!(told.starts_with(problem), "{text}: {told}");
        }
        assert_eq!(overlay, Overlay::default());
    }

    #[test]
    fn what_is_typed_is_judged_as_in_a_file() {
        let judge = |name: &str, interface: Option<&str>, addresses: &str| {
            let addresses: Vec<_> = addresses.split_whitespace().map(str::to_owned).collect();
            judge_addition(name, interface, &addresses)
        };
        assert_eq!(judge("casa.example", None, ""), Ok(vec![]));
        assert_eq!(judge("ñandú", Some("eth0"), "fe80::9"), Ok(ips("fe80::9")));
        // Held for others it is as in [hosts]; this host is localhost to nobody.
        assert_eq!(judge("localhost", None, "10.0.0.1"), Ok(ips("10.0.0.1")));
        for (name, interface, addresses, problem) in [
            (
                "",
                None,
                "",
                "the name is empty, expected a name such as casa or casa.example",
            ),
            (
                "localhost",
                None,
                "",
                "\"localhost\" means every host itself, ",
            ),
            ("a..b", None, "10.0.0.1", "\"a..b\" has an empty label, "),
            ("tv", None, "127.0.0.1", "\"127.0.0.1\" is loopback, "),
            ("tv", None, "ff02::1", "\"ff02::1\" is multicast, "),
            ("tv", None, "192.168.1", "\"192.168.1\" is no address, "),
            (
                "tv",
                None,
                "10.0.0.1 10.0.0.1",
                "\"10.0.0.1\" is there twice, ",
            ),
            (
                "tv",
                None,
                "169.254.1.1",
                "\"169.254.1.1\" is link-local, so valid on one link, ",
            ),
            (
                "tv",
                Some("a/b"),
                "",
                "\"a/b\" has '/' in it, expected the name of an interface",
            ),
        ] {
            let told = judge(name, interface, addresses).unwrap_err();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(problem), "{told:?}");
        }
        assert_eq!(judge("a b", Some(""), "::1 x").unwrap_err().len(), 4);
        assert_eq!(judge_removal("a b", Some("")).unwrap_err().len(), 2);
        // The agent does not rely on the tool.
        let told = Overlay::default().add(&config(), "a b", None, &ips("::1"));
        let told = told.unwrap_err();
        assert!(
            told.contains("\"a b\" has") && told.contains("; \"::1\" is loopback"),
            "{told}"
        );
    }

    /// Whether a name is on eth0, its VLANs 7 and 8, and eth1.
    fn there(overlay: &Overlay, config: &Config, text: &str) -> [bool; 4] {
        let words = told(overlay, config).map(|told| format!(" {told} "));
        words.map(|told| {
            let forms = [
                format!(" {text} "),
                format!(" {text}="),
                format!("({text})"),
            ];
            forms.iter().any(|form| told.contains(form))
        })
    }

    proptest! {
        #[test]
        fn after_any_changes_the_last_one_holds_and_other_names_are_as_they_were(
            changes in prop::collection::vec((any::<bool>(), 0..5usize, 0..3usize, any::<bool>()), 1..30),
        ) {
            let names = ["casa", "nas", "printer", "tv", "sala"];
            let (config, mut overlay) = (config(), Overlay::default());
            for (add, name, interface, own) in changes {
                let before = overlay.clone();
                let name = names[name];
                let interface = [None, Some("eth0"), Some("eth1")][interface];
                let addresses = if own { vec![] } else { ips("10.0.0.1") };
                let result = match add {
                    true => overlay.add(&config, name, interface, &addresses),
                    false => overlay.remove(&config, name, interface),
                };
                let [eth0, seven, eight, eth1] = there(&overlay, &config, name);
                if result.is_err() {
                    prop_assert_eq!(&overlay, &before);
                    let known = there(&before, &config, name).contains(&true);
                    prop_assert!(add == known || interface.is_some(), "{:?}", result);
                }
                if result.is_ok() && add {
                    prop_assert!(eth0 || interface == Some("eth1"));
                    prop_assert!(eth1 || interface == Some("eth0"));
                    prop_assert!(interface.is_some() || seven && eight);
                } else if result.is_ok() {
                    prop_assert!(!(eth0 || seven || eight) || interface == Some("eth1"));
                    prop_assert!(!eth1 || interface == Some("eth0"));
                }
                for other in names.into_iter().filter(|other| *other != name) {
                    prop_assert_eq!(there(&overlay, &config, other), there(&before, &config, other));
                }
            }
        }
    }
}
