//! What is sent, encoded once for all who get it.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{
    Deflate, ProtocolVersion,
    payload::binary_prefix,
    ws::{
        deflate::deflate,
        frame::{Frames, Opcode, put_frame},
    },
};

/// The type of a message, first in its text.
const MESSAGE: &[u8] = b"4";
/// Room for the header of a frame and the type of its packet.
const HEAD: usize = 11;
/// A shorter frame has no place for what it is compressed.
const LONG: usize = 1024;

/// Messages that leave together and with nothing between them, encoded once for all who get them.
///
/// They are websocket frames, one after the other. A polling client is given what is in them. Cloning
/// is cheap: everything is shared.
#[derive(Clone, Debug)]
pub struct Frame(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Short(Bytes),
    Long(Arc<Long>),
}

/// What may be worth compressing.
#[derive(Debug)]
struct Long {
    plain: Bytes,
    /// The same, compressed when somebody first wanted it so; as it was where that is no smaller.
    deflated: OnceLock<Bytes>,
}

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
        Self::of_messages(out)
    }

    /// A text message.
    pub fn text(text: &str) -> Self {
        Self::message(&[text], &VecDeque::new())
    }

    /// A binary message.
    pub fn binary(data: &[u8]) -> Self {
        Self::of_messages(whole(Opcode::Binary, data))
    }

    /// A packet without a body, or whatever else is text and no message.
    pub(crate) fn packet(text: &str) -> Self {
        Self(Kind::Short(whole(Opcode::Text, text.as_bytes()).into()))
    }

    /// A frame of the websocket itself, which polling clients never see.
    pub(crate) fn control(opcode: Opcode, payload: &[u8]) -> Self {
        Self(Kind::Short(whole(opcode, payload).into()))
    }

    /// A message as it is, without the type of a packet.
    #[cfg(test)]
    pub(crate) fn raw(opcode: Opcode, payload: &[u8]) -> Self {
        Self::of_messages(whole(opcode, payload))
    }

    pub(crate) const fn from_static(bytes: &'static [u8]) -> Self {
        Self(Kind::Short(Bytes::from_static(bytes)))
    }

    fn of_messages(out: Vec<u8>) -> Self {
        Self(match out.len() < LONG {
            true => Kind::Short(out.into()),
            false => Kind::Long(Arc::new(Long {
                plain: out.into(),
                deflated: OnceLock::new(),
            })),
        })
    }

    /// As clients of this version get it; compressed, where that was agreed on.
    pub(crate) fn bytes(
        &self,
        protocol: ProtocolVersion,
        deflate: Option<Deflate>,
    ) -> Cow<'_, Bytes> {
        if protocol == ProtocolVersion::V3
            && let Some(bytes) = self.of_version_3()
        {
            return Cow::Owned(bytes);
        }
        Cow::Borrowed(match (&self.0, deflate) {
            (Kind::Long(long), Some(deflate)) => long.deflated(deflate.threshold),
            _ => self.plain(),
        })
    }

    fn plain(&self) -> &Bytes {
        match &self.0 {
            Kind::Short(plain) => plain,
            Kind::Long(long) => &long.plain,
        }
    }

    /// If that is anything else. It is made for each client, and never compressed.
    fn of_version_3(&self) -> Option<Bytes> {
        let plain = self.plain();
        if Frames::new(plain).all(|frame| frame.opcode != Opcode::Binary) {
            return None;
        }
        let mut out = Vec::with_capacity(plain.len() + HEAD);
        for frame in Frames::new(plain) {
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
        Some(out.into())
    }
}

/// One frame with all of a message, or of what else it is.
fn whole(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + HEAD);
    put_frame(&mut out, opcode, false, &[payload]);
    out
}

impl Long {
    /// Whoever comes while it is made waits for that, instead of doing the same.
    fn deflated(&self, threshold: usize) -> &Bytes {
        self.deflated.get_or_init(|| {
            let deflated = deflate_frames(&self.plain, threshold);
            deflated.unwrap_or_else(|| self.plain.clone())
        })
    }
}

/// The same frames, those of them compressed that are so long and smaller then; if there are any.
fn deflate_frames(plain: &[u8], threshold: usize) -> Option<Bytes> {
    let mut out = Vec::with_capacity(plain.len());
    let mut any = false;
    for frame in Frames::new(plain) {
        let payload = frame.payload;
        let smaller = (payload.len() >= threshold).then(|| deflate(payload));
        match smaller.flatten() {
            Some(smaller) => {
                any = true;
                put_frame(&mut out, frame.opcode, true, &[&smaller]);
            }
            None => put_frame(&mut out, frame.opcode, false, &[payload]),
        }
    }
    // It may wait for a long time, and is much smaller.
    out.shrink_to_fit();
    any.then(|| out.into())
}

/// A ping, as Engine.IO 4 has it: from the server.
pub(crate) const PING: Frame = Frame::from_static(b"\x81\x012");

#[cfg(test)]
mod tests {
    use ProtocolVersion::{V3, V4};

    use super::*;
    use crate::ws::deflate::inflate;

    const DEFLATE: Option<Deflate> = Some(Deflate { threshold: 1024 });

    /// Of each frame: whether it is compressed, and what is in it.
    fn frames(bytes: &[u8]) -> Vec<(bool, Vec<u8>)> {
        let inflated = |payload| inflate(payload, 1 << 20).unwrap();
        Frames::new(bytes)
            .map(|frame| match frame.compressed {
                true => (true, inflated(frame.payload)),
                false => (false, frame.payload.to_vec()),
            })
            .collect()
    }

    #[test]
    fn a_frame_takes_no_more_than_its_bytes_do() {
        assert_eq!(size_of::<Frame>(), size_of::<Bytes>());
    }

    #[test]
    fn a_long_message_is_compressed_for_who_wants_it_so() {
        let text = "x".repeat(2000);
        let frame = Frame::text(&text);
        assert_eq!(&*frame.bytes(V4, None), frame.plain());
        let compressed = frame.bytes(V4, DEFLATE);
        assert!(compressed.len() < 100);
        assert_eq!(
            frames(&compressed),
            [(true, format!("4{text}").into_bytes())]
        );
    }

    #[test]
    fn it_is_compressed_once_for_all_who_have_a_clone() {
        let frame = Frame::text(&"x".repeat(2000));
        let clone = frame.clone();
        let first = clone.bytes(V4, DEFLATE);
        let again = frame.bytes(V4, DEFLATE);
        assert_eq!(first.as_ptr(), again.as_ptr());
        assert_eq!(first.as_ptr(), frame.bytes(V3, DEFLATE).as_ptr());
    }

    #[test]
    fn what_is_short_or_a_control_packet_or_not_smaller_stays_as_it_is() {
        let noise = std::iter::successors(Some(1u32), |last| {
            Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        });
        let noise: Vec<u8> = noise.map(|n| (n >> 24) as u8).take(2000).collect();
        for frame in [
            Frame::text(&"x".repeat(1000)),
            Frame::packet(&"3".repeat(2000)),
            Frame::control(Opcode::Pong, &[b'x'; 125]),
            Frame::binary(&noise),
            PING,
        ] {
            let bytes = frame.bytes(V4, DEFLATE);
            assert_eq!(bytes.as_ptr(), frame.plain().as_ptr());
        }
    }

    #[test]
    fn the_threshold_is_that_of_a_message_and_not_of_all_together() {
        let (short, long) = (Bytes::from(vec![1; 1023]), Bytes::from(vec![2; 1024]));
        let frame = Frame::message(&["text"], [&short, &long]);
        let expected = [
            (false, b"4text".to_vec()),
            (false, short.to_vec()),
            (true, long.to_vec()),
        ];
        assert_eq!(frames(&frame.bytes(V4, DEFLATE)), expected);
        let two_short = Frame::message(&["text"], [&short, &short]);
        let bytes = two_short.bytes(V4, DEFLATE);
        assert_eq!(bytes.as_ptr(), two_short.plain().as_ptr());
    }

    #[test]
    fn binary_messages_to_clients_of_version_3_are_never_compressed() {
        let data = Bytes::from(vec![1; 3000]);
        let frame = Frame::message(&["text"], [&data]);
        let expected = [
            (false, b"4text".to_vec()),
            (false, [&[4], &data[..]].concat()),
        ];
        assert_eq!(frames(&frame.bytes(V3, DEFLATE)), expected);
    }
}
