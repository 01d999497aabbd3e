//! TXT records.

use super::*;

// RFC 6763 6.1: B3
#[test]
fn txt_record_has_at_least_one_byte() {
    let empty = Txt::from_wire(b"").unwrap();
    let record = unique(INSTANCE, 4500, Rdata::Txt(empty.clone()));
    let (rule, section, ..) = only(&[response(&[record])]);
    assert_eq!((rule, section), ("B3", "RFC 6763 6.1"));
    fine(&[response(&[txt(&[])])]);
    // What is no instance has no rules of DNS-SD.
    fine(&[response(&[unique("casa.local", 4500, Rdata::Txt(empty))])]);
}

// RFC 6763 6.2: B4
#[test]
fn txt_record_has_at_most_1300_bytes() {
    let string = |key: u8| [&[key, b'='][..], &[b'x'; 253]].concat();
    let strings: Vec<_> = (b'a'..=b'f').map(string).collect();
    let record = |count: usize| {
        let strings: Vec<_> = strings[..count].iter().map(Vec::as_slice).collect();
        response(&[txt_of(INSTANCE, &strings)])
    };
    fine(&[record(5)]);
    let told = told(&[record(6)]);
    assert_eq!(told, [("B4", INSTANCE.into())]);
}

// RFC 6763 6.4: B4
#[test]
fn keys_are_printable_ascii_and_short() {
    for (string, level) in [
        (&b"=value"[..], Level::Must),
        (b"k\x01y=1", Level::Must),
        ("größe=1".as_bytes(), Level::Must),
        (b"ten-letter=1", Level::Should),
        (b"ten-letter", Level::Should),
    ] {
        let (rule, section, told, text) = only(&[response(&[txt_of(INSTANCE, &[string])])]);
        assert_eq!(
            (rule, section, told),
            ("B4", "RFC 6763 6.4", level),
            "{text}"
        );
    }
    fine(&[response(&[txt_of(
        INSTANCE,
        &[b"nine-char=\xff\0", b"a b", b""],
    )])]);
}

// RFC 6763 6.4: B13
#[test]
fn keys_are_there_once() {
    let (rule, section, level, text) = only(&[response(&[txt(&["a=1", "b", "A=2"])])]);
    assert_eq!(
        (rule, section, level),
        ("B13", "RFC 6763 6.4", Level::Should)
    );
    assert_eq!(
        text,
        r#"the key of "A=2" is there twice, and only the first one counts"#
    );
}

// RFC 6763 6.3: B13
#[test]
fn attributes_do_not_repeat_the_srv_record() {
    let with = |string: &str| response(&[srv(80, "casa.local"), txt(&[string])]);
    for string in ["port=80", "Host=casa.local.", "hostname=CASA.local"] {
        let (rule, section, ..) = only(&[with(string)]);
        assert_eq!((rule, section), ("B13", "RFC 6763 6.3"));
    }
    for string in ["port=81", "port", "host=b.local"] {
        fine(&[with(string)]);
    }
}
