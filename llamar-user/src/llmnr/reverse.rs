//! The names of addresses, below in-addr.arpa (RFC 1035 3.5) and ip6.arpa (RFC 3596 2.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns::Name;

const V4_DOMAIN: [&[u8]; 2] = [b"in-addr", b"arpa"];
const V6_DOMAIN: [&[u8]; 2] = [b"ip6", b"arpa"];
/// The end of either in wire form.
const END: &[u8; 6] = b"\x04arpa\0";
/// Digits of an IPv6 address.
const NIBBLES: usize = 32;

/// The address that a name is for: all of its labels, spelled as they are when made from an address; letters in
/// either case.
pub fn address_of(name: &Name) -> Option<IpAddr> {
    // What any query may ask for is mostly none, which is seen at its end.
    let end = name.wire().last_chunk::<{ END.len() }>()?;
    if !end.eq_ignore_ascii_case(END) {
        return None;
    }
    let labels: Vec<&[u8]> = name.labels().collect();
    let (host, domain) = labels.split_last_chunk::<2>()?;
    let is = |wanted: [&[u8]; 2]| {
        domain
            .iter()
            .zip(wanted)
            .all(|(label, wanted)| label.eq_ignore_ascii_case(wanted))
    };
    if is(V4_DOMAIN) {
        let &[d, c, b, a] = host else { return None };
        return Some(Ipv4Addr::new(octet(a)?, octet(b)?, octet(c)?, octet(d)?).into());
    }
    if is(V6_DOMAIN) && host.len() == NIBBLES {
        let bits = host
            .iter()
            .rev()
            .try_fold(0, |bits: u128, label| Some(bits << 4 | nibble(label)?));
        return Some(Ipv6Addr::from_bits(bits?).into());
    }
    None
}

/// The name that the PTR records of an address have.
pub fn name_of(address: IpAddr) -> Name {
    let digits: Vec<String> = match address {
        IpAddr::V4(address) => address.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(address) => (0..NIBBLES)
            .map(|place| format!("{:x}", address.to_bits() >> (4 * place) & 0xf))
            .collect(),
    };
    let domain = if address.is_ipv4() {
        V4_DOMAIN
    } else {
        V6_DOMAIN
    };
    let labels = digits.iter().map(String::as_bytes).chain(domain);
    Name::from_labels(labels).expect("at most 34 labels of at most seven bytes")
}

/// The octet that a label is in decimal, without zeros in front.
fn octet(label: &[u8]) -> Option<u8> {
    match label {
        [b'0'] => Some(0),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(label).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// The four bits that a label is in hexadecimal.
fn nibble(label: &[u8]) -> Option<u128> {
    let &[digit] = label else { return None };
    char::from(digit).to_digit(16).map(u128::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V6: &str = "6.0.5.0.4.0.E.F.F.F.3.0.2.0.1.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";

    fn address(name: &str) -> Option<IpAddr> {
        address_of(&Name::parse(name).unwrap())
    }

    // RFC 4795 2.3: R30
    #[test]
    fn names_of_addresses_are_those_of_the_rfcs_example() {
        let v4 = "192.0.2.1".parse().unwrap();
        // The RFC writes the last four groups byte by byte.
        let v6 = "2001:db8::102:3ff:fe04:506".parse().unwrap();
        assert_eq!(address("1.2.0.192.in-addr.arpa"), Some(v4));
        assert_eq!(address("1.2.0.192.IN-ADDR.Arpa"), Some(v4));
        assert_eq!(name_of(v4).to_string(), "1.2.0.192.in-addr.arpa");
        assert_eq!(address(V6), Some(v6));
        assert_eq!(address(&V6.to_uppercase()), Some(v6));
        assert_eq!(name_of(v6).to_string(), V6.to_lowercase());
    }

    // RFC 4795 2.3 d: R31
    #[test]
    fn other_spellings_and_parts_of_an_address_are_no_names_of_one() {
        for name in [
            "2.0.192.in-addr.arpa",
            "0.1.2.0.192.in-addr.arpa",
            "01.2.0.192.in-addr.arpa",
            "00.2.0.192.in-addr.arpa",
            "+1.2.0.192.in-addr.arpa",
            "256.2.0.192.in-addr.arpa",
            "1a.2.0.192.in-addr.arpa",
            "a.2.0.192.in-addr.arpa",
            r"\049\032.2.0.192.in-addr.arpa",
            "1.2.0.192.in-addr.arpa.example",
            "1.2.0.192.in-addr.example",
            "1.2.0.192.ip6.arpa",
            "1.2.0.192",
            "in-addr.arpa",
            "ip6.arpa",
            "arpa",
            "casa",
            &V6[2..],
            &format!("0.{V6}"),
            &V6.replacen('E', "g", 1),
            &V6.replacen('E', "0e", 1),
            &V6.replace("arpa", "int"),
            &V6.replace("ip6", "ip6.int"),
            &V6.replace("ip6", "in-addr"),
        ] {
            assert_eq!(address(name), None, "{name}");
        }
        assert_eq!(address_of(&Name::from_wire(b"\0").unwrap().0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_address_is_found_in_its_name(address in any::<IpAddr>()) {
            prop_assert_eq!(address_of(&name_of(address)), Some(address));
        }

        #[test]
        fn what_is_an_addresss_name_is_spelled_as_that_addresss(
            labels in prop::collection::vec("[0-9a-f]{1,3}", 4),
        ) {
            let name = Name::parse(&format!("{}.in-addr.arpa", labels.join("."))).unwrap();
            if let Some(address) = address_of(&name) {
                prop_assert_eq!(name_of(address), name);
            }
        }
    }
}
