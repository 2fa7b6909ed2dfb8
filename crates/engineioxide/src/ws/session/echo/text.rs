//! Text is UTF-8 (section 6).

use super::{
    client::{framed, play},
    *,
};

/// Texts that are UTF-8: the first and the last code point of each length and beside each hole.
const VALID: [&[u8]; 19] = [
    "κόσμε".as_bytes(),
    "日本語, Ünïcödé, 🦀".as_bytes(),
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    b"\xef\xbf\xbe",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf0\x9f\xbf\xbe",
    b"\xf0\x9f\xbf\xbf",
    b"\xf3\xbf\xbf\xbf",
    b"\xf4\x8f\xbf\xbe",
    b"\xf4\x8f\xbf\xbf",
    b"\xf0\x9d\x84\x9e",
];

/// Those that are not.
const INVALID: [&[u8]; 30] = [
    // Half a surrogate, between characters that are fine.
    b"caf\xc3\xa9 \xed\xa0\x80 more",
    // Continuations of nothing.
    b"\x80",
    b"\xbf",
    b"\x80\xbf\x80\xbf",
    // Beginnings of nothing.
    b"\xc2 ",
    b"\xdf ",
    b"\xe0 ",
    b"\xef ",
    b"\xf0 ",
    b"\xf4 ",
    // Characters of which the end is missing.
    b"\xc2",
    b"\xe0\xa0",
    b"\xef\xbf",
    b"\xf0\x90\x80",
    b"\xf4\x8f\xbf",
    // Bytes that there are not.
    b"\xfe",
    b"\xff",
    b"\xfe\xfe\xff\xff",
    // Longer than they need to be.
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf0\x8f\xbf\xbf",
    // Surrogates, single and in pairs.
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
    // Beyond the last code point, of as many bytes and of more.
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
];

#[test]
fn text_without_anything_in_it_comes_back() {
    let whole: (u8, &[u8]) = (TEXT, b"text");
    let empty: (u8, &[u8]) = (TEXT, b"");
    let fragments = |middle| [(BEGUN, &b""[..]), (MORE, middle), (REST, &b""[..])];
    play(&[
        Case::echo("6.1.1", &[empty]),
        Case::new("6.1.2", &fragments(b""), &[empty], End::Closed),
        Case::new("6.1.3", &fragments(b"text"), &[whole], End::Closed),
    ]);
}

#[test]
fn text_that_is_utf_8_comes_back_however_it_was_cut() {
    let mut cases = Vec::new();
    for text in VALID {
        let whole: (u8, &[u8]) = (TEXT, text);
        cases.push(Case::echo("6.2.1 and of 6.5 to 6.23", &[whole]));
        for cut in 0..=text.len() {
            let halves = [(BEGUN, &text[..cut]), (REST, &text[cut..])];
            cases.push(Case::new("6.2.2", &halves, &[whole], End::Closed));
        }
        let mut bytes: Vec<_> = text.chunks(1).map(|byte| (MORE, byte)).collect();
        bytes[0].0 = BEGUN;
        bytes.push((REST, b""));
        cases.push(Case::new("6.2.3, 6.2.4", &bytes, &[whole], End::Closed));
    }
    play(&cases);
}

#[test]
fn text_that_is_not_utf_8_fails_the_connection() {
    let mut cases = Vec::new();
    for text in INVALID {
        let mut bytes: Vec<_> = text.chunks(1).map(|byte| (MORE, byte)).collect();
        bytes[0].0 = BEGUN;
        bytes.push((REST, b""));
        cases.push(Case::fails(
            "6.3.1 and of 6.6 to 6.23",
            &[(TEXT, text)],
            DATA,
        ));
        cases.push(Case::fails("6.3.2", &bytes, DATA));
        let after = [&b"fine "[..], text].concat();
        cases.push(Case::fails("of 6.6 to 6.23", &[(TEXT, &after)], DATA));
    }
    play(&cases);
}

/// What is wrong is said when its fragment is there, and not when the message is.
#[test]
fn text_is_looked_at_before_all_of_it_is_there() {
    let server = begin("127.0.0.1:0");
    for (fine, wrong) in [
        // 6.4.1: beyond the last code point.
        (&b"fine"[..], &b"\xf4\x90\x80\x80"[..]),
        // 6.4.2: it can be seen before the character is complete.
        (b"fine\xf4", b"\x90"),
    ] {
        let mut client = Client::dial(server, "");
        client.send(BEGUN, fine);
        client.send(MORE, wrong);
        client.end(End::With(Some(DATA)));
    }
}

/// 6.4.3 and 6.4.4: within one frame it is said at the end of that. The suite calls this non-strict.
#[test]
fn within_a_frame_text_is_looked_at_when_the_frame_is_there() {
    let server = begin("127.0.0.1:0");
    let frame = framed(TEXT, b"fine\xf4\x90\x80\x80fine");
    for cut in 6..frame.len() {
        let mut client = Client::dial(server, "");
        client.write(&frame[..cut]);
        thread::yield_now();
        client.write(&frame[cut..]);
        client.end(End::With(Some(DATA)));
    }
}
