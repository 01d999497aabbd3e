//! Whether a packet filter stands between the kernel and this process. The kernel path answers before any of them sees
//! a frame; what it leaves to userspace, and all of TCP, has to be let through.

use std::fs;
use std::io;
use std::path::Path;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
};
use nix::sys::socket::SockProtocol;

use super::netlink::{self, Reply, attribute};

const SUBSYSTEM: u16 = 10 << 8;
const NEW_TABLE: u16 = SUBSYSTEM;
const GET_TABLES: u16 = SUBSYSTEM | 1;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const GET_CHAINS: u16 = SUBSYSTEM | 4;
/// Length of `struct nfgenmsg`, in front of the attributes.
const FAMILY_HEADER: usize = 4;

const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const TABLE_DORMANT: u32 = 1;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_USE: u16 = 6;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
/// `NF_INET_LOCAL_IN`.
const INPUT: u32 = 1;
/// `NF_DROP`.
const DROP: u32 = 0;

/// What one datagram of a dump needs: the kernel makes pieces of 32 KiB.
const DATAGRAM: usize = 64 << 10;
/// Times that a dump is begun anew because the rules were changed under it.
const TRIES: usize = 5;
/// Filters that are named; more are counted.
const NAMED_MAX: usize = 4;
/// Longest list of iptables' tables that is read. There are five of them.
const TABLES_MAX: usize = 256;

/// A sentence about the packet filters that see what is sent to UDP and TCP port 5355 of this host, or about not
/// having the right to read them. None if there is none.
///
/// What a filter's rules say is not judged: those that have rules or drop what has none are named.
pub fn note() -> Option<String> {
    let legacy = |file: &str| Path::new("/proc/thread-self/net").join(file);
    say([
        nft_filters().map_err(|error| format!("nftables: {error}")),
        legacy_filters("iptables", &legacy("ip_tables_names")),
        legacy_filters("ip6tables", &legacy("ip6_tables_names")),
    ])
}

/// The sentence about filters, each by what it is called, and about what could not be read.
fn say(read: [Result<Vec<String>, String>; 3]) -> Option<String> {
    let (mut filters, mut unread) = (Vec::new(), Vec::new());
    for result in read {
        match result {
            Ok(some) => filters.extend(some),
            Err(error) => unread.push(error),
        }
    }
    let (are, filtered) = match filters.len() {
        0 if unread.is_empty() => return None,
        0 => ("what packet filters are active cannot be read", "one"),
        1 => ("a packet filter is active", "it"),
        _ => ("packet filters are active", "one of them"),
    };
    let more = filters.len().saturating_sub(NAMED_MAX);
    filters.truncate(NAMED_MAX);
    if more > 0 {
        filters.push(format!("{more} more"));
    }
    if !filters.is_empty() {
        for error in &mut unread {
            error.insert_str(0, "not read: ");
        }
    }
    filters.extend(unread);
    Some(format!(
        "{are} ({}): if {filtered} does not accept udp and tcp port 5355, only the kernel path answers",
        filters.join("; ")
    ))
}

/// A table and the family it is of.
type Table = (u8, String);

/// The base chains of nftables, of type filter at the hook input, that have rules or drop what has none. Tables that
/// are switched off (dormant) do not count.
fn nft_filters() -> io::Result<Vec<String>> {
    let dormant = dump(GET_TABLES, |kind, family, attributes| {
        (kind == NEW_TABLE).then(|| dormant_table(family, attributes))?
    });
    let dormant: Vec<Table> = match dormant {
        // The kernel has no nftables.
        Err(error) if is_without_nftables(&error) => return Ok(Vec::new()),
        dormant => dormant?,
    };
    let chains = dump(GET_CHAINS, |kind, family, attributes| {
        (kind == NEW_CHAIN).then(|| input_filter(family, attributes))?
    })?;
    let active = chains
        .into_iter()
        .filter(|(table, _)| !dormant.contains(table));
    Ok(active.map(|(_, description)| description).collect())
}

fn is_without_nftables(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    matches!(
        code,
        Some(libc::EPROTONOSUPPORT | libc::EINVAL | libc::EOPNOTSUPP)
    )
}

fn dormant_table(family: u8, attributes: &[u8]) -> Option<Table> {
    let flags = number(attribute(attributes, TABLE_FLAGS)?.value())?;
    let name = text(attribute(attributes, TABLE_NAME)?.value());
    (flags & TABLE_DORMANT != 0).then_some((family, name))
}

/// The table and the description of a chain that may drop what comes to this host.
fn input_filter(family: u8, attributes: &[u8]) -> Option<(Table, String)> {
    let word = match i32::from(family) {
        libc::NFPROTO_IPV4 => "ip",
        libc::NFPROTO_IPV6 => "ip6",
        libc::NFPROTO_INET => "inet",
        _ => return None,
    };
    // Only base chains have a hook.
    let hook = attribute(attributes, CHAIN_HOOK)?;
    let at_input = number(attribute(hook.value(), HOOK_NUMBER)?.value())? == INPUT;
    let filters = text(attribute(attributes, CHAIN_TYPE)?.value()) == "filter";
    let drops = number(attribute(attributes, CHAIN_POLICY)?.value())? == DROP;
    // Nothing but its rules refers to a base chain.
    let has_rules = number(attribute(attributes, CHAIN_USE)?.value())? > 0;
    if !at_input || !filters || !(drops || has_rules) {
        return None;
    }
    let table = text(attribute(attributes, CHAIN_TABLE)?.value());
    let chain = text(attribute(attributes, CHAIN_NAME)?.value());
    let policy = if drops { "drop" } else { "accept" };
    let description = format!("nft table {word} {table}, chain {chain}, policy {policy}");
    Some(((family, table), description))
}

/// A number, in network byte order as all of nftables'.
fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Text up to the zero byte that ends it, fit for a terminal.
fn text(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).escape_debug().to_string()
}

/// What is wanted of the messages of a dump, each given by its type, its family and its attributes.
fn dump<T>(kind: u16, wanted: impl Fn(u16, u8, &[u8]) -> Option<T>) -> io::Result<Vec<T>> {
    // A `struct nfgenmsg` of zeros: of all families.
    let request = netlink::request(kind, NLM_F_REQUEST | NLM_F_DUMP, &[0; FAMILY_HEADER]);
    for _ in 0..TRIES {
        let reply = Reply::to(SockProtocol::NetlinkNetFilter, &request)?;
        let mut found = Vec::new();
        let whole = read_dump(&reply, |kind, family, attributes| {
            found.extend(wanted(kind, family, attributes));
        })?;
        if whole {
            return Ok(found);
        }
    }
    Err(io::Error::other("the rules change all the time"))
}

/// Hands on each message of a dump; whether it is of one state of the table.
fn read_dump(reply: &Reply, mut each: impl FnMut(u16, u8, &[u8])) -> io::Result<bool> {
    let mut buffer = vec![0; DATAGRAM];
    let mut whole = true;
    while let Some(mut rest) = reply.next(&mut buffer)? {
        while let Ok(message) = NetlinkBuffer::new_checked(rest) {
            whole &= message.flags() & NLM_F_DUMP_INTR == 0;
            let (kind, payload) = (message.message_type(), message.payload());
            if matches!(kind, NLMSG_DONE | NLMSG_ERROR) {
                return ended(payload, whole);
            }
            if let Some((family, _)) = payload.split_first() {
                each(
                    kind,
                    *family,
                    payload.get(FAMILY_HEADER..).unwrap_or_default(),
                );
            }
            let next = (message.length() as usize).next_multiple_of(4);
            rest = rest.get(next..).unwrap_or_default();
        }
    }
    Err(io::Error::other("the kernel's answer is cut off"))
}

fn ended(payload: &[u8], whole: bool) -> io::Result<bool> {
    match netlink::outcome(payload) {
        Ok(()) => Ok(whole),
        // The table changed, so that the dump could not be ended.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The tables of iptables (the one of old, beside nftables) that see what comes in, from the file that lists them.
fn legacy_filters(tool: &str, file: &Path) -> Result<Vec<String>, String> {
    let names = match fs::read(file) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{tool}: {error}")),
    };
    let names = String::from_utf8_lossy(names.get(..TABLES_MAX).unwrap_or(&names));
    // Of the five, nat drops nothing.
    let filters = names.lines().filter(|name| !matches!(*name, "" | "nat"));
    Ok(filters
        .map(|name| format!("{tool} table {}, its rules not read", name.escape_debug()))
        .collect())
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE};
    use proptest::prelude::*;

    use super::*;
    use crate::link::space::in_namespace;
    use crate::net::netlink::nla;

    const NEW_RULE: u16 = SUBSYSTEM | 6;
    const BATCH_BEGIN: u16 = 0x10;
    const BATCH_END: u16 = 0x11;
    const ACCEPT: u32 = 1;
    const PREROUTING: u32 = 0;
    const IP: u8 = libc::NFPROTO_IPV4 as u8;
    const INET: u8 = libc::NFPROTO_INET as u8;
    const IP6: u8 = libc::NFPROTO_IPV6 as u8;

    fn message(kind: u16, flags: u16, head: [u8; 4], attributes: &[Vec<u8>]) -> Vec<u8> {
        let says = [&head[..], &attributes.concat()].concat();
        netlink::request(kind, NLM_F_REQUEST | flags, &says)
    }

    /// Has nftables do something to a family, as `nft` would.
    fn change(kind: u16, family: u8, attributes: &[Vec<u8>]) {
        let batch = [0, 0, 0, 10];
        let bytes = [
            message(BATCH_BEGIN, 0, batch, &[]),
            message(
                kind,
                NLM_F_CREATE | NLM_F_ACK,
                [family, 0, 0, 0],
                attributes,
            ),
            message(BATCH_END, 0, batch, &[]),
        ]
        .concat();
        let reply = Reply::to(SockProtocol::NetlinkNetFilter, &bytes).unwrap();
        let mut buffer = [0; 4096];
        let reply = reply.next(&mut buffer).unwrap().expect("a reply");
        let reply = NetlinkBuffer::new_checked(reply).unwrap();
        assert!(ended(reply.payload(), true).unwrap());
    }

    fn name(text: &str) -> Vec<u8> {
        [text.as_bytes(), &[0]].concat()
    }

    fn table(family: u8, table: &str, flags: u32) {
        let flags = nla(TABLE_FLAGS, &flags.to_be_bytes());
        change(NEW_TABLE, family, &[nla(TABLE_NAME, &name(table)), flags]);
    }

    fn chain(family: u8, table: &str, chain: &str, kind: &str, hook: u32, policy: u32) {
        let hook = [
            nla(HOOK_NUMBER, &hook.to_be_bytes()),
            nla(2, &0u32.to_be_bytes()),
        ];
        let attributes = [
            nla(CHAIN_TABLE, &name(table)),
            nla(CHAIN_NAME, &name(chain)),
            nla(CHAIN_HOOK | libc::NLA_F_NESTED as u16, &hook.concat()),
            nla(CHAIN_POLICY, &policy.to_be_bytes()),
            nla(CHAIN_TYPE, &name(kind)),
        ];
        change(NEW_CHAIN, family, &attributes);
    }

    /// A rule that matches everything and does nothing.
    fn rule(family: u8, table: &str, chain: &str) {
        let attributes = [nla(1, &name(table)), nla(2, &name(chain))];
        change(NEW_RULE, family, &attributes);
    }

    #[test]
    fn a_chain_that_drops_is_told_with_its_table_and_policy() {
        in_namespace(async || {
            assert_eq!(note(), None);
            table(INET, "filter", 0);
            assert_eq!(note(), None);
            chain(INET, "filter", "input", "filter", INPUT, DROP);
            assert_eq!(
                note().unwrap(),
                "a packet filter is active (nft table inet filter, chain input, policy drop): if it does not accept \
                 udp and tcp port 5355, only the kernel path answers"
            );
        });
    }

    #[test]
    fn a_chain_that_accepts_counts_when_it_has_rules() {
        in_namespace(async || {
            for (family, word) in [(IP, "ip"), (IP6, "ip6"), (INET, "inet")] {
                table(family, "t", 0);
                chain(family, "t", "INPUT", "filter", INPUT, ACCEPT);
                let word = format!("nft table {word} t,");
                assert!(!note().is_some_and(|note| note.contains(&word)));
                rule(family, "t", "INPUT");
                let note = note().unwrap();
                assert!(
                    note.contains(&format!("{word} chain INPUT, policy accept")),
                    "{note}"
                );
            }
            let note = note().unwrap();
            assert!(note.starts_with("packet filters are active ("), "{note}");
            assert!(
                note.contains("): if one of them does not accept udp and tcp port 5355"),
                "{note}"
            );
        });
    }

    #[test]
    fn chains_that_cannot_drop_what_comes_in_do_not_count() {
        in_namespace(async || {
            table(INET, "t", 0);
            chain(INET, "t", "elsewhere", "filter", 3, DROP);
            chain(INET, "t", "before", "filter", PREROUTING, ACCEPT);
            chain(INET, "t", "nat", "nat", INPUT, ACCEPT);
            rule(INET, "t", "nat");
            // No base chain.
            let attributes = [
                nla(CHAIN_TABLE, &name("t")),
                nla(CHAIN_NAME, &name("input")),
            ];
            change(NEW_CHAIN, INET, &attributes);
            rule(INET, "t", "input");
            table(libc::NFPROTO_ARP as u8, "t", 0);
            chain(libc::NFPROTO_ARP as u8, "t", "input", "filter", 0, DROP);
            // Switched off.
            table(IP, "off", TABLE_DORMANT);
            chain(IP, "off", "input", "filter", INPUT, DROP);
            assert_eq!(note(), None);
            // Another family's table of that name is not.
            table(IP6, "off", 0);
            chain(IP6, "off", "input", "filter", INPUT, DROP);
            assert!(
                note()
                    .unwrap()
                    .contains("(nft table ip6 off, chain input, policy drop)")
            );
        });
    }

    #[test]
    fn many_filters_are_counted() {
        in_namespace(async || {
            table(INET, "t", 0);
            for number in 0..300 {
                chain(INET, "t", &format!("c{number:03}"), "filter", INPUT, DROP);
            }
            let note = note().unwrap();
            assert!(
                note.contains("chain c003, policy drop; 296 more)"),
                "{note}"
            );
        });
    }

    #[test]
    fn tables_of_iptables_are_told_from_their_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ip_tables_names");
        assert_eq!(legacy_filters("iptables", &file), Ok(vec![]));
        std::fs::write(&file, "").unwrap();
        assert_eq!(legacy_filters("iptables", &file), Ok(vec![]));
        std::fs::write(&file, "nat\nfilter\nraw\n").unwrap();
        let filters = legacy_filters("iptables", &file);
        assert_eq!(
            say([Ok(vec![]), filters, Ok(vec![])]).unwrap(),
            "packet filters are active (iptables table filter, its rules not read; iptables table raw, its rules not \
             read): if one of them does not accept udp and tcp port 5355, only the kernel path answers"
        );
        std::fs::write(&file, [0xff; 1000]).unwrap();
        assert_eq!(legacy_filters("iptables", &file).unwrap().len(), 1);
        let error = legacy_filters("iptables", folder.path()).unwrap_err();
        assert!(error.starts_with("iptables: "), "{error}");
    }

    #[test]
    fn what_could_not_be_read_is_told() {
        let denied = || Err("nftables: Operation not permitted (os error 1)".to_owned());
        assert_eq!(
            say([denied(), Ok(vec![]), Ok(vec![])]).unwrap(),
            "what packet filters are active cannot be read (nftables: Operation not permitted (os error 1)): if one \
             does not accept udp and tcp port 5355, only the kernel path answers"
        );
        let one = || Ok(vec!["iptables table filter".to_owned()]);
        assert_eq!(
            say([denied(), one(), Ok(vec![])]).unwrap(),
            "a packet filter is active (iptables table filter; not read: nftables: Operation not permitted (os error \
             1)): if it does not accept udp and tcp port 5355, only the kernel path answers"
        );
        assert_eq!(say([Ok(vec![]), Ok(vec![]), Ok(vec![])]), None);
    }

    proptest! {
        #[test]
        fn no_attributes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), family in any::<u8>()) {
            let _ = (dormant_table(family, &bytes), input_filter(INET, &bytes), ended(&bytes, true));
        }
    }
}
