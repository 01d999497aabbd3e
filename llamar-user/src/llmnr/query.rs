//! What a responder reads in a query (RFC 4795 2.1.1, 2.9; RFC 6891 6, 7).

use llamar_common::wire::dns;

use super::Ignored;
use crate::dns::{Header, Opt, Question, RawRecord};

/// Type TSIG (RFC 8945 4.2).
const TSIG: u16 = 250;
/// Type SIG (RFC 2931 3); it is SIG(0), a pseudo-record, if it covers type 0.
const SIG: u16 = 24;

/// A query, as far as a responder heeds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The id, for the response.
    pub id: u16,
    /// What is asked.
    pub question: Question,
    /// The question's bytes, to be echoed.
    pub echo: &'a [u8],
    /// The additional section.
    pub additional: Additional,
}

/// What an additional section asks of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Additional {
    /// The asker's UDP payload size if it sent an OPT record, and so gets one; 0 if that record is broken.
    pub edns: Option<u16>,
    /// An error that the response has to tell of.
    pub error: Option<Error>,
}

/// An error in a query, as a TCP response would name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// RCODE 1.
    Format,
    /// Extended RCODE 16: a version of EDNS above 0.
    Version,
}

impl<'a> Query<'a> {
    /// The query that a message is; why it is silently discarded otherwise.
    pub fn read(message: &'a [u8]) -> Result<Self, Ignored> {
        let header = Header::read(message).ok_or(Ignored::Header)?;
        // RFC 4795 2.1.1: QR set is a response, unsupported OPCODEs are discarded, C is never responded to. TC, T, Z
        // and RCODE are ignored.
        if header.flags & dns::RESPONSE != 0 {
            return Err(Ignored::Response);
        }
        if header.flags & dns::OPCODE != 0 {
            return Err(Ignored::Opcode);
        }
        if header.flags & dns::CONFLICT != 0 {
            return Err(Ignored::Conflict);
        }
        // RFC 4795 2.1.1: QDCOUNT not one, ANCOUNT or NSCOUNT not zero: silently discarded.
        if (header.questions, header.answers, header.authorities) != (1, 0, 0) {
            return Err(Ignored::Counts);
        }
        let (question, end) = Question::read(message, dns::HEADER).ok_or(Ignored::Question)?;
        let additional = Additional::read(message, end, header.additionals);
        Ok(Self {
            id: header.id,
            question,
            echo: &message[dns::HEADER..end],
            additional,
        })
    }
}

impl Additional {
    /// What `count` records at `offset` of a message ask.
    fn read(message: &[u8], mut offset: usize, count: u16) -> Self {
        let mut opts = 0;
        let mut seen = Self::default();
        for left in (0..count).rev() {
            let record = match RawRecord::read(message, offset) {
                Ok((record, end)) => {
                    offset = end;
                    record
                }
                // RFC 6891 7: also a broken OPT is responded to with one.
                Err(cut) if cut.kind == Some(dns::OPT) => return seen.broken(Some(0)),
                Err(_) => return seen.broken(seen.edns),
            };
            match record.kind {
                dns::OPT => {
                    opts += 1;
                    seen = match Opt::read(&record) {
                        // RFC 6891 6.1.1: two OPT records are a format error.
                        Some(opt) if opts == 1 => seen.with(opt),
                        _ => seen.broken(Some(0)),
                    };
                }
                // RFC 4795 2.1.1: a TSIG record in an unacceptable position, which is any but the last (RFC 8945 5.1),
                // is a format error.
                TSIG if left > 0 => seen = seen.broken(seen.edns),
                // RFC 4795 5.3: not supported; a response without a signature tells the asker.
                TSIG => {}
                SIG if record.data.starts_with(&[0, 0]) => {}
                // RFC 4795 2.9: a section that holds anything but pseudo-records is ignored, all of it.
                _ => return Self::default(),
            }
        }
        seen
    }

    fn with(self, opt: Opt) -> Self {
        // RFC 6891 6.1.3: a version that is not implemented here is BADVERS.
        let error = self.error.or((opt.version > 0).then_some(Error::Version));
        Self {
            edns: Some(opt.payload),
            error,
        }
    }

    fn broken(self, edns: Option<u16>) -> Self {
        Self {
            edns,
            error: Some(Error::Format),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A query for `casa` with these records behind the question.
    fn with(count: u16, records: &[u8]) -> Vec<u8> {
        let mut message = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x04casa\0\0\x01\0\x01".to_vec();
        message[10..12].copy_from_slice(&count.to_be_bytes());
        message.extend_from_slice(records);
        message
    }

    fn additional(count: u16, records: &[&[u8]]) -> Additional {
        Query::read(&with(count, &records.concat()))
            .unwrap()
            .additional
    }

    const OPT: &[u8] = b"\0\0\x29\x05\x78\0\0\x80\0\0\x06\0\x0a\0\x02xy";
    const OPT_CUT_OPTION: &[u8] = b"\0\0\x29\x05\x78\0\0\0\0\0\x02\0\x0a";
    const OPT_V1: &[u8] = b"\0\0\x29\x05\x78\0\x01\0\0\0\0";
    const FOREIGN_A: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02\x01";
    const TSIG: &[u8] = b"\x03key\0\0\xfa\0\xff\0\0\0\0\0\x02xy";
    const SIG0: &[u8] = b"\0\0\x18\0\xff\0\0\0\0\0\x03\0\0x";
    const SIG_OF_A: &[u8] = b"\0\0\x18\0\xff\0\0\0\0\0\x03\0\x01x";
    const NOTHING: Additional = Additional {
        edns: None,
        error: None,
    };

    #[test]
    fn query_is_its_id_and_its_question() {
        let message = with(0, b"");
        let query = Query::read(&message).unwrap();
        assert_eq!(
            (query.id, query.echo),
            (0x1234, &b"\x04casa\0\0\x01\0\x01"[..])
        );
        assert_eq!((query.question.kind, query.question.class), (1, 1));
        assert_eq!(query.additional, NOTHING);
    }

    #[test]
    fn message_without_a_whole_header_and_question_is_malformed() {
        let message = with(0, b"");
        for length in 0..dns::HEADER {
            assert_eq!(Query::read(&message[..length]), Err(Ignored::Header));
        }
        for length in dns::HEADER..message.len() {
            assert_eq!(Query::read(&message[..length]), Err(Ignored::Question));
        }
    }

    // RFC 4795 2.1.1: R14, R15, R17
    #[test]
    fn responses_other_opcodes_and_conflict_notes_are_discarded() {
        let read = |flags: u16| {
            let mut message = with(0, b"");
            message[2..4].copy_from_slice(&flags.to_be_bytes());
            Query::read(&message).err()
        };
        assert_eq!(read(0x8000), Some(Ignored::Response));
        assert_eq!(read(0x8500), Some(Ignored::Response));
        for opcode in 1..16 {
            assert_eq!(read(opcode << 11), Some(Ignored::Opcode));
        }
        assert_eq!(read(0x0400), Some(Ignored::Conflict));
        assert_eq!(read(0x07ff), Some(Ignored::Conflict));
    }

    // RFC 4795 2.1.1: R18, R19, R20, R21
    #[test]
    fn other_flags_of_a_query_are_ignored() {
        let plain = with(0, b"");
        for flags in 0..=0x03ff_u16 {
            let mut message = plain.clone();
            message[2..4].copy_from_slice(&flags.to_be_bytes());
            assert_eq!(Query::read(&message), Query::read(&plain));
        }
    }

    // RFC 4795 2.1.1: R23
    #[test]
    fn counts_other_than_one_question_are_discarded() {
        for (at, count) in [
            (4, 0),
            (4, 2),
            (4, 0x0101),
            (6, 1),
            (6, 0x0100),
            (8, 1),
            (8, 0xffff),
        ] {
            let mut message = with(0, b"");
            message[at..at + 2].copy_from_slice(&u16::to_be_bytes(count));
            assert_eq!(Query::read(&message), Err(Ignored::Counts));
        }
    }

    // RFC 1035 3.1, 4.1.4: R65
    #[test]
    fn questions_with_broken_names_are_discarded() {
        for name in [
            &b"\x40aaaaaaaaaaaa"[..],
            b"\x80aaaaaaaaaaaa",
            b"\xc0\x0c\0\x01\0\x01",
            b"\xc0\x04\0\x01\0\x01",
        ] {
            let mut message = with(0, b"");
            message.truncate(dns::HEADER);
            message.extend_from_slice(name);
            assert_eq!(Query::read(&message), Err(Ignored::Question), "{name:x?}");
        }
    }

    // RFC 6891 6.1.1, 6.1.3: R25
    #[test]
    fn opt_record_tells_the_askers_size_and_version() {
        assert_eq!(
            additional(1, &[OPT]),
            Additional {
                edns: Some(1400),
                error: None
            }
        );
        assert_eq!(
            additional(1, &[OPT_V1]),
            Additional {
                edns: Some(1400),
                error: Some(Error::Version)
            }
        );
        assert_eq!(additional(0, &[OPT]), NOTHING);
    }

    // RFC 4795 2.9: R24
    #[test]
    fn section_with_any_other_record_is_ignored_whole() {
        for records in [
            &[FOREIGN_A, OPT][..],
            &[OPT, FOREIGN_A],
            &[OPT_V1, FOREIGN_A],
            &[OPT_CUT_OPTION, FOREIGN_A],
            &[OPT, OPT, FOREIGN_A],
            &[FOREIGN_A, &OPT[..9]],
            &[OPT, SIG_OF_A],
        ] {
            assert_eq!(additional(records.len() as u16, records), NOTHING);
        }
    }

    // RFC 4795 2.9, 5.3: R24, R59
    #[test]
    fn signatures_are_pseudo_records_and_do_not_hide_the_opt_record() {
        assert_eq!(
            additional(2, &[OPT, TSIG]),
            Additional {
                edns: Some(1400),
                error: None
            }
        );
        assert_eq!(
            additional(2, &[SIG0, OPT]),
            Additional {
                edns: Some(1400),
                error: None
            }
        );
        assert_eq!(additional(1, &[TSIG]), NOTHING);
    }

    // RFC 4795 2.1.1, RFC 8945 5.1: R59
    #[test]
    fn signature_that_is_not_the_last_record_is_a_format_error() {
        let error = Some(Error::Format);
        let edns = Some(1400);
        assert_eq!(additional(2, &[TSIG, OPT]), Additional { edns, error });
        assert_eq!(
            additional(3, &[OPT, TSIG, TSIG]),
            Additional { edns, error }
        );
        assert_eq!(
            additional(2, &[TSIG, TSIG]),
            Additional { edns: None, error }
        );
        assert_eq!(additional(2, &[TSIG, OPT_V1]), Additional { edns, error });
        assert_eq!(additional(2, &[TSIG, FOREIGN_A]), NOTHING);
    }

    // RFC 6891 6.1.1, 7: R58
    #[test]
    fn two_or_broken_opt_records_are_a_format_error_and_get_one_back() {
        let error = Additional {
            edns: Some(0),
            error: Some(Error::Format),
        };
        assert_eq!(additional(2, &[OPT, OPT]), error);
        assert_eq!(additional(2, &[OPT_V1, OPT]), error);
        assert_eq!(additional(2, &[OPT_CUT_OPTION, OPT]), error);
        assert_eq!(additional(1, &[OPT_CUT_OPTION]), error);
        assert_eq!(additional(1, &[&OPT[..OPT.len() - 1]]), error);
        assert_eq!(additional(1, &[&OPT[..3]]), error);
    }

    // RFC 4795 2.1.1: R26
    #[test]
    fn section_that_is_cut_off_is_a_format_error() {
        let format = Some(Error::Format);
        assert_eq!(
            additional(1, &[]),
            Additional {
                edns: None,
                error: format
            }
        );
        assert_eq!(
            additional(2, &[TSIG]),
            Additional {
                edns: None,
                error: format
            }
        );
        assert_eq!(
            additional(2, &[OPT]),
            Additional {
                edns: Some(1400),
                error: format
            }
        );
        assert_eq!(
            additional(1, &[&FOREIGN_A[..12]]),
            Additional {
                edns: None,
                error: format
            }
        );
        assert_eq!(
            additional(65535, &[OPT, b"\xc0\xff"]),
            Additional {
                edns: Some(1400),
                error: format
            }
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_query_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Query::read(&bytes);
        }

        #[test]
        fn any_section_is_read(count in any::<u16>(), records in prop::collection::vec(any::<u8>(), 0..200)) {
            let message = with(count, &records);
            let query = Query::read(&message).unwrap();
            prop_assert_eq!(query.echo, b"\x04casa\0\0\x01\0\x01");
            prop_assert!(count != 0 || query.additional == NOTHING);
        }

        #[test]
        fn mixtures_of_records_are_read(
            count in 0..6u16,
            records in prop::collection::vec(prop::sample::select(vec![OPT, OPT_V1, OPT_CUT_OPTION, FOREIGN_A, TSIG, SIG0]), 0..5),
        ) {
            let seen = additional(count, &records);
            let counted = records.iter().take(count.into());
            let cut = usize::from(count) > records.len();
            if counted.clone().any(|&record| record == FOREIGN_A) {
                prop_assert_eq!(seen, NOTHING);
            } else {
                let before = usize::from(count.saturating_sub(1));
                let misplaced = counted.clone().take(before).any(|&record| record == TSIG);
                let opts = counted.filter(|record| record[..3] == *b"\0\0\x29").count();
                prop_assert_eq!(seen.edns.is_some(), opts > 0);
                prop_assert!(!(cut || opts > 1 || misplaced) || seen.error == Some(Error::Format));
            }
        }
    }
}
