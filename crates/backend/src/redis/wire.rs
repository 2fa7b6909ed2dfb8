//! What travels on channels and is stored in logs: two lines and then the content.
//!
//! ```text
//! <epoch>-<seq>            empty for what is not stored
//! {"k":"m","e":"draw",…}   what it is, as JSON
//! ["draw",{…}]…            the text, then the attachments one after the other
//! ```
//!
//! The first line and a draft's missing middle are written by Lua, in the step that knows them.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use starling_kernel::{
    envelope::{Draft, Envelope, Position},
    id::ConnId,
    ports::{Parcel, TellCounts, Transition},
    time::Stamp,
};

/// The second line. Only what differs from the usual is written.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    #[serde(rename = "k")]
    kind: Kind,
    /// The event's name.
    #[serde(rename = "e", default, skip_serializing_if = "str::is_empty", borrow)]
    event: Cow<'a, str>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    except: Option<ConnId>,
    #[serde(rename = "v", default, skip_serializing_if = "std::ops::Not::not")]
    volatile: bool,
    /// The key of which it is the newest.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none", borrow)]
    newest_of: Option<Cow<'a, str>>,
    /// Lengths of the attachments, in bytes.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<usize>,
    /// When the room was created that it is to.
    #[serde(rename = "c", default, skip_serializing_if = "is_no_room")]
    created: Stamp,
    /// Who published it, if that one must not hear it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none", borrow)]
    origin: Option<Cow<'a, str>>,
}

fn is_no_room(created: &Stamp) -> bool {
    *created == Stamp::default()
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "m")]
    Message,
    /// Written by Lua only.
    #[serde(rename = "t")]
    Transition,
    #[serde(rename = "o")]
    Order,
}

impl Header<'_> {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            event: Cow::Borrowed(""),
            except: None,
            volatile: false,
            newest_of: None,
            attachments: Vec::new(),
            created: Stamp::default(),
            origin: None,
        }
    }

    fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What came in.
#[derive(Debug, PartialEq)]
pub(super) struct Received {
    pub(super) position: Option<Position>,
    pub(super) parcel: Parcel,
    pub(super) origin: Option<String>,
}

/// The second line of a stored message.
pub(super) fn draft_header(draft: &Draft) -> String {
    let header = Header {
        event: Cow::Borrowed(&draft.event),
        except: draft.except.clone(),
        created: draft.created,
        ..Header::of(Kind::Message)
    };
    header.line()
}

/// A parcel that is published but not stored.
pub(super) fn encode(parcel: &Parcel, origin: &str) -> Vec<u8> {
    let origin = Some(Cow::Borrowed(origin));
    match parcel {
        Parcel::Message(envelope) => encode_message(envelope, origin),
        Parcel::Order(order) => encode_json(Kind::Order, order, origin),
        Parcel::Transition(transition) => encode_json(Kind::Transition, transition, origin),
    }
}

/// A message that a script publishes: the node that runs it hears it as well.
pub(super) fn encode_told(envelope: &Envelope) -> Vec<u8> {
    encode_message(envelope, None)
}

/// What comes before the counts that a script writes and publishes, and what after them.
pub(super) fn around_counts(tell: &TellCounts) -> (String, String) {
    let header = Header {
        event: Cow::Borrowed(&tell.event),
        newest_of: tell.newest_of.as_deref().map(Cow::Borrowed),
        ..Header::of(Kind::Message)
    };
    (
        format!("\n{}\n{}", header.line(), tell.head),
        tell.tail.clone(),
    )
}

fn encode_message(envelope: &Envelope, origin: Option<Cow<'_, str>>) -> Vec<u8> {
    let header = Header {
        event: Cow::Borrowed(&envelope.event),
        except: envelope.except.clone(),
        volatile: envelope.volatile,
        newest_of: envelope.newest_of.as_deref().map(Cow::Borrowed),
        attachments: envelope.attachments.iter().map(Bytes::len).collect(),
        created: envelope.created,
        origin,
        ..Header::of(Kind::Message)
    };
    let mut body = lines(&header, &envelope.text);
    let attachments = envelope.attachments.iter();
    attachments.for_each(|each| body.extend_from_slice(each));
    body
}

fn encode_json(kind: Kind, content: &impl Serialize, origin: Option<Cow<'_, str>>) -> Vec<u8> {
    let header = Header {
        origin,
        ..Header::of(kind)
    };
    lines(&header, &serde_json::to_vec(content).unwrap_or_default())
}

fn lines(header: &Header<'_>, content: &[u8]) -> Vec<u8> {
    let header = header.line();
    let mut body = Vec::with_capacity(header.len() + content.len() + 2);
    body.push(b'\n');
    body.extend_from_slice(header.as_bytes());
    body.push(b'\n');
    body.extend_from_slice(content);
    body
}

/// Reads what [`encode`] or a script wrote; `None` for anything else.
pub(super) fn decode(body: &Bytes) -> Option<Received> {
    let (position, rest) = line(body)?;
    let (header, content) = line(&rest)?;
    let header: Header<'_> = serde_json::from_slice(&header).ok()?;
    let parcel = match header.kind {
        Kind::Message => Parcel::Message(message(&header, content)?.into()),
        Kind::Transition => Parcel::Transition(transition(&content)?),
        Kind::Order => Parcel::Order(serde_json::from_slice(&content).ok()?),
    };
    Some(Received {
        position: read_position(&position)?,
        parcel,
        origin: header.origin.map(Cow::into_owned),
    })
}

/// Splits at the first line feed; nothing is copied.
fn line(body: &Bytes) -> Option<(Bytes, Bytes)> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    Some((body.slice(..end), body.slice(end + 1..)))
}

fn read_position(line: &[u8]) -> Option<Option<Position>> {
    if line.is_empty() {
        return Some(None);
    }
    let (epoch, seq) = std::str::from_utf8(line).ok()?.rsplit_once('-')?;
    Some(Some(Position {
        epoch: epoch.into(),
        seq: seq.parse().ok()?,
    }))
}

fn message(header: &Header<'_>, content: Bytes) -> Option<Envelope> {
    let total = header
        .attachments
        .iter()
        .try_fold(0usize, |sum, len| sum.checked_add(*len))?;
    let mut rest = content.clone();
    let text = rest.split_to(content.len().checked_sub(total)?);
    let is_array = text.starts_with(b"[") && text.ends_with(b"]");
    if !is_array || std::str::from_utf8(&text).is_err() {
        return None;
    }
    let attachments = header.attachments.iter().map(|len| rest.split_to(*len));
    Some(Envelope {
        event: header.event.clone().into_owned(),
        text,
        attachments: attachments.collect(),
        except: header.except.clone(),
        except_user: None,
        volatile: header.volatile,
        newest_of: header.newest_of.as_deref().map(str::to_owned),
        created: header.created,
        frames: Default::default(),
    })
}

fn transition(content: &[u8]) -> Option<Transition> {
    serde_json::from_slice(content).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use starling_kernel::{
        id::UserId,
        ports::{Change, Order},
        time::{Stamp, Timestamp},
        topic::Topic,
    };

    fn round_trip(parcel: Parcel) {
        let body = Bytes::from(encode(&parcel, "me"));
        let received = decode(&body).unwrap();
        assert_eq!(received.parcel, parcel);
        assert_eq!(received.position, None);
        assert_eq!(received.origin.as_deref(), Some("me"));
    }

    #[test]
    fn parcels_survive_the_wire() {
        let odd = Envelope::new("a\n\"b", &json!({"x": "\n"}));
        round_trip(Parcel::Message(odd.into()));
        let mut marked = Envelope::with_args("image", &()).except(&ConnId::trusted("c1"));
        marked.volatile = true;
        marked.newest_of = Some("poll:\n\"1".into());
        marked.created = Stamp(u64::MAX);
        marked.attachments = vec![vec![0, 10, 255].into(), Bytes::new(), vec![b']'; 3].into()];
        round_trip(Parcel::Message(marked.into()));
        round_trip(Parcel::Order(Order::Disconnect {
            user: UserId::trusted("ü\"\\"),
            at: Stamp(7),
        }));
    }

    #[test]
    fn what_lua_writes_is_read() {
        let draft = Draft::new("room-message", &json!({"text": "a\nb"})).unwrap();
        let draft = draft.to_room(Stamp(1_700_000_000_000_001));
        let position = Position {
            epoch: "e".into(),
            seq: 7,
        };
        let text = draft.at(&position);
        let header = draft_header(&draft);
        let body = format!("e-7\n{header}\n{}", text.as_str());
        let received = decode(&Bytes::from(body)).unwrap();
        assert_eq!(received.position, Some(position));
        assert_eq!(received.parcel, Parcel::Message(text.into()));
        assert_eq!(received.origin, None);

        let json = r#"{"kind":"left","place":"\/#r","member":{"user":"ann","username":"A","status":"away"},"conn":null,"at":5,"rooms":["r"]}"#;
        let body = format!("\n{{\"k\":\"t\"}}\n{json}");
        let Parcel::Transition(left) = decode(&Bytes::from(body)).unwrap().parcel else {
            panic!("not a transition");
        };
        assert_eq!((left.kind, left.at), (Change::Left, Timestamp(5)));
        assert_eq!(left.place, "/#r");
    }

    #[test]
    fn counts_that_lua_writes_are_read() {
        let topic = Topic::stream("/", "poll", 1);
        let tell = TellCounts::new(topic, "a\n\"b", &json!({"id": "\n"})).unwrap();
        let tell = tell.newest_of("k\n");
        let (before, after) = around_counts(&tell);
        let body = format!("{before}\"counts\":[2,1],\"total\":3{after}");
        let received = decode(&Bytes::from(body)).unwrap();
        assert_eq!((received.position, received.origin), (None, None));
        assert_eq!(received.parcel, Parcel::Message(tell.with(&[2, 1]).into()));
    }

    #[test]
    fn garbage_is_not_read() {
        let garbage: [&[u8]; 10] = [
            b"",
            b"\n",
            b"\n\n",
            b"\n{}\n[]",
            b"\n{\"k\":\"m\"}\n",
            b"\n{\"k\":\"m\"}\n{}",
            b"\n{\"k\":\"m\"}\n[\"\xff\"]",
            b"x\n{\"k\":\"m\"}\n[\"a\"]",
            b"\n{\"k\":\"m\",\"a\":[9]}\n[\"a\"]",
            b"\n{\"k\":\"m\",\"a\":[18446744073709551615,2]}\n[\"a\"]",
        ];
        for body in garbage {
            assert_eq!(decode(&Bytes::copy_from_slice(body)), None, "{body:?}");
        }
    }
}
