//! Sizes of messages as they are reckoned and as they are.

use proptest::prelude::*;

use super::super::size::Size;
use super::bench::*;
use crate::dns::{Compression, Message, Name, Rdata, Record};

fn any_name() -> impl Strategy<Value = Name> {
    let label = prop::sample::select(vec!["a", "A", "bb", "local", "_tcp", "_http", "x y"]);
    let labels = prop::collection::vec(label, 0..5);
    labels
        .prop_map(|labels| Name::from_labels(labels.iter().map(|label| label.as_bytes())).unwrap())
}

fn any_record() -> impl Strategy<Value = Record> {
    (any_name(), any_name(), 0..5u8).prop_map(|(owner, other, form)| {
        let mut record = match form {
            0 => address("a", "10.0.0.1"),
            1 => ptr("a", 1, "a"),
            2 => srv("a", 1, "a"),
            3 => nsec("a", &[1, 28]),
            _ => txt("a", "path=/"),
        };
        match &mut record.data {
            Rdata::Ptr(name) => *name = other,
            Rdata::Srv(srv) => srv.target = other,
            Rdata::Nsec(nsec) => nsec.next = other,
            _ => {}
        }
        Record { owner, ..record }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // RFC 6762 17, 18.14: A36, A37
    #[test]
    fn message_is_as_long_as_it_was_reckoned(
        records in prop::collection::vec(any_record(), 0..12),
        asked in any_name(),
        refused in any_record(),
        multicast: bool,
    ) {
        let compression = if multicast { Compression::Multicast } else { Compression::Unicast };
        let mut message = Message::default();
        message.questions.push(crate::dns::Question { name: asked, kind: 1, class: 1 });
        message.answers = records;
        let length = message.write(compression).unwrap().len();
        let mut size = Size::new(compression);
        size.question(&message.questions[0]);
        let (front, back) = message.answers.split_at(message.answers.len() / 2);
        prop_assert!(size.take(front, length));
        // What did not fit leaves no trace.
        prop_assert!(!size.take([&refused], 12));
        prop_assert!(back.is_empty() || !size.take(back, length - 1));
        prop_assert!(size.take(back, length));
        let probe = Message { authorities: std::mem::take(&mut message.answers), ..message };
        let mut size = Size::new(compression);
        prop_assert!(!size.probe(&probe.questions[0], &probe.authorities, length - 1));
        prop_assert!(size.probe(&probe.questions[0], &probe.authorities, length));
    }
}
