//! Websocket frames (RFC 6455): as much of them as a client on loopback needs.

use anyhow::{Result, bail};

/// Longest payload that is believed, in bytes; no gateway sends more.
const LONGEST: u64 = 16 << 20;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A whole text message.
    Text,
    /// A whole binary message.
    Binary,
    /// The end.
    Close,
    /// To be answered with a pong of the same payload.
    Ping,
    /// The answer to a ping.
    Pong,
}

/// One received frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub opcode: Opcode,
    /// Its content.
    pub payload: &'a [u8],
}

/// The first frame of `bytes`, and how many bytes it takes; nothing while it is not complete.
///
/// # Errors
///
/// What a server may not send (masked frames, reserved bits and opcodes), what ours never does
/// (messages in fragments), and payloads over 16 MiB.
pub fn decode(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>> {
    let &[first, second, ..] = bytes else {
        return Ok(None);
    };
    let opcode = match first {
        0x81 => Opcode::Text,
        0x82 => Opcode::Binary,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        other => bail!("a frame that begins with {other:#04x}"),
    };
    let (length, head) = match second {
        0..=125 => (u64::from(second), 2),
        126 => match bytes.get(2..4) {
            Some(field) => (number(field), 4),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(field) => (number(field), 10),
            None => return Ok(None),
        },
        _ => bail!("a masked frame from the server"),
    };
    if length > LONGEST {
        bail!("a frame of {length} bytes");
    }
    let end = head + length as usize;
    let frame = bytes.get(head..end);
    Ok(frame.map(|payload| (Frame { opcode, payload }, end)))
}

fn number(field: &[u8]) -> u64 {
    field
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Appends a masked frame, as clients send them.
pub fn encode(out: &mut Vec<u8>, opcode: Opcode, mask: [u8; 4], payload: &[u8]) {
    out.push(match opcode {
        Opcode::Text => 0x81,
        Opcode::Binary => 0x82,
        Opcode::Close => 0x88,
        Opcode::Ping => 0x89,
        Opcode::Pong => 0x8a,
    });
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((medium as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        let frame = Frame {
            opcode: Opcode::Text,
            payload: b"Hello",
        };
        assert_eq!(decode(&hello).unwrap(), Some((frame, 7)));
        let mut out = Vec::new();
        encode(&mut out, Opcode::Text, [0x37, 0xfa, 0x21, 0x3d], b"Hello");
        assert_eq!(
            out,
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
    }

    /// A server's frame: what `encode` writes, with the mask taken away.
    fn unmasked(payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        encode(&mut frame, Opcode::Binary, [0; 4], payload);
        let mask_at = frame.len() - payload.len() - 4;
        frame.drain(mask_at..mask_at + 4);
        frame[1] &= 0x7f;
        frame
    }

    #[test]
    fn every_width_of_length_is_read_and_no_part_of_a_frame_is_a_frame() {
        for length in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            let payload = vec![7; length];
            let mut bytes = unmasked(&payload);
            for cut in [0, 1, 2, 3, 9, bytes.len() - 1] {
                let part = &bytes[..cut.min(bytes.len() - 1)];
                assert_eq!(decode(part).unwrap(), None, "{cut} of {length}");
            }
            let whole = bytes.len();
            bytes.push(0x81);
            let (frame, taken) = decode(&bytes).unwrap().unwrap();
            assert_eq!((frame.payload, taken), (&payload[..], whole));
        }
    }

    #[test]
    fn what_a_server_may_not_send_is_an_error() {
        // Masked; the first of several fragments; a continuation; a reserved opcode; too long.
        for head in [
            &[0x81, 0x80, 0, 0, 0, 0][..],
            &[0x01, 0x00],
            &[0x80, 0x00],
            &[0x83, 0x00],
            &[0x82, 0x7f, 0, 0, 0, 1, 0, 0, 0, 0],
        ] {
            assert!(decode(head).is_err(), "{head:?}");
        }
    }
}
