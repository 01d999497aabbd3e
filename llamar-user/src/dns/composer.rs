//! Composing a response record by record, with as many as fit (RFC 4795 2.1.1, RFC 1035 4.2.1).

use llamar_common::wire::dns;

use super::Header;

/// A response being put together: header, the question as it was asked, and as many records as fit.
#[derive(Debug)]
pub struct Composer {
    header: Header,
    message: Vec<u8>,
    limit: usize,
}

impl Composer {
    /// A response of at most `limit` bytes, `kept` of which are for the additional section. `question` goes out byte
    /// by byte as it is given.
    pub fn new(id: u16, flags: u16, question: &[u8], limit: usize, kept: usize) -> Self {
        let header = Header {
            id,
            flags,
            questions: 1,
            answers: 0,
            authorities: 0,
            additionals: 0,
        };
        let mut message = Vec::with_capacity(limit.min(512));
        message.extend_from_slice(&header.bytes());
        message.extend_from_slice(question);
        Self {
            header,
            message,
            limit: limit.saturating_sub(kept),
        }
    }

    /// Adds a record to the answer section. What does not fit is left out, as is everything after it, and TC is set.
    pub fn answer(&mut self, record: &[u8]) {
        if self.take(record) {
            self.header.answers += 1;
        }
    }

    /// Adds a record to the authority section; see [`Composer::answer`].
    pub fn authority(&mut self, record: &[u8]) {
        if self.take(record) {
            self.header.authorities += 1;
        }
    }

    /// The message, with this record at its end, if there is one.
    pub fn finish(mut self, additional: Option<&[u8]>) -> Vec<u8> {
        if let Some(record) = additional {
            self.message.extend_from_slice(record);
            self.header.additionals = 1;
        }
        self.message[..dns::HEADER].copy_from_slice(&self.header.bytes());
        self.message
    }

    fn take(&mut self, record: &[u8]) -> bool {
        if self.message.len() + record.len() > self.limit {
            // RFC 4795 2.1.1, RFC 1035 4.2.1: what is longer than a datagram may be is cut.
            self.header.flags |= dns::TRUNCATED;
        }
        let fits = self.header.flags & dns::TRUNCATED == 0;
        if fits {
            self.message.extend_from_slice(record);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4795 2.1.1: R56
    #[test]
    fn composer_cuts_at_the_first_record_that_does_not_fit_and_keeps_room_for_the_last() {
        let composed = |limit, kept| {
            let mut composer = Composer::new(7, 0x8000, b"\0\0\x01\0\x01", limit, kept);
            [&b"first"[..], b"too long for it", b"x"]
                .iter()
                .for_each(|record| composer.answer(record));
            composer.authority(b"y");
            composer.finish((kept > 0).then_some(b"opt"))
        };
        assert_eq!(
            composed(39, 0),
            b"\0\x07\x80\0\0\x01\0\x03\0\x01\0\0\0\0\x01\0\x01firsttoo long for itxy"
        );
        assert_eq!(
            composed(38, 0),
            b"\0\x07\x82\0\0\x01\0\x03\0\0\0\0\0\0\x01\0\x01firsttoo long for itx"
        );
        assert_eq!(
            composed(36, 0),
            b"\0\x07\x82\0\0\x01\0\x01\0\0\0\0\0\0\x01\0\x01first"
        );
        assert_eq!(
            composed(39, 3),
            b"\0\x07\x82\0\0\x01\0\x01\0\0\0\x01\0\0\x01\0\x01firstopt"
        );
        assert_eq!(
            composed(0, 3),
            b"\0\x07\x82\0\0\x01\0\0\0\0\0\x01\0\0\x01\0\x01opt"
        );
    }
}
