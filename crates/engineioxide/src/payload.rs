//! The packets of Engine.IO 3 and 4, and the bodies that carry them in HTTP long-polling.
//!
//! Sources: the "Engine.IO protocol" documents of revision 3 and 4, in socketio/engine.io-protocol.
//! Where revision 3 is silent, its reference implementation (engine.io-parser 2) is followed.

mod body;
mod eio3;

use std::{ops::ControlFlow, str};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

pub(crate) use body::Body;
pub(crate) use engineioxide_core::ProtocolVersion as Version;

/// Between the packets of a body of Engine.IO 4.
const SEPARATOR: char = '\u{1e}';
/// Begins binary data that is written as text.
const BASE64: char = 'b';
/// The type of a message as the first byte of binary data in Engine.IO 3.
const MESSAGE: u8 = 4;

/// With padding when we write it, with or without when clients do.
const ENCODING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A packet of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    Close,
    /// With what the pong has to say: `probe`, or nothing.
    Ping(&'a str),
    Pong(&'a str),
    Message(&'a str),
    Binary(Vec<u8>),
    Upgrade,
    Noop,
}

/// What a client sent is no packet, or no body of packets; and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub(crate) struct Malformed(&'static str);

/// Takes the packets of a body; `Break` where no more are wanted for now.
pub(crate) type Each<'a> = dyn FnMut(Packet<'_>) -> ControlFlow<()> + 'a;

/// Reads a packet that came as text: in a text frame, or within a body. What follows the type of a
/// close, an upgrade or a noop is ignored, as by the reference implementation.
pub(crate) fn parse_text_packet(version: Version, packet: &str) -> Result<Packet<'_>, Malformed> {
    let mut chars = packet.chars();
    let kind = chars.next().ok_or(Malformed("empty packet"))?;
    let data = chars.as_str();
    Ok(match kind {
        '0' => return Err(Malformed("open from a client")),
        '1' => Packet::Close,
        '2' => Packet::Ping(data),
        '3' => Packet::Pong(data),
        '4' => Packet::Message(data),
        '5' => Packet::Upgrade,
        '6' => Packet::Noop,
        BASE64 => Packet::Binary(base64(version, data)?),
        _ => return Err(Malformed("unknown type")),
    })
}

/// The message in a binary frame. In Engine.IO 3 its type comes first.
pub(crate) fn parse_binary_packet(version: Version, packet: &[u8]) -> Result<&[u8], Malformed> {
    match (version, packet) {
        (Version::V4, message) | (Version::V3, [MESSAGE, message @ ..]) => Ok(message),
        (Version::V3, _) => Err(Malformed("binary data that is no message")),
    }
}

/// What comes before a binary message in a frame of ours. See [`parse_binary_packet`].
pub(crate) fn binary_prefix(version: Version) -> &'static [u8] {
    match version {
        Version::V3 => &[MESSAGE],
        Version::V4 => &[],
    }
}

/// Reads the body of a POST, `binary_content_type` where that is `application/octet-stream`; says where to
/// go on, if no more were wanted before its end. Packets before what is malformed have been handed over
/// then.
pub(crate) fn decode(
    version: Version,
    body: &[u8],
    binary_content_type: bool,
    each: &mut Each<'_>,
) -> Result<Option<usize>, Malformed> {
    match (version, binary_content_type) {
        (Version::V3, true) => eio3::decode_binary(body, each),
        (Version::V3, false) => eio3::decode_text(text(body)?, each),
        (Version::V4, false) => decode_eio4(text(body)?, each),
        (Version::V4, true) => Err(Malformed("binary content type")),
    }
}

fn decode_eio4(body: &str, each: &mut Each<'_>) -> Result<Option<usize>, Malformed> {
    let mut next = 0;
    for packet in body.split(SEPARATOR) {
        next += packet.len() + SEPARATOR.len_utf8();
        if each(parse_text_packet(Version::V4, packet)?).is_break() {
            return Ok((next <= body.len()).then_some(next));
        }
    }
    Ok(None)
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed("not UTF-8"))
}

/// Binary data in Base64. In Engine.IO 3 the type of the packet comes first.
fn base64(version: Version, data: &str) -> Result<Vec<u8>, Malformed> {
    let data = match version {
        Version::V4 => data,
        Version::V3 => data
            .strip_prefix('4')
            .ok_or(Malformed("binary data that is no message"))?,
    };
    ENCODING.decode(data).map_err(|_| Malformed("not Base64"))
}

#[cfg(test)]
mod tests;
