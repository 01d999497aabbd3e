//! Any bytes and any messages.

use proptest::prelude::*;

use super::*;
use crate::ether::Tag;
use crate::ndp::Echo;

fn address() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from_bits)
}

fn unicast() -> impl Strategy<Value = Ipv6Addr> {
    address().prop_filter("unicast", |address| {
        !address.is_multicast() && !address.is_unspecified()
    })
}

fn hardware() -> impl Strategy<Value = Option<MacAddr>> {
    any::<Option<[u8; 6]>>().prop_map(|mac| mac.map(MacAddr))
}

prop_compose! {
    fn solicitations()(
        (source, target) in (unicast(), unicast()),
        direct in any::<bool>(),
        source_mac in hardware(),
        nonce in any::<Option<[u8; 6]>>(),
    ) -> Packet {
        let group = Ipv6Addr::from(solicited_node(target.octets()));
        Packet {
            source,
            destination: if direct { target } else { group },
            message: Message::Solicitation(Solicitation {
                target,
                source_mac,
                nonce: nonce.map(|nonce| nonce.to_vec()),
            }),
        }
    }
}

prop_compose! {
    fn advertisements()(
        (source, destination, target) in (unicast(), unicast(), unicast()),
        (router, solicited, overriding) in any::<(bool, bool, bool)>(),
        target_mac in hardware(),
    ) -> Packet {
        let advertisement = Advertisement { target, router, solicited, overriding, target_mac };
        Packet { source, destination, message: Message::Advertisement(advertisement) }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_etherparse_agrees(
        packet in prop_oneof![solicitations(), advertisements()],
        vlan in any::<Option<u16>>(),
    ) {
        let tag = vlan.map(Tag::vlan);
        let to = packet.group().unwrap_or(mac(9));
        let bytes = packet.to_frame(mac(1), to, tag);
        let frame = Frame::read(&bytes).unwrap();
        prop_assert_eq!(Packet::read(frame.payload), Ok(packet.clone()));
        let seen = seen(&bytes);
        let mut options = Vec::new();
        let mut option = |kind: u8, value: Option<&[u8]>| {
            options.extend(value.map(|value| (kind, value.to_vec())));
        };
        let (target, flags) = match &packet.message {
            Message::Solicitation(solicitation) => {
                option(1, solicitation.source_mac.as_ref().map(|mac| mac.0.as_slice()));
                option(14, solicitation.nonce.as_deref());
                (solicitation.target, None)
            }
            Message::Advertisement(told) => {
                option(2, told.target_mac.as_ref().map(|mac| mac.0.as_slice()));
                (told.target, Some([told.router, told.solicited, told.overriding]))
            }
        };
        let expected = Seen {
            ether: (mac(1), to),
            vlan: tag.map(Tag::id),
            source: packet.source,
            destination: packet.destination,
            kind: if flags.is_some() { 136 } else { 135 },
            flags,
            target: Some(target),
            options,
        };
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Packet::read(&bytes);
        let _ = Echo::read(&bytes);
        let _ = port(1).hear(&bytes);
    }

    #[test]
    fn damaged_messages_are_discarded_or_read_as_what_they_say(
        packet in prop_oneof![solicitations(), advertisements()],
        (at, with) in (any::<prop::sample::Index>(), any::<u8>()),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = packet.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        // What is valid nonetheless is what etherparse sees in it.
        if let Ok(read) = Packet::read(&bytes) {
            let frame = frame(1, 9, &read);
            let target = match &read.message {
                Message::Solicitation(solicitation) => solicitation.target,
                Message::Advertisement(advertisement) => advertisement.target,
            };
            prop_assert_eq!(seen(&frame).target, Some(target));
        }
        let cut = cut.index(bytes.len());
        prop_assert!(Packet::read(&bytes[..cut]).is_err());
    }

    #[test]
    fn echoes_are_read_as_they_were_written(
        (source, destination) in (unicast(), address()),
        reply in any::<bool>(),
        (identifier, sequence) in any::<(u16, u16)>(),
        data in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let echo = Echo { source, destination, reply, identifier, sequence, data };
        prop_assert_eq!(Echo::read(&echo.to_bytes()), Ok(echo.clone()));
        let seen = seen(&echo.to_frame(mac(1), mac(2), None));
        prop_assert_eq!(seen.kind, if reply { 129 } else { 128 });
        let answer = echo.answer(source);
        prop_assert!(answer.reply && answer.destination == source);
    }
}
