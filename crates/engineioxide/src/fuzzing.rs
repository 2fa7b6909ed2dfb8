//! What `cargo fuzz` runs: crates/engineioxide/fuzz.

mod handshake;
mod side;
#[cfg(test)]
mod tests;
mod upgrade;

use std::ops::ControlFlow;

use crate::{
    payload::{Body, Packet, Version, decode, parse_binary_packet},
    ws::{
        frame::{Opcode, header},
        reader::{Incoming, Limits, Reader, Violation},
    },
};

const SMALL: Limits = Limits {
    frame: 70_000,
    message: 80_000,
    fragments: 5,
    compressed: true,
};
const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

type Read = (Vec<String>, Result<(), Violation>);

/// Reads bytes as they are, and as the payloads of frames of a client. How they are cut makes no
/// difference.
///
/// # Panics
///
/// Where it does.
pub fn frames(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    same_however_cut(bytes, usize::from(cut) + 1);
    let mut framed = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let [first, payload @ ..] = line {
            put_client_frame(&mut framed, *first, payload);
        }
    }
    same_however_cut(&framed, usize::from(cut) + 1);
}

/// Reads bytes as bodies and as packets. What was read is read again when it was written.
///
/// # Panics
///
/// Where it is not.
pub fn payload(data: &[u8]) {
    for version in [Version::V3, Version::V4] {
        for binary in [false, true] {
            body(version, data, binary);
        }
        parse_binary_packet(version, data).ok();
    }
}

/// Reads bytes as a request that asks for a websocket, and as what a polling client, its websockets and the
/// server do, one thing after the other.
///
/// # Panics
///
/// Where what is answered is not what was asked for, or a message is lost, or comes twice or in another
/// order; where a websocket takes over that did not ask as it should, or one that did does not; and where
/// the session ends without a cause, or is not told of once.
pub fn upgrade(data: &[u8]) {
    handshake::read(data);
    upgrade::play(data);
}

fn same_however_cut(bytes: &[u8], cut: usize) {
    let at_once = read(bytes, bytes.len().max(1));
    assert_eq!(read(bytes, cut), at_once);
    assert_eq!(read(bytes, 1), at_once);
}

fn read(bytes: &[u8], cut: usize) -> Read {
    let mut reader = Reader::default();
    let mut taken = Vec::new();
    for piece in bytes.chunks(cut) {
        let mut take = |incoming: Incoming<'_>| {
            taken.push(format!("{incoming:?}"));
            ControlFlow::Continue(())
        };
        let read = reader.feed(&mut piece.to_vec(), &SMALL, &mut inflate, &mut take);
        if read.is_err() {
            return (taken, read);
        }
    }
    (taken, Ok(()))
}

/// In place of deflate: every byte twice.
fn inflate(bytes: &[u8], most: usize) -> Result<Vec<u8>, Violation> {
    match bytes.len() * 2 <= most {
        true => Ok(bytes.repeat(2)),
        false => Err(Violation::TooBig),
    }
}

fn put_client_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    let begin = out.len();
    out.extend_from_slice(&header(Opcode::Binary, false, payload.len()));
    out[begin] = first;
    out[begin + 1] |= 0x80;
    out.extend(KEY);
    let key = KEY.iter().cycle();
    out.extend(payload.iter().zip(key).map(|(byte, key)| byte ^ key));
}

fn body(version: Version, data: &[u8], binary: bool) {
    let mut again = Body::new(version, usize::MAX);
    let mut first = Vec::new();
    let read = decode(version, data, binary, &mut |packet| {
        first.push(format!("{packet:?}"));
        put(&mut again, &packet);
        ControlFlow::Continue(())
    });
    if read.is_err() && first.is_empty() {
        return;
    }
    let mut second = Vec::new();
    decode(version, &again.finish(), false, &mut |packet| {
        second.push(format!("{packet:?}"));
        ControlFlow::Continue(())
    })
    .expect("we wrote it");
    assert_eq!(first, second);
}

fn put(body: &mut Body, packet: &Packet<'_>) {
    let (kind, data) = match packet {
        Packet::Binary(bytes) => return body.push_binary(bytes),
        Packet::Close => ('1', ""),
        Packet::Ping(data) => ('2', *data),
        Packet::Pong(data) => ('3', *data),
        Packet::Message(data) => ('4', *data),
        Packet::Upgrade => ('5', ""),
        Packet::Noop => ('6', ""),
    };
    body.push_text(&format!("{kind}{data}"));
}
