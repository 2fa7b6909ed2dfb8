//! The packets of [Socket.IO protocol v5](https://socket.io/docs/v4/socket-io-protocol/), as they come.

/// What kind of packet it is. Others are the server's, or nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Disconnect,
    /// With so many attachments to follow.
    Event(usize),
    /// The same.
    Ack(usize),
}

/// `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`, of which the JSON is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    pub(super) namespace: &'a str,
    pub(super) id: Option<i64>,
    pub(super) json: &'a str,
}

impl<'a> Packet<'a> {
    /// `None` for what is no packet that a client may send.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        let (kind, rest) = match kind {
            "0" => (Kind::Connect, rest),
            "1" => (Kind::Disconnect, rest),
            "2" => (Kind::Event(0), rest),
            "3" => (Kind::Ack(0), rest),
            "5" | "6" => {
                let (count, rest) = rest.split_once('-')?;
                let count = number(count)?;
                let kind = if kind == "5" { Kind::Event } else { Kind::Ack };
                (kind(usize::try_from(count).ok()?), rest)
            }
            _ => return None,
        };
        let (namespace, rest) = match rest.starts_with('/') {
            true => rest.split_once(',').unwrap_or((rest, "")),
            false => ("/", rest),
        };
        let end = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, json) = rest.split_at(end);
        let id = match id {
            "" => None,
            id => Some(number(id)?),
        };
        Some(Self {
            kind,
            namespace,
            id,
            json,
        })
    }
}

/// Digits and nothing else.
fn number(digits: &str) -> Option<i64> {
    let only = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    only.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: Kind, namespace: &str, id: Option<i64>, json: &'static str) -> Packet<'static> {
        Packet {
            kind,
            namespace: if namespace == "/" { "/" } else { "/chat" },
            id,
            json,
        }
    }

    #[test]
    fn every_kind_is_read_with_all_that_may_stand_in_it() {
        let cases = [
            ("0", packet(Kind::Connect, "/", None, "")),
            ("0{}", packet(Kind::Connect, "/", None, "{}")),
            ("0/chat,{}", packet(Kind::Connect, "/chat", None, "{}")),
            ("1/chat,", packet(Kind::Disconnect, "/chat", None, "")),
            ("1/chat", packet(Kind::Disconnect, "/chat", None, "")),
            (r#"2["a"]"#, packet(Kind::Event(0), "/", None, r#"["a"]"#)),
            ("2/,[1]", packet(Kind::Event(0), "/", None, "[1]")),
            (
                "2/chat,12[1]",
                packet(Kind::Event(0), "/chat", Some(12), "[1]"),
            ),
            ("30[]", packet(Kind::Ack(0), "/", Some(0), "[]")),
            (
                "52-/chat,1[1]",
                packet(Kind::Event(2), "/chat", Some(1), "[1]"),
            ),
            ("61-3[1]", packet(Kind::Ack(1), "/", Some(3), "[1]")),
        ];
        for (text, packet) in cases {
            assert_eq!(Packet::parse(text), Some(packet), "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_of_a_client_is_none() {
        for text in [
            "", "4{}", "7", "x", "é", "5[1]", "5x-[1]", "5-[1]", "5-1-[1]",
        ] {
            assert_eq!(Packet::parse(text), None, "{text}");
        }
        let long = format!("2{}[1]", "9".repeat(30));
        assert_eq!(Packet::parse(&long), None);
    }
}
