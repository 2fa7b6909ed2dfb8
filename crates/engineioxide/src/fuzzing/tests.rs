//! A little of it in every run of the tests.

use super::{upgrade::Played, *};

const INPUTS: u32 = 400;

/// Bytes that the number decides.
fn input(number: u32) -> Vec<u8> {
    let next = |last: &u32| Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let bytes = std::iter::successors(Some(number.wrapping_mul(2_654_435_761)), next);
    bytes.map(|n| (n >> 24) as u8).take(400).collect()
}

#[test]
fn whatever_a_client_does_a_switch_loses_nothing() {
    let mut counts = [0; 3];
    for number in 0..INPUTS {
        handshake::read(&input(number));
        let played = match std::panic::catch_unwind(|| upgrade::play(&input(number))) {
            Ok(played) => played,
            Err(_) => panic!("with input {number}"),
        };
        counts[played as usize] += 1;
    }
    println!("{counts:?}");
    assert!(
        counts.iter().all(|count| *count > INPUTS / 40),
        "{counts:?}"
    );
}

#[test]
fn a_switch_by_the_book_is_one() {
    // Send, open, ask, poll and look, switch.
    let steps = [
        0, 7, 7, 9, 8, 1, 15, 0, 3, 0, 5, 0, 9, 1, 15, 0, 1, 9, 11, 255,
    ];
    assert_eq!(upgrade::play(&steps), Played::Switched);
    // Without the question it goes on polling.
    let steps = [0, 7, 7, 9, 15, 0, 9, 1, 15, 0, 1, 9];
    assert_eq!(upgrade::play(&steps), Played::Polled);
}

#[test]
fn requests_of_all_kinds_are_read() {
    for request in [
        "EIO=4&transport=websocket&sid=abc\nkdGhlIHNhbXBsZSBub25jZQ==\nv13\ncupgrade",
        " permessage-deflate; server_max_window_bits=15\n permessage-deflate",
        " permessage-deflate; server_max_window_bits=9, permessage-deflate\nv8\nkshort",
    ] {
        handshake::read(request.as_bytes());
    }
}

#[test]
fn frames_and_bodies_of_all_kinds_are_read() {
    for number in 0..50 {
        frames(&input(number));
        payload(&input(number));
    }
}
