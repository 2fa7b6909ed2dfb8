//! Engine.IO 4 and Socket.IO 5 packets on `/`, and the stamp that measured messages carry.

use std::fmt::Write as _;

/// A packet from the gateway. What the load generator has no use for is `Other`.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Engine.IO: the session is open.
    Open,
    /// Engine.IO: to be answered with a pong.
    Ping,
    /// The namespace was entered.
    Connected,
    /// It was not, with what was said.
    Refused(&'a [u8]),
    /// An event: its name, and its arguments with the closing bracket.
    Event(&'a [u8], &'a [u8]),
    /// An acknowledgement: its number, and the array of arguments.
    Ack(u32, &'a [u8]),
    /// The gateway ended the session.
    Disconnected,
    /// Anything else.
    Other,
}

/// What a text message is. Names of events that need JSON escapes are not understood; we know none.
pub fn parse(text: &[u8]) -> Packet<'_> {
    match text {
        [b'0', ..] => Packet::Open,
        [b'2', ..] => Packet::Ping,
        [b'4', b'0', ..] => Packet::Connected,
        [b'4', b'4', rest @ ..] => Packet::Refused(rest),
        [b'4', b'1', ..] | [b'1', ..] => Packet::Disconnected,
        [b'4', b'2', b'[', b'"', rest @ ..] => event(rest),
        [b'4', b'3', rest @ ..] => ack(rest),
        _ => Packet::Other,
    }
}

fn event(rest: &[u8]) -> Packet<'_> {
    let Some(end) = rest.iter().position(|byte| *byte == b'"') else {
        return Packet::Other;
    };
    Packet::Event(&rest[..end], &rest[end + 1..])
}

fn ack(rest: &[u8]) -> Packet<'_> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, args) = rest.split_at(digits);
    let number = str::from_utf8(number).ok().and_then(|n| n.parse().ok());
    number.map_or(Packet::Other, |number| Packet::Ack(number, args))
}

/// Bytes of a stamp.
pub const STAMP: usize = 18;

/// Appends a stamp: a time in nanoseconds that [`stamp`] finds again in whatever surrounds it.
pub fn put_stamp(out: &mut String, nanos: u64) {
    let _ = write!(out, "~{nanos:016x}~");
}

/// The first stamp in `bytes`.
pub fn stamp(bytes: &[u8]) -> Option<u64> {
    let at = bytes.iter().position(|byte| *byte == b'~')?;
    let digits = bytes.get(at + 1..at + 17)?;
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// The `total` of a list, which is among its last fields.
pub fn total(list: &[u8]) -> Option<u64> {
    const FIELD: &[u8] = b"\"total\":";
    let at = list.windows(FIELD.len()).rposition(|part| part == FIELD)?;
    let rest = &list[at + FIELD.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packets_of_a_session_are_told_apart() {
        for (text, packet) in [
            (r#"0{"sid":"x"}"#, Packet::Open),
            ("2", Packet::Ping),
            (r#"40{"sid":"y"}"#, Packet::Connected),
            (
                r#"44{"message":"no"}"#,
                Packet::Refused(br#"{"message":"no"}"#),
            ),
            (
                r#"42["a-b",{"c":1}]"#,
                Packet::Event(b"a-b", br#",{"c":1}]"#),
            ),
            (r#"4317[{"ok":true}]"#, Packet::Ack(17, br#"[{"ok":true}]"#)),
            ("41", Packet::Disconnected),
            ("42/chat,[\"x\"]", Packet::Other),
            ("43", Packet::Other),
            ("42[\"x", Packet::Other),
            ("", Packet::Other),
        ] {
            assert_eq!(parse(text.as_bytes()), packet, "{text}");
        }
    }

    #[test]
    fn the_total_of_a_list_is_found() {
        let list = br#",{"roomName":"r","users":[{"username":"\"total\":1"}],"total":3000,"truncated":true}]"#;
        assert_eq!(total(list), Some(3000));
        assert_eq!(total(b"{}"), None);
        assert_eq!(total(br#"{"total":null"#), None);
    }

    #[test]
    fn a_stamp_comes_back_whole() {
        for nanos in [0, 1, 1_700_000_000, u64::MAX] {
            let mut text = "{\"text\":\"".to_owned();
            put_stamp(&mut text, nanos);
            text.push_str(" and more\"}]");
            assert_eq!(stamp(text.as_bytes()), Some(nanos));
            assert_eq!(text.find(" and"), Some("{\"text\":\"".len() + STAMP));
        }
        assert_eq!(stamp(b"nothing"), None);
        assert_eq!(stamp(b"~cut"), None);
    }
}
