//! The bodies of Engine.IO 3: every packet has its length before it.

use super::{Each, Malformed, Version, parse_binary_packet, parse_text_packet, text};

/// Ends the length in a binary body.
const END_OF_LENGTH: u8 = 0xff;

/// `<length>:<packet>` again and again, with the length in UTF-16 code units, as JavaScript counts.
pub(super) fn decode_text(body: &str, each: &mut Each<'_>) -> Result<Option<usize>, Malformed> {
    let mut rest = body;
    loop {
        let (digits, after) = rest.split_once(':').ok_or(Malformed("no length"))?;
        let length = length(digits.bytes().map(|digit| digit.wrapping_sub(b'0')))?;
        let (packet, after) = split_utf16(after, length).ok_or(Malformed("wrong length"))?;
        let stop = each(parse_text_packet(Version::V3, packet)?).is_break();
        if stop || after.is_empty() {
            return Ok(rest_at(body.len(), after.len()));
        }
        rest = after;
    }
}

/// `<0 for text, 1 for binary><length>0xff<packet>` again and again. The digits of the length are
/// bytes from 0 to 9, and it counts bytes.
pub(super) fn decode_binary(body: &[u8], each: &mut Each<'_>) -> Result<Option<usize>, Malformed> {
    let mut rest = body;
    loop {
        let (kind, after) = rest.split_first().ok_or(Malformed("no packet"))?;
        let end = after.iter().position(|byte| *byte == END_OF_LENGTH);
        let (digits, after) = after.split_at(end.ok_or(Malformed("no length"))?);
        let length = length(digits.iter().copied())?;
        let (packet, after) = after[1..]
            .split_at_checked(length)
            .ok_or(Malformed("wrong length"))?;
        let packet = match kind {
            0 => parse_text_packet(Version::V3, text(packet)?)?,
            1 => super::Packet::Binary(parse_binary_packet(Version::V3, packet)?.to_vec()),
            _ => return Err(Malformed("neither text nor binary")),
        };
        if each(packet).is_break() || after.is_empty() {
            return Ok(rest_at(body.len(), after.len()));
        }
        rest = after;
    }
}

/// Where the last so many bytes begin, if there are any.
fn rest_at(all: usize, left: usize) -> Option<usize> {
    (left > 0).then_some(all - left)
}

/// A length in decimal digits, each from 0 to 9.
fn length(digits: impl ExactSizeIterator<Item = u8>) -> Result<usize, Malformed> {
    let wrong = Malformed("length that is no number");
    if digits.len() == 0 {
        return Err(wrong);
    }
    digits.into_iter().try_fold(0_usize, |length, digit| {
        let more = (digit < 10).then(|| length.checked_mul(10)?.checked_add(digit.into()));
        more.flatten().ok_or(wrong)
    })
}

/// Splits after so many UTF-16 code units; `None` where there are fewer, or a character is cut.
fn split_utf16(text: &str, units: usize) -> Option<(&str, &str)> {
    let mut left = units;
    for (at, char) in text.char_indices() {
        if left == 0 {
            return Some(text.split_at(at));
        }
        left = left.checked_sub(char.len_utf16())?;
    }
    (left == 0).then_some((text, ""))
}
