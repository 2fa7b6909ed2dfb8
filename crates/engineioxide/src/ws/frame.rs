//! Writes the frames of a server (RFC 6455, 5.2). They are never masked and never fragmented.

use std::ops::Deref;

/// The last frame of its message.
pub(super) const FIN: u8 = 0x80;
/// Compressed (RFC 7692, 7.2.3.1).
pub(super) const RSV1: u8 = 0x40;
pub(super) const OPCODE: u8 = 0x0f;
/// The length that says that two bytes of length follow.
pub(super) const LEN_16: u8 = 126;
/// The length that says that eight bytes of length follow.
pub(super) const LEN_64: u8 = 127;
/// Bytes of payload that a control frame may have (RFC 6455, 5.5).
pub(crate) const MOST_CONTROL: usize = 125;

/// What a frame is (RFC 6455, 5.2). Others are reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    /// `None` for those that are reserved.
    pub(crate) const fn from_u8(opcode: u8) -> Option<Self> {
        Some(match opcode {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    pub(crate) const fn to_u8(self) -> u8 {
        self as u8
    }

    /// Whether it is about the connection and may come between the fragments of a message.
    pub(crate) const fn is_control(self) -> bool {
        self.to_u8() >= 8
    }
}

/// What comes before a payload: two, four or ten bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    bytes: [u8; 10],
    len: u8,
}

impl Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The header of a message in one frame. `compressed` sets RSV1. A control frame is never
/// compressed and has a payload of 125 bytes at most: whoever writes one keeps to that.
pub(crate) fn header(opcode: Opcode, compressed: bool, payload_len: usize) -> Header {
    debug_assert!(!opcode.is_control() || !compressed && payload_len <= MOST_CONTROL);
    let rsv1 = if compressed { RSV1 } else { 0 };
    let mut bytes = [0; 10];
    bytes[0] = FIN | rsv1 | opcode.to_u8();
    let len = if payload_len < usize::from(LEN_16) {
        bytes[1] = payload_len as u8;
        2
    } else if let Ok(len) = u16::try_from(payload_len) {
        bytes[1] = LEN_16;
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        4
    } else {
        bytes[1] = LEN_64;
        bytes[2..].copy_from_slice(&(payload_len as u64).to_be_bytes());
        10
    };
    Header { bytes, len }
}

/// Appends one complete frame, whose payload is the parts one after the other. See [`header`].
pub(crate) fn put_frame(
    out: &mut Vec<u8>,
    opcode: Opcode,
    compressed: bool,
    payload_parts: &[&[u8]],
) {
    let payload_len = payload_parts.iter().map(|part| part.len()).sum();
    let header = header(opcode, compressed, payload_len);
    out.reserve(header.len() + payload_len);
    out.extend_from_slice(&header);
    for part in payload_parts {
        out.extend_from_slice(part);
    }
}

/// A frame that [`put_frame`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) compressed: bool,
    pub(crate) payload: &'a [u8],
}

/// Walks over frames that [`put_frame`] wrote. What nobody here has written, or not to its end, ends
/// the walk.
pub(crate) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    /// Of complete frames, one after the other.
    pub(crate) fn new(written: &'a [u8]) -> Self {
        Self(written)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Written<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.0.split_first()?;
        let (len, rest) = match rest {
            [LEN_16, a, b, rest @ ..] => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            [LEN_64, rest @ ..] => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            [len, rest @ ..] => (u64::from(*len), rest),
            [] => return None,
        };
        let (payload, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        let opcode = Opcode::from_u8(first & OPCODE)?;
        self.0 = rest;
        Some(Written {
            opcode,
            compressed: first & RSV1 != 0,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_as_short_as_it_can_be() {
        let header = |len| header(Opcode::Text, false, len).to_vec();
        assert_eq!(header(0), [0x81, 0]);
        assert_eq!(header(125), [0x81, 125]);
        assert_eq!(header(126), [0x81, 126, 0, 126]);
        assert_eq!(header(65_535), [0x81, 126, 0xff, 0xff]);
        assert_eq!(header(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn every_opcode_comes_back_and_the_reserved_ones_are_none() {
        let known: Vec<_> = (0..=255)
            .filter(|opcode| Opcode::from_u8(*opcode).map(Opcode::to_u8) == Some(*opcode))
            .collect();
        assert_eq!(known, [0, 1, 2, 8, 9, 10]);
        assert_eq!((0..=255).filter_map(Opcode::from_u8).count(), known.len());
    }

    #[test]
    fn the_parts_of_a_payload_are_joined_and_found_again() {
        let mut out = Vec::new();
        put_frame(&mut out, Opcode::Binary, true, &[b"ab", b"", b"c"]);
        put_frame(&mut out, Opcode::Ping, false, &[]);
        assert_eq!(out, [0xc2, 3, b'a', b'b', b'c', 0x89, 0]);
        let frames: Vec<_> = Frames::new(&out).collect();
        let binary = Written {
            opcode: Opcode::Binary,
            compressed: true,
            payload: b"abc",
        };
        let ping = Written {
            opcode: Opcode::Ping,
            compressed: false,
            payload: b"",
        };
        assert_eq!(frames, [binary, ping]);
    }

    #[test]
    fn a_walk_ends_where_a_frame_is_incomplete() {
        let mut out = Vec::new();
        put_frame(&mut out, Opcode::Text, false, &[&[b'x'; 70_000]]);
        for cut in [0, 1, 2, 9, 10, 69_999] {
            assert_eq!(Frames::new(&out[..cut]).count(), 0);
        }
        assert_eq!(Frames::new(&out).count(), 1);
    }
}
