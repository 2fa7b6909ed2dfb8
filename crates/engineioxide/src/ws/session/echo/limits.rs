//! Long messages, and many (section 9).

use super::*;
use crate::testing::client_frame;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Text or data that repeats itself only after more than any fragment or piece has, but for the largest.
fn payload(first: u8, len: usize) -> Vec<u8> {
    let most = if first == TEXT { 0x7f } else { 0xff };
    let block: Vec<_> = (0..65_521)
        .map(|n| (n * 7 + n / 251) as u8 & most)
        .collect();
    let mut payload = block.repeat(len.div_ceil(block.len()));
    payload.truncate(len);
    payload
}

/// A frame that is made in no time.
fn framed(first: u8, payload: &[u8]) -> Vec<u8> {
    client_frame(first, [0; 4], payload)
}

/// A message in fragments of so many bytes.
fn fragmented(first: u8, payload: &[u8], len: usize) -> Vec<u8> {
    let last = payload.len().div_ceil(len) - 1;
    let frames = payload.chunks(len).enumerate().map(|(number, part)| {
        let opcode = if number == 0 { first & 0x0f } else { 0 };
        framed(opcode | if number == last { 0x80 } else { 0 }, part)
    });
    frames.collect::<Vec<_>>().concat()
}

/// Sends it in pieces of so many bytes, and takes it back.
fn echo(client: &mut Client, (first, payload): (u8, Vec<u8>), bytes: &[u8], piece: usize) {
    bytes.chunks(piece).for_each(|piece| client.write(piece));
    let got = client.next();
    assert!(got == Some((first, payload)), "it comes back as it was");
}

#[test]
fn section_9_1_and_2_long_messages_come_back() {
    let server = begin("127.0.0.1:0");
    for first in [TEXT, BINARY] {
        let mut client = Client::dial(server, "");
        for len in [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB] {
            let payload = payload(first, len);
            let frame = framed(first, &payload);
            echo(&mut client, (first, payload), &frame, frame.len());
        }
        client.end(End::Closed);
    }
}

#[test]
fn section_9_3_and_4_they_do_in_fragments() {
    let server = begin("127.0.0.1:0");
    for first in [TEXT, BINARY] {
        let payload = payload(first, 4 * MIB);
        let mut client = Client::dial(server, "");
        for fragment in [64, 256, KIB, 4 * KIB, 64 * KIB, MIB, 4 * MIB] {
            let bytes = fragmented(first, &payload, fragment);
            echo(&mut client, (first, payload.clone()), &bytes, bytes.len());
        }
        client.end(End::Closed);
    }
}

#[test]
fn section_9_5_and_6_they_do_in_small_pieces() {
    let server = begin("127.0.0.1:0");
    for first in [TEXT, BINARY] {
        let payload = payload(first, MIB);
        let frame = framed(first, &payload);
        let mut client = Client::dial(server, "");
        for piece in [64, 128, 256, 512, KIB, 2 * KIB] {
            echo(&mut client, (first, payload.clone()), &frame, piece);
        }
        client.end(End::Closed);
    }
}

#[test]
fn section_9_7_and_8_many_come_back_one_after_the_other() {
    let server = begin("127.0.0.1:0");
    for first in [TEXT, BINARY] {
        let mut client = Client::dial(server, "");
        for len in [0, 16, 64, 256, KIB, 4 * KIB] {
            let payload = payload(first, len);
            let frame = framed(first, &payload);
            for _ in 0..200 {
                echo(&mut client, (first, payload.clone()), &frame, frame.len());
            }
        }
        client.end(End::Closed);
    }
}

/// Of no section: the suite sends nothing that is too long.
#[test]
fn what_is_longer_than_it_may_be_fails_the_connection() {
    const TOO_BIG: u16 = 1009;
    let server = begin("127.0.0.1:0");
    let len = (LONGEST as u64 + 1).to_be_bytes();
    let mut client = Client::dial(server, "");
    client.write(&[&[BINARY, 0xff][..], &len].concat());
    client.end(End::With(Some(TOO_BIG)));
    let mut client = Client::dial(server, "");
    let begun = framed(0x02, &payload(BINARY, LONGEST));
    client.write(&[&begun[..], &framed(0x80, b"x")].concat());
    client.end(End::With(Some(TOO_BIG)));
}
