//! How a connection is closed (section 7).

use super::{client::play, *};

const NORMAL: [u8; 2] = [0x03, 0xe8];

/// The close is answered, and nothing else.
fn closes(name: &'static str, frames: &[(u8, &[u8])]) -> Case {
    Case::new(name, frames, &[], End::With(Some(1000)))
}

#[test]
fn a_close_is_answered_and_nothing_that_comes_after() {
    let close: (u8, &[u8]) = (CLOSE, &NORMAL);
    let said: (u8, &[u8]) = (TEXT, b"before");
    let ends = End::With(Some(1000));
    let long = vec![b'x'; 256 << 10];
    play(&[
        Case::new("7.1.1", &[said, close], &[said], ends),
        closes("7.1.2", &[close, close]),
        closes("7.1.3", &[close, (PING, b"")]),
        closes("7.1.4", &[close, (TEXT, b"after")]),
        closes("7.1.5", &[(BEGUN, b"be"), close, (REST, b"gun")]),
    ]);
    // Too long to be sent byte by byte.
    let server = begin("127.0.0.1:0");
    let mut client = Client::dial(server, "");
    client.send(TEXT, &long);
    client.send(CLOSE, &NORMAL);
    client.send(PING, b"7.1.6");
    assert_eq!(client.next(), Some((TEXT, long)));
    client.end(ends);
}

#[test]
fn what_a_close_says_has_a_form() {
    let with_reason = |reason: &[u8]| [&NORMAL[..], reason].concat();
    let (some, most, more) = (b"enough", [b'x'; 123], [b'x'; 124]);
    let wrong = b"not \xed\xa0\x80 UTF-8";
    play(&[
        Case::new("7.3.1", &[(CLOSE, b"")], &[], End::With(None)),
        Case::fails("7.3.2", &[(CLOSE, b"\x03")], PROTOCOL),
        closes("7.3.3", &[(CLOSE, &NORMAL)]),
        closes("7.3.4", &[(CLOSE, &with_reason(some))]),
        closes("7.3.5", &[(CLOSE, &with_reason(&most))]),
        Case::fails("7.3.6", &[(CLOSE, &with_reason(&more))], PROTOCOL),
        Case::fails("7.5.1", &[(CLOSE, &with_reason(wrong))], DATA),
    ]);
}

#[test]
fn a_code_that_may_be_sent_is_answered_by_itself() {
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011];
    let more = [1012, 1013, 1014, 3000, 3999, 4000, 4999];
    let case = |code: u16| Case::fails("7.7.1 to 7.7.13", &[(CLOSE, &code.to_be_bytes())], code);
    play(&codes.into_iter().chain(more).map(case).collect::<Vec<_>>());
}

#[test]
fn a_code_that_may_not_be_sent_is_against_the_protocol() {
    let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999];
    // Of 7.13, where the suite takes whatever is done.
    let beyond = [5000, 65_535];
    let case = |code: u16| Case::fails("7.9, 7.13", &[(CLOSE, &code.to_be_bytes())], PROTOCOL);
    play(
        &codes
            .into_iter()
            .chain(beyond)
            .map(case)
            .collect::<Vec<_>>(),
    );
}
