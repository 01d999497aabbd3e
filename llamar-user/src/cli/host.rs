//! Addresses as people write them, with the interface of a link-local one.

use std::net::IpAddr;

use anyhow::ensure;

use crate::ask::Options;

/// An address, and the interface behind `%`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The address.
    pub address: IpAddr,
    /// The interface, by name or number.
    pub interface: Option<String>,
}

impl Host {
    /// The address that a text is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, interface) = match text.split_once('%') {
            Some((address, interface)) if !interface.is_empty() => (address, Some(interface)),
            Some(_) => return Err(String::from("no interface behind the %")),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| String::from("no address"))?;
        if interface.is_some() && address.is_ipv4() {
            return Err(String::from("an IPv4 address has no interface behind it"));
        }
        Ok(Self {
            address,
            interface: interface.map(String::from),
        })
    }

    /// Asks on the address's interface only, if it has one.
    pub fn narrow(&self, options: &mut Options) -> anyhow::Result<()> {
        if let Some(own) = &self.interface {
            let others = &options.interfaces;
            let (address, asked) = (self.address, others.join(", "));
            ensure!(
                others.is_empty() || others.contains(own),
                "{address} is on {own}, not on {asked}"
            );
            options.interfaces = vec![own.clone()];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_may_tell_its_interface() {
        let host = Host::parse("fe80::1%eth0").unwrap();
        assert_eq!(host.interface.as_deref(), Some("eth0"));
        assert_eq!(Host::parse("10.0.0.1").unwrap().interface, None);
        for wrong in [
            "",
            "casa",
            "fe80::1%",
            "10.0.0.1%eth0",
            "%eth0",
            "casa%eth0",
        ] {
            assert!(Host::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn its_interface_is_the_only_one_that_is_asked_on() {
        let host = Host::parse("fe80::1%eth0").unwrap();
        let on = |interfaces: &[&str]| Options {
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            ..Options::default()
        };
        for mut options in [on(&[]), on(&["wlan0", "eth0"])] {
            host.narrow(&mut options).unwrap();
            assert_eq!(options.interfaces, ["eth0"]);
        }
        let refused = host.narrow(&mut on(&["wlan0"])).unwrap_err();
        assert_eq!(refused.to_string(), "fe80::1 is on eth0, not on wlan0");
    }
}
