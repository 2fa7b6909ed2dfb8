//! A message on its way: encoded once, by whoever sends it.

mod frames;

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use frames::Frames;

use crate::{
    error::AppError,
    id::{ConnId, UserId},
    session::Session,
    time::Stamp,
    topic::Namespace,
};

/// Messages of rooms and of the chat: one argument, an object, and no attachments. A client that asked
/// for batches gets them together.
pub const BATCHED: [&str; 2] = ["chat-message", "room-message"];

/// What tells a client where it stands among those: a message that was sent after one of these never
/// comes before it, in a batch or not.
pub const LANDMARKS: [&str; 6] = [
    "history",
    "joined-room",
    "missed-messages",
    "room-created",
    "room-history",
    "session-restored",
];

/// An event with its arguments, encoded for the wire.
///
/// `text` is the JSON array of a Socket.IO event, `["name",arg,…]`; binary parts of the arguments
/// stand in it as `{"_placeholder":true,"num":i}` and follow as `attachments`
/// ([Socket.IO protocol v5, "Binary event"](https://socket.io/docs/v4/socket-io-protocol/)).
/// Cloning is cheap: everything is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Event name, also in `text`; kept apart for metrics and for transports that name events.
    pub event: String,
    /// The complete JSON array. Always valid UTF-8.
    pub text: Bytes,
    /// Binary parts, in the order of their placeholders.
    pub attachments: Vec<Bytes>,
    /// The connection that must not get it, usually the sender's.
    pub except: Option<ConnId>,
    /// The user whose connections must not get it. On this node only.
    pub except_user: Option<UserId>,
    /// Whether only the newest matters: dropped rather than queued for a slow client.
    pub volatile: bool,
    /// Of those with the same key on a topic only the newest is handed to connections, at most every
    /// 50 ms on each node; unlike what is `volatile` it is not dropped for the slow. What a node hears
    /// last of a key its connections get last. Nothing is promised about the order of different keys:
    /// what must not be overtaken by others has the same key. Not for what is stored.
    pub newest_of: Option<String>,
    /// To a room: when that was created. In another one of its name nobody gets it.
    pub created: Stamp,
    /// What transports have made of it ([`Envelope::encoded`]).
    pub frames: Frames,
}

impl Envelope {
    /// Encodes `event` with one argument.
    pub fn new(event: &str, data: &impl Serialize) -> Self {
        Self::with_args(event, &(data,))
    }

    /// Encodes `event` with the arguments of a tuple or slice: `&()`, `&(a,)`, `&(a, b)`, …
    pub fn with_args(event: &str, args: &impl Serialize) -> Self {
        let name = serde_json::to_string(event).unwrap_or_else(|_| "\"\"".into());
        let args = serde_json::to_string(args).unwrap_or_else(|_| "[]".into());
        let inner = args
            .strip_prefix('[')
            .and_then(|a| a.strip_suffix(']'))
            .unwrap_or_default();
        let comma = if inner.is_empty() { "" } else { "," };
        Self {
            event: event.to_owned(),
            text: format!("[{name}{comma}{inner}]").into(),
            attachments: Vec::new(),
            except: None,
            except_user: None,
            volatile: false,
            newest_of: None,
            created: Stamp::default(),
            frames: Frames::default(),
        }
    }

    /// What a transport makes of it, once for all its receivers of a namespace. Its text and its
    /// attachments do not change any more then.
    pub fn encoded<T: Any + Send + Sync>(&self, namespace: Namespace, make: impl Fn() -> T) -> &T {
        self.frames.get_or_make(namespace, make)
    }

    /// The same, to the room that was created then.
    pub fn to_room(mut self, created: Stamp) -> Self {
        self.created = created;
        self
    }

    /// The same, not to be sent to `conn`.
    pub fn except(mut self, conn: &ConnId) -> Self {
        self.except = Some(conn.clone());
        self
    }

    /// Whether this connection may get it.
    pub fn is_for(&self, session: &Session) -> bool {
        self.except.as_ref() != Some(&session.conn)
            && !(self.except_user.as_ref()).is_some_and(|user| session.is_of(user))
    }

    /// The same, of which only the newest of `key` matters.
    pub fn newest_of(mut self, key: &str) -> Self {
        self.newest_of = Some(key.to_owned());
        self
    }

    /// The first argument, for transports and lists that do without the event's name.
    pub fn data(&self) -> Option<Box<RawValue>> {
        let args: Vec<Box<RawValue>> = serde_json::from_slice(&self.text).ok()?;
        args.into_iter().nth(1)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

/// Where a stored message stands in its topic's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Names one life of the log: changes when the log began anew. Shared, as each listener keeps it.
    pub epoch: Arc<str>,
    /// Grows by one for each message; the first is 1.
    pub seq: u64,
}

/// How a message stands to somebody who has everything up to some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// They have it.
    Old,
    /// It is the very next.
    Next,
    /// Something is missing between, or the log is in another life.
    Gap,
}

impl Position {
    /// Before the first message of whatever life the log is in or will be.
    pub fn start() -> Self {
        Self {
            epoch: Arc::default(),
            seq: 0,
        }
    }

    /// Whether this is [`Position::start`].
    pub fn is_start(&self) -> bool {
        self.epoch.is_empty()
    }

    /// Whether both are of one life of the log; the start is of any.
    pub fn same_life(&self, epoch: &str) -> bool {
        self.is_start() || *self.epoch == *epoch
    }

    /// How `next` stands to somebody who has everything up to here.
    pub fn step_to(&self, next: &Self) -> Step {
        if !self.same_life(&next.epoch) {
            Step::Gap
        } else if next.seq <= self.seq {
            Step::Old
        } else if next.seq == self.seq + 1 {
            Step::Next
        } else {
            Step::Gap
        }
    }

    /// Becomes `next`; where that is of the same life nothing is shared anew.
    pub(crate) fn go_to(&mut self, next: &Self) {
        if self.epoch != next.epoch {
            self.epoch = next.epoch.clone();
        }
        self.seq = next.seq;
    }

    /// The message id that clients see: unique in the cluster.
    pub fn id(&self) -> String {
        format!("{}-{}", self.epoch, self.seq)
    }
}

/// How much is kept of a log that is no room's, and for how long after its newest entry. Then it is
/// deleted, and the next one begins another life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So many of the newest entries; the oldest are trimmed.
    Newest(usize, Duration),
    /// All, up to so many entries and bytes ([`Weight`]); more are refused
    /// ([`crate::ports::PortError::Full`]), until an entry that clears makes room.
    All(usize, usize, Duration),
}

/// What an entry counts against the bytes of [`Keep::All`], for whom its text is not what matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Its own bytes.
    pub bytes: usize,
    /// What it may have in common with others, and bytes that count once, with the first of them.
    pub shared: Option<(String, usize)>,
}

/// A message still without its place in the log.
///
/// The place is only known inside the backend's atomic step, so the text is handed over in two
/// halves and the backend writes `"id":"…","seq":n,` between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Event name.
    pub event: String,
    /// `["name",{`
    pub head: String,
    /// `"field":…}]`
    pub tail: String,
    /// To a room: when that was created. Another one of its name does not take it.
    pub created: Stamp,
    /// For a log that is no room's; as the backend is configured, and for good, if nothing is said.
    pub keep: Option<Keep>,
    /// Everything before it is removed from the log.
    pub clears: bool,
    /// The connection that is not given it, as it knows what it sent.
    pub except: Option<ConnId>,
    /// What it weighs; its text, if nothing is said.
    pub weight: Option<Weight>,
}

impl Draft {
    /// Encodes `event` with one argument, which must be a non-empty JSON object.
    pub fn new(event: &str, data: &impl Serialize) -> Result<Self, AppError> {
        let name = serde_json::to_string(event).map_err(|_| AppError::invalid("event"))?;
        let data = serde_json::to_string(data).map_err(|_| AppError::invalid("data"))?;
        match data.strip_prefix('{') {
            Some(rest) if rest != "}" => Ok(Self {
                event: event.to_owned(),
                head: format!("[{name},{{"),
                tail: format!("{rest}]"),
                created: Stamp::default(),
                keep: None,
                clears: false,
                except: None,
                weight: None,
            }),
            _ => Err(AppError::invalid(
                "a stored message is a JSON object with a field",
            )),
        }
    }

    /// The same, to the room that was created then.
    pub fn to_room(mut self, created: Stamp) -> Self {
        self.created = created;
        self
    }

    /// The same, in a log of which so much is kept.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }

    /// The same, with which the log begins anew: everything before it is removed.
    pub fn clearing(mut self) -> Self {
        self.clears = true;
        self
    }

    /// The same, not to be given to `conn`, which goes on after it all the same.
    pub fn except(mut self, conn: &ConnId) -> Self {
        self.except = Some(conn.clone());
        self
    }

    /// The same, which counts so much against [`Keep::All`].
    pub fn weighing(mut self, weight: Weight) -> Self {
        self.weight = Some(weight);
        self
    }

    /// What it counts against [`Keep::All`]: else its text, but for its place.
    pub fn weight(&self) -> Weight {
        self.weight.clone().unwrap_or_else(|| Weight {
            bytes: self.head.len() + self.tail.len(),
            shared: None,
        })
    }

    /// The message as it is delivered from `position`.
    pub fn at(&self, position: &Position) -> Envelope {
        let (id, seq) = (position.id(), position.seq);
        let text = format!("{}\"id\":\"{id}\",\"seq\":{seq},{}", self.head, self.tail);
        Envelope {
            event: self.event.clone(),
            text: text.into(),
            attachments: Vec::new(),
            except: self.except.clone(),
            except_user: None,
            volatile: false,
            newest_of: None,
            created: self.created,
            frames: Frames::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_envelope_is_a_socket_io_event_array() {
        assert_eq!(Envelope::with_args("pong", &()).as_str(), r#"["pong"]"#);
        assert_eq!(
            Envelope::new("a\"b", &json!({"x": 1})).as_str(),
            r#"["a\"b",{"x":1}]"#
        );
        assert_eq!(
            Envelope::with_args("l", &(json!([1]), 2)).as_str(),
            r#"["l",[1],2]"#
        );
    }

    #[test]
    fn a_draft_takes_its_id_and_seq_from_its_place() {
        let draft = Draft::new("room-message", &json!({"text": "hi"})).unwrap();
        let at = draft.at(&Position {
            epoch: "e".into(),
            seq: 7,
        });
        assert_eq!(
            at.as_str(),
            r#"["room-message",{"id":"e-7","seq":7,"text":"hi"}]"#
        );
        assert!(Draft::new("x", &json!({})).is_err());
        assert!(Draft::new("x", &json!([1])).is_err());
    }
}
