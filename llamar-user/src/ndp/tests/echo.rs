//! Echo requests and replies.

use super::*;
use crate::ndp::{Echo, Flaw};

fn request() -> Echo {
    Echo {
        source: ip("fe80::1"),
        destination: ip("ff02::1"),
        reply: false,
        identifier: 0x1234,
        sequence: 7,
        data: b"llamar".to_vec(),
    }
}

// RFC 4443 4.1
#[test]
fn an_echo_request_to_all_nodes_byte_for_byte() {
    let expected = b"\x33\x33\0\0\0\x01\x02\0\0\0\0\x01\x86\xdd\x60\0\0\0\0\x0e\x3a\xff\
        \xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
        \x80\0\x40\xaa\x12\x34\0\x07llamar";
    let sent = request().to_frame(mac(1), all_nodes(), None);
    assert_eq!(sent, expected);
    assert_eq!(seen(&sent).kind, 128);
}

// RFC 4443 4.2
#[test]
fn a_reply_goes_back_with_the_same_numbers_and_data() {
    let reply = request().answer(ip("fe80::2"));
    let expected = Echo {
        source: ip("fe80::2"),
        destination: ip("fe80::1"),
        reply: true,
        ..request()
    };
    assert_eq!(reply, expected);
}

// RFC 4443 2.3, 4.2
#[test]
fn damaged_echoes_are_discarded() {
    let bytes = request().to_bytes();
    for at in 8..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        let flaw = match at {
            40 => Flaw::Other,
            41 => Flaw::Code(4),
            _ => Flaw::Checksum,
        };
        assert_eq!(Echo::read(&damaged), Err(flaw), "{at}");
    }
    for length in 0..bytes.len() {
        assert_eq!(Echo::read(&bytes[..length]), Err(Flaw::Short));
    }
    let mut short = bytes.clone();
    short[5] = 7;
    assert_eq!(Echo::read(&short), Err(Flaw::Short));
    // Any hop limit does, and padding.
    let mut far = bytes;
    far[7] = 64;
    far.extend([0; 6]);
    assert_eq!(Echo::read(&far), Ok(request()));
}
