//! What is sent, encoded once for all who get it.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    ProtocolVersion,
    payload::binary_prefix,
    ws::frame::{Frames, Opcode, put_frame},
};

/// The type of a message, first in its text.
const MESSAGE: &[u8] = b"4";
/// Room for the header of a frame and the type of its packet.
const HEAD: usize = 11;

/// Messages that leave together and with nothing between them, encoded once for all who get them.
///
/// They are websocket frames, one after the other. A polling client is given what is in them. Cloning
/// is cheap: everything is shared.
#[derive(Clone, Debug)]
pub struct Frame(Bytes);

impl Frame {
    /// A text message in parts, and the binary ones that belong to it.
    pub fn message<'a>(
        text: &[&str],
        binary: impl IntoIterator<Item = &'a Bytes, IntoIter: Clone>,
    ) -> Self {
        let binary = binary.into_iter();
        let length = text.iter().map(|part| part.len()).sum::<usize>()
            + HEAD
            + binary.clone().map(|data| data.len() + HEAD).sum::<usize>();
        let mut out = Vec::with_capacity(length);
        let mut parts = [MESSAGE; 8];
        let parts = match parts.get_mut(..=text.len()) {
            Some(parts) => {
                for (place, part) in parts[1..].iter_mut().zip(text) {
                    *place = part.as_bytes();
                }
                &*parts
            }
            None => return Self::message(&[&text.concat()], &binary.cloned().collect::<Vec<_>>()),
        };
        put_frame(&mut out, Opcode::Text, false, parts);
        for data in binary {
            put_frame(&mut out, Opcode::Binary, false, &[data]);
        }
        Self(out.into())
    }

    /// A text message.
    pub fn text(text: &str) -> Self {
        Self::message(&[text], &VecDeque::new())
    }

    /// A binary message.
    pub fn binary(data: &[u8]) -> Self {
        let mut out = Vec::with_capacity(data.len() + HEAD);
        put_frame(&mut out, Opcode::Binary, false, &[data]);
        Self(out.into())
    }

    /// A packet without a body, or whatever else is text and no message.
    pub(crate) fn packet(text: &str) -> Self {
        let mut out = Vec::with_capacity(text.len() + HEAD);
        put_frame(&mut out, Opcode::Text, false, &[text.as_bytes()]);
        Self(out.into())
    }

    /// A frame of the websocket itself, which polling clients never see.
    pub(crate) fn control(opcode: Opcode, payload: &[u8]) -> Self {
        let mut out = Vec::with_capacity(payload.len() + HEAD);
        put_frame(&mut out, opcode, false, &[payload]);
        Self(out.into())
    }

    pub(crate) const fn from_static(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }

    /// As clients of this version get it.
    pub(crate) fn bytes(&self, protocol: ProtocolVersion) -> Bytes {
        match protocol {
            ProtocolVersion::V4 => self.0.clone(),
            ProtocolVersion::V3 => self.of_version_3(),
        }
    }

    fn of_version_3(&self) -> Bytes {
        if Frames::new(&self.0).all(|frame| frame.opcode != Opcode::Binary) {
            return self.0.clone();
        }
        let mut out = Vec::with_capacity(self.0.len() + HEAD);
        for frame in Frames::new(&self.0) {
            match frame.opcode {
                Opcode::Binary => put_frame(
                    &mut out,
                    Opcode::Binary,
                    false,
                    &[binary_prefix(ProtocolVersion::V3), frame.payload],
                ),
                opcode => put_frame(&mut out, opcode, false, &[frame.payload]),
            }
        }
        out.into()
    }
}

/// A ping, as Engine.IO 4 has it: from the server.
pub(crate) const PING: Frame = Frame::from_static(b"\x81\x012");
