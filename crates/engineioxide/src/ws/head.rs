//! Reads the header of a client's frame (RFC 6455, 5.2).

use super::{
    frame::{FIN, LEN_16, LEN_64, MOST_CONTROL, OPCODE, Opcode, RSV1},
    reader::Violation,
};

/// The bit of the second byte that says that the payload is masked.
const MASK: u8 = 0x80;
/// Bytes of the longest header.
pub(super) const LONGEST: usize = 14;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) opcode: Opcode,
    /// The last frame of its message.
    pub(super) last: bool,
    /// The message is compressed, of which this is the first frame.
    pub(super) compressed: bool,
    pub(super) key: [u8; 4],
    /// Bytes of the payload.
    pub(super) len: usize,
    /// Bytes of this header itself.
    pub(super) size: usize,
}

/// What a header is held against, besides the rules that are always the same.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes that the payload of a data frame may have.
    pub(super) payload: usize,
    /// Whether a message may be compressed.
    pub(super) compressed: bool,
    /// Whether the fragments of a message are under way.
    pub(super) fragments: bool,
}

impl Head {
    /// Reads as much of a header as there is; `None` where it is incomplete. What is wrong with the
    /// part that is there is said at once, and the first byte that is wrong decides, so that how
    /// the bytes were cut makes no difference.
    pub(super) fn parse(bytes: &[u8], bounds: Bounds) -> Result<Option<Self>, Violation> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let opcode = opcode(first, bounds)?;
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let Some((len, rest)) = len(opcode, second, rest)? else {
            return Ok(None);
        };
        if !opcode.is_control() && len > bounds.payload as u64 {
            return Err(Violation::TooBig);
        }
        let Some((key, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        Ok(Some(Self {
            opcode,
            last: first & FIN != 0,
            compressed: first & RSV1 != 0,
            key: *key,
            len: len as usize,
            size: bytes.len() - rest.len(),
        }))
    }
}

/// The opcode, after all rules about the first byte.
fn opcode(first: u8, bounds: Bounds) -> Result<Opcode, Violation> {
    let opcode = Opcode::from_u8(first & OPCODE).ok_or(Violation::Protocol("reserved opcode"))?;
    let begins = matches!(opcode, Opcode::Text | Opcode::Binary);
    // RSV1 belongs to the first frame of a message (RFC 7692, 6.1).
    let may_be_set = if begins && bounds.compressed { RSV1 } else { 0 };
    if first & !(FIN | OPCODE | may_be_set) != 0 {
        return Err(Violation::Protocol("reserved bit"));
    }
    if opcode.is_control() && first & FIN == 0 {
        return Err(Violation::Protocol("control frame in fragments"));
    }
    if begins && bounds.fragments {
        return Err(Violation::Protocol("message within a message"));
    }
    if opcode == Opcode::Continuation && !bounds.fragments {
        return Err(Violation::Protocol("continuation of no message"));
    }
    Ok(opcode)
}

/// The length of the payload and what follows it; `None` where it is incomplete. It has to be
/// written in as few bytes as it can be (RFC 6455, 5.2: MUST), and some clients would not notice
/// that they did otherwise.
fn len(opcode: Opcode, second: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    if second & MASK == 0 {
        return Err(Violation::Protocol("not masked"));
    }
    let short = second & !MASK;
    if opcode.is_control() && usize::from(short) > MOST_CONTROL {
        return Err(Violation::Protocol("long control frame"));
    }
    let (len, rest, least) = match short {
        LEN_16 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest, LEN_16.into()),
            None => return Ok(None),
        },
        LEN_64 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest, 1 << 16),
            None => return Ok(None),
        },
        short => (short.into(), rest, 0),
    };
    if len < least {
        return Err(Violation::Protocol("length longer than needed"));
    }
    if len > i64::MAX as u64 {
        return Err(Violation::Protocol("length with its first bit set"));
    }
    Ok(Some((len, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        payload: usize::MAX,
        compressed: false,
        fragments: false,
    };
    const FRAGMENTS: Bounds = Bounds {
        fragments: true,
        ..BOUNDS
    };
    const COMPRESSED: Bounds = Bounds {
        compressed: true,
        ..BOUNDS
    };

    fn wrong(bytes: &[u8], bounds: Bounds) -> &'static str {
        match Head::parse(bytes, bounds) {
            Err(Violation::Protocol(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_header_is_read_when_its_last_byte_is_there() {
        let short = [0x81, 0x85, 1, 2, 3, 4];
        let medium = [0x02, 0xfe, 1, 0, 1, 2, 3, 4];
        let long = [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4];
        let cases: [(&[u8], usize); 3] = [(&short, 5), (&medium, 256), (&long, 65_536)];
        for (bytes, len) in cases {
            for cut in 0..bytes.len() {
                assert_eq!(Head::parse(&bytes[..cut], BOUNDS), Ok(None));
            }
            let head = Head::parse(&[bytes, b"rest"].concat(), BOUNDS)
                .unwrap()
                .unwrap();
            assert_eq!(
                (head.len, head.size, head.key),
                (len, bytes.len(), [1, 2, 3, 4])
            );
            assert_eq!(head.last, bytes[0] & FIN != 0);
        }
    }

    #[test]
    fn reserved_opcodes_are_refused() {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            assert_eq!(wrong(&[FIN | opcode], BOUNDS), "reserved opcode");
        }
    }

    #[test]
    fn rsv1_is_for_the_first_frame_of_a_message_where_compression_was_agreed() {
        assert_eq!(wrong(&[0xc1], BOUNDS), "reserved bit");
        assert_eq!(Head::parse(&[0xc1], COMPRESSED), Ok(None));
        let within = Bounds {
            fragments: true,
            ..COMPRESSED
        };
        assert_eq!(wrong(&[0xc0], within), "reserved bit");
        assert_eq!(wrong(&[0xc9], COMPRESSED), "reserved bit");
        assert_eq!(wrong(&[0xa1], COMPRESSED), "reserved bit");
        assert_eq!(wrong(&[0x91], COMPRESSED), "reserved bit");
    }

    #[test]
    fn fragments_come_one_message_after_the_other() {
        assert_eq!(wrong(&[0x80], BOUNDS), "continuation of no message");
        assert_eq!(wrong(&[0x81], FRAGMENTS), "message within a message");
        assert_eq!(Head::parse(&[0x00], FRAGMENTS), Ok(None));
        assert_eq!(Head::parse(&[0x89], FRAGMENTS), Ok(None));
    }

    #[test]
    fn control_frames_are_short_and_in_one_piece() {
        assert_eq!(wrong(&[0x09], BOUNDS), "control frame in fragments");
        assert_eq!(wrong(&[0x89, 0xfe], BOUNDS), "long control frame");
        assert_eq!(Head::parse(&[0x89, 0xfd], BOUNDS), Ok(None));
        let none_for_data = Bounds {
            payload: 0,
            ..BOUNDS
        };
        assert_eq!(Head::parse(&[0x89, 0xfd], none_for_data), Ok(None));
    }

    #[test]
    fn frames_have_to_be_masked() {
        assert_eq!(wrong(&[0x81, 0x05], BOUNDS), "not masked");
    }

    #[test]
    fn a_length_has_as_few_bytes_as_it_can_and_63_bits() {
        assert_eq!(
            wrong(&[0x81, 0xfe, 0, 125], BOUNDS),
            "length longer than needed"
        );
        let medium = [0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        assert_eq!(wrong(&medium, BOUNDS), "length longer than needed");
        let top = [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(wrong(&top, BOUNDS), "length with its first bit set");
        let most = [0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(Head::parse(&most, BOUNDS), Ok(None));
    }

    #[test]
    fn the_limit_holds_before_the_key_is_there() {
        let bounds = Bounds {
            payload: 199,
            ..BOUNDS
        };
        let head = [0x81, 0xfe, 0, 200];
        assert_eq!(Head::parse(&head, bounds), Err(Violation::TooBig));
        let bounds = Bounds {
            payload: 200,
            ..BOUNDS
        };
        assert_eq!(Head::parse(&head, bounds), Ok(None));
    }
}
