use proptest::{collection::vec, prelude::*};

use super::{Version::*, *};
use crate::testing::cases;

/// Bytes of the longest slice that there can be.
const LONGEST: usize = isize::MAX as usize;

/// What is read of a body; packets in the form of [`Debug`].
fn read(version: Version, body: &[u8], binary: bool) -> (Vec<String>, Result<(), Malformed>) {
    let mut packets = Vec::new();
    let read = decode(version, body, binary, &mut |packet| {
        packets.push(format!("{packet:?}"));
        ControlFlow::Continue(())
    });
    (packets, read.map(|rest| assert_eq!(rest, None)))
}

fn packets(version: Version, body: &str) -> Vec<String> {
    let (packets, read) = read(version, body.as_bytes(), false);
    assert_eq!(read, Ok(()), "{body:?}");
    packets
}

fn wrong(version: Version, body: &str) -> &'static str {
    read(version, body.as_bytes(), false).1.unwrap_err().0
}

fn wrong_binary(body: &[u8]) -> &'static str {
    read(V3, body, true).1.unwrap_err().0
}

#[test]
fn every_type_of_packet_is_read() {
    let of = |packet| parse_text_packet(V4, packet).unwrap();
    assert_eq!(of("1"), Packet::Close);
    assert_eq!(of("2probe"), Packet::Ping("probe"));
    assert_eq!(of("3"), Packet::Pong(""));
    assert_eq!(of("42[\"é\"]"), Packet::Message("2[\"é\"]"));
    assert_eq!(of("4"), Packet::Message(""));
    assert_eq!(of("5"), Packet::Upgrade);
    assert_eq!(of("6"), Packet::Noop);
    assert_eq!(of("bAAEC"), Packet::Binary(vec![0, 1, 2]));
}

#[test]
fn clients_do_not_open_and_other_types_are_unknown() {
    for version in [V3, V4] {
        let of = |packet| parse_text_packet(version, packet).unwrap_err().0;
        assert_eq!(of(""), "empty packet");
        assert_eq!(of("0{}"), "open from a client");
        for packet in ["7", "a", "é", "\0", " 4"] {
            assert_eq!(of(packet), "unknown type");
        }
    }
}

#[test]
fn base64_has_padding_or_not_and_a_type_in_version_3() {
    let binary = |version, packet| parse_text_packet(version, packet);
    for packet in ["bAAE=", "bAAE"] {
        assert_eq!(binary(V4, packet), Ok(Packet::Binary(vec![0, 1])));
    }
    assert_eq!(binary(V4, "b"), Ok(Packet::Binary(vec![])));
    assert_eq!(binary(V3, "b4AAE="), Ok(Packet::Binary(vec![0, 1])));
    assert_eq!(binary(V3, "b4"), Ok(Packet::Binary(vec![])));
    for packet in ["bA", "bAA E", "b-_-_", "bAAE=AAE=", "bé"] {
        assert_eq!(binary(V4, packet), Err(Malformed("not Base64")));
    }
    let other = Err(Malformed("binary data that is no message"));
    assert_eq!(binary(V3, "b2AAE="), other);
    assert_eq!(binary(V3, "b"), other);
}

#[test]
fn binary_frames_have_a_type_in_version_3() {
    assert_eq!(parse_binary_packet(V4, &[4, 5]), Ok(&[4, 5][..]));
    assert_eq!(parse_binary_packet(V3, &[4, 5]), Ok(&[5][..]));
    assert!(parse_binary_packet(V3, &[5]).is_err());
    assert!(parse_binary_packet(V3, &[]).is_err());
    for version in [V3, V4] {
        let frame = [binary_prefix(version), b"data"].concat();
        assert_eq!(parse_binary_packet(version, &frame), Ok(&b"data"[..]));
    }
}

#[test]
fn packets_of_version_4_are_separated() {
    assert_eq!(packets(V4, "4hello"), [r#"Message("hello")"#]);
    assert_eq!(
        packets(V4, "4é\u{1e}2\u{1e}bAQ=="),
        [r#"Message("é")"#, r#"Ping("")"#, "Binary([1])"]
    );
}

#[test]
fn a_body_of_version_4_without_a_packet_somewhere_is_malformed() {
    for body in ["", "\u{1e}", "4a\u{1e}", "\u{1e}4a", "4a\u{1e}\u{1e}4b"] {
        assert_eq!(wrong(V4, body), "empty packet");
    }
    assert_eq!(read(V4, b"4\xff", false).1, Err(Malformed("not UTF-8")));
    assert_eq!(
        read(V4, b"4a", true).1,
        Err(Malformed("binary content type"))
    );
}

#[test]
fn lengths_of_version_3_are_in_utf_16_code_units() {
    assert_eq!(
        packets(V3, "6:4hello2:4€1:2"),
        [r#"Message("hello")"#, r#"Message("€")"#, r#"Ping("")"#]
    );
    assert_eq!(
        packets(V3, "3:4\u{1f600}2:4:"),
        [r#"Message("😀")"#, r#"Message(":")"#]
    );
    assert_eq!(packets(V3, "6:b4AQ=="), ["Binary([1])"]);
    assert_eq!(wrong(V3, "2:4\u{1f600}"), "wrong length");
}

#[test]
fn a_body_of_version_3_has_lengths_that_are_true() {
    for body in ["3:4a", "18446744073709551615:4a"] {
        assert_eq!(wrong(V3, body), "wrong length");
    }
    for body in ["", "4a", "2:4a2"] {
        assert_eq!(wrong(V3, body), "no length");
    }
    for body in [":4a", "x:4a", "-1:4a", "+2:4a", "99999999999999999999:4a"] {
        assert_eq!(wrong(V3, body), "length that is no number");
    }
    assert_eq!(wrong(V3, "0:"), "empty packet");
    assert_eq!(wrong(V3, "1:4a"), "no length");
}

#[test]
fn a_binary_body_of_version_3_has_text_and_binary_data() {
    let body = [
        &[0, 3, 0xff][..],
        "4é".as_bytes(),
        &[1, 1, 2, 0xff, 4, 0xff, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        &[0, 1, 0xff, b'2'],
    ];
    let expected = [
        r#"Message("é")"#,
        "Binary([255, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])",
        r#"Ping("")"#,
    ];
    let (packets, read) = read(V3, &body.concat(), true);
    assert_eq!(read, Ok(()));
    assert_eq!(packets, expected);
}

#[test]
fn a_binary_body_of_version_3_is_refused_where_it_is_wrong() {
    assert_eq!(wrong_binary(&[]), "no packet");
    assert_eq!(wrong_binary(&[0]), "no length");
    assert_eq!(wrong_binary(&[0, 1]), "no length");
    assert_eq!(wrong_binary(&[0, 0xff]), "length that is no number");
    assert_eq!(
        wrong_binary(&[0, b'1', 0xff, b'2']),
        "length that is no number"
    );
    assert_eq!(
        wrong_binary(&[0, 10, 0xff, b'2']),
        "length that is no number"
    );
    assert_eq!(wrong_binary(&[0, 2, 0xff, b'2']), "wrong length");
    assert_eq!(wrong_binary(&[0, 0, 0xff]), "empty packet");
    assert_eq!(wrong_binary(&[2, 1, 0xff, b'2']), "neither text nor binary");
    assert_eq!(
        wrong_binary(&[1, 1, 0xff, 5]),
        "binary data that is no message"
    );
    assert_eq!(wrong_binary(&[0, 2, 0xff, b'4', 0xff]), "not UTF-8");
}

#[test]
fn no_more_is_read_than_is_wanted() {
    let binary: &[u8] = &[0, 1, 0xff, b'1', 9];
    let bodies = [
        (V4, "1\u{1e}?".as_bytes(), false, Some(2)),
        (V4, "1\u{1e}".as_bytes(), false, Some(2)),
        (V4, b"1", false, None),
        (V3, b"1:1?", false, Some(3)),
        (V3, b"1:1", false, None),
        (V3, binary, true, Some(4)),
    ];
    for (version, body, binary, rest) in bodies {
        let mut count = 0;
        let read = decode(version, body, binary, &mut |_| {
            count += 1;
            ControlFlow::Break(())
        });
        assert_eq!((count, read), (1, Ok(rest)));
    }
}

#[test]
fn the_bodies_of_the_documents_are_written() {
    let written = |version| {
        let mut body = Body::new(version, 100);
        body.push_text("4hello");
        body.push_text("4€");
        body.push_binary(&[1, 2, 3, 4]);
        String::from_utf8(body.finish()).unwrap()
    };
    assert_eq!(written(V4), "4hello\u{1e}4€\u{1e}bAQIDBA==");
    assert_eq!(written(V3), "6:4hello2:4€10:b4AQIDBA==");
}

#[test]
fn one_packet_fits_however_long_and_others_up_to_the_limit() {
    let mut body = Body::new(V4, 10);
    assert!(body.is_empty() && body.fits(1000, false) && body.fits(LONGEST, true));
    body.push_text("4ab");
    assert!(body.fits(6, false) && !body.fits(7, false));
    assert!(body.fits(3, true) && !body.fits(4, true));
    assert!(!body.fits(LONGEST, false) && !body.fits(LONGEST, true));
    let mut body = Body::new(V4, 8);
    body.push_text("4ab");
    assert!(body.fits(0, true) && !body.fits(1, true));
    let mut body = Body::new(V3, 20);
    body.push_text("4ab");
    assert!(body.fits(12, false) && !body.fits(13, false));
    assert!(body.fits(6, true) && !body.fits(7, true));
}

/// A packet that the server may send and a client too.
#[derive(Clone, Debug)]
enum Sent {
    Text(String),
    Binary(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        "[\u{20}-\u{7e}é€😀]{0,20}".prop_map(Sent::Text),
        vec(any::<u8>(), 0..200).prop_map(Sent::Binary),
    ]
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(V3), Just(V4)]
}

/// A body as clients of version 3 write it into `application/octet-stream`.
fn binary_body(all: &[Sent]) -> Vec<u8> {
    let mut body = Vec::new();
    for sent in all {
        let (kind, packet) = match sent {
            Sent::Text(text) => (0, [b"4", text.as_bytes()].concat()),
            Sent::Binary(bytes) => (1, [&[4], &bytes[..]].concat()),
        };
        body.push(kind);
        body.extend(packet.len().to_string().bytes().map(|digit| digit - b'0'));
        body.push(0xff);
        body.extend(packet);
    }
    body
}

fn shown(sent: &Sent) -> String {
    match sent {
        Sent::Text(text) => format!("{:?}", Packet::Message(text)),
        Sent::Binary(bytes) => format!("{:?}", Packet::Binary(bytes.clone())),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_written_is_read_and_as_long_as_it_may_be(
        all in vec(sent(), 1..10),
        version in version(),
        max in 0..500_usize,
    ) {
        let push = |body: &mut Body, sent: &Sent| match sent {
            Sent::Text(text) => body.push_text(&format!("4{text}")),
            Sent::Binary(bytes) => body.push_binary(bytes),
        };
        let fits = |body: &Body, sent: &Sent| match sent {
            Sent::Text(text) => body.fits(text.len() + 1, false),
            Sent::Binary(bytes) => body.fits(bytes.len(), true),
        };
        let mut body = Body::new(version, max);
        let mut all = all.iter().peekable();
        let mut pushed = Vec::new();
        while let Some(sent) = all.next_if(|sent| fits(&body, sent)) {
            push(&mut body, sent);
            pushed.push(shown(sent));
        }
        let written = body.clone().finish();
        prop_assert!(pushed.len() == 1 || written.len() <= max);
        prop_assert_eq!(read(version, &written, false), (pushed, Ok(())));
        if let Some(next) = all.next() {
            push(&mut body, next);
            // Characters may make the length in version 3 a digit shorter than it was taken for.
            prop_assert!(body.finish().len() + usize::from(version == V3) > max);
        }
    }

    #[test]
    fn binary_bodies_are_read(all in vec(sent(), 1..10)) {
        let shown: Vec<_> = all.iter().map(shown).collect();
        prop_assert_eq!(read(V3, &binary_body(&all), true), (shown, Ok(())));
    }

    #[test]
    fn nothing_makes_it_panic(
        bytes in vec(any::<u8>(), 0..60),
        text in "[0-6b:\u{1e}é😀]{0,20}",
        digits in vec(prop_oneof![0..10_u8, Just(0xff), Just(b'4')], 0..20),
        version in version(),
        binary in any::<bool>(),
    ) {
        for body in [&bytes, text.as_bytes(), &digits] {
            read(version, body, binary).1.ok();
            parse_binary_packet(version, body).ok();
        }
    }
}
