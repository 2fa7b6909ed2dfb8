//! Messages in fragments (section 5).

use super::{client::play, *};

#[test]
fn messages_are_put_together_whatever_is_between_their_fragments() {
    let echoed = |name, frames: &[(u8, &[u8])], answers: &[(u8, &[u8])]| {
        Case::new(name, frames, answers, End::Closed)
    };
    let ping: (u8, &[u8]) = (PING, b"ping");
    let pong: (u8, &[u8]) = (PONG, b"ping");
    let whole: (u8, &[u8]) = (TEXT, b"onetwo");
    play(&[
        echoed(
            "5.3, 5.4, 5.5",
            &[(BEGUN, b"one"), (REST, b"two")],
            &[whole],
        ),
        echoed(
            "5.3, 5.4, 5.5, binary",
            &[(BEGUN_BINARY, b"\xff"), (REST, b"\xfe")],
            &[(BINARY, b"\xff\xfe")],
        ),
        echoed(
            "5.6, 5.7, 5.8",
            &[(BEGUN, b"one"), ping, (REST, b"two")],
            &[pong, whole],
        ),
        echoed(
            "5.19, 5.20",
            &[
                (BEGUN, b"o"),
                (MORE, b"n"),
                ping,
                (MORE, b"e"),
                (MORE, b"t"),
                ping,
                (REST, b"wo"),
            ],
            &[pong, pong, whole],
        ),
        echoed(
            "empty ones",
            &[(BEGUN, b""), (MORE, b""), (REST, b"")],
            &[(TEXT, b"")],
        ),
    ]);
}

#[test]
fn control_frames_come_in_one_piece() {
    play(&[
        Case::fails("5.1", &[(0x09, b"one"), (REST, b"two")], PROTOCOL),
        Case::fails("5.2", &[(0x0a, b"one"), (REST, b"two")], PROTOCOL),
    ]);
}

#[test]
fn nothing_is_continued_that_was_not_begun() {
    let whole: (u8, &[u8]) = (TEXT, b"whole");
    play(&[
        Case::fails("5.9, 5.10, 5.11", &[(REST, b"stray"), whole], PROTOCOL),
        Case::fails("5.12, 5.13, 5.14", &[(MORE, b"stray"), whole], PROTOCOL),
        Case::new(
            "5.15",
            &[(BEGUN, b"who"), (REST, b"le"), (MORE, b"stray"), whole],
            &[whole],
            End::With(Some(PROTOCOL)),
        ),
        Case::fails(
            "5.16",
            &[(MORE, b"stray"), (BEGUN, b"who"), (REST, b"le")],
            PROTOCOL,
        ),
        Case::fails(
            "5.17",
            &[(REST, b"stray"), (BEGUN, b"who"), (REST, b"le")],
            PROTOCOL,
        ),
    ]);
}

#[test]
fn no_message_is_begun_within_another_one() {
    play(&[
        Case::fails("5.18", &[(BEGUN, b"one"), (TEXT, b"two")], PROTOCOL),
        Case::fails("5.18", &[(BEGUN, b"one"), (BEGUN_BINARY, b"two")], PROTOCOL),
    ]);
}
