//! Coming back: the rooms a user was in, and what was said there meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json, value::RawValue};
use starling_kernel::{
    envelope::{Envelope, Position},
    error::{AppError, Code},
    feature::Services,
    hub::{Admission, EncodePart},
    id::RoomName,
    membership::Joining,
    ports::{Entry, Leave, Page, PortResult},
    session::Session,
    topic::Topic,
};

use super::payload::{MissedMessages, Restored};

/// Bytes of messages that the answer carries in all; the rest follows in parts.
const MISSED_BYTES: usize = 256 * 1024;

/// Entries read of a room at once.
const READ: usize = 100;

/// What became of the user's rooms.
#[derive(Default)]
pub(super) struct Rooms {
    back: Vec<Back>,
    /// Rooms that the client asked about and is not in any more.
    not_back: Vec<RoomName>,
    /// Rooms that a passing fault kept it out of.
    failed: Vec<RoomName>,
}

/// A room that the connection is back in.
struct Back {
    room: RoomName,
    way: Way,
    /// What it missed, where it asked.
    missed: Option<Missed>,
}

/// How it is let in.
enum Way {
    /// Anew.
    In(Joining),
    /// It was in on this connection, and waits meanwhile.
    Again(Admission),
    /// It was in, and nothing changes for it.
    Stays,
}

struct Missed {
    messages: Vec<Box<RawValue>>,
    /// Whether nothing is missing between what the client has and this.
    recovered: bool,
    /// Up to where this goes, and whether there is more.
    at: Position,
    more: bool,
}

/// Enters the rooms that the user is still a member of.
pub(super) async fn rooms(
    services: &Services,
    session: &Arc<Session>,
    rooms: Vec<RoomName>,
    mut last_seq: BTreeMap<RoomName, u64>,
) -> Rooms {
    let mut all = Rooms::default();
    let mut left = MISSED_BYTES;
    for room in rooms {
        let after = last_seq.remove(&room);
        match come_back(services, session, &room, after, &mut left).await {
            Ok(back) => all.back.push(back),
            Err(error) if error.code.retryable() => all.failed.push(room),
            // It has been left, or is another room of that name.
            Err(_) if after.is_some() => all.not_back.push(room),
            Err(_) => {}
        }
    }
    all.not_back.extend(last_seq.into_keys());
    all
}

async fn come_back(
    services: &Services,
    session: &Arc<Session>,
    room: &RoomName,
    after: Option<u64>,
    left: &mut usize,
) -> Result<Back, AppError> {
    let membership = &services.membership;
    let way = if !session.in_room(room) {
        Way::In(membership.enter(session, room, &Entry::Return, 0).await?)
    } else if after.is_none() {
        Way::Stays
    } else {
        let waiting = services.hub.admit_again(session, &Topic::room(room));
        waiting.map_or(Way::Stays, Way::Again)
    };
    let missed = match (after, &way) {
        (None, _) => None,
        // It is being given what it misses.
        (Some(after), Way::Stays) => Some(Missed::nothing(after)),
        (Some(after), _) => match missed(services, session, room, after, left).await {
            Ok(Some(missed)) => Some(missed),
            // A repeat begins where this would have.
            _ => {
                if let Way::In(joining) = way {
                    drop(joining);
                    let how = Leave::AfterGrace;
                    membership.leave(session, room, how).await;
                }
                return Err(AppError::new(Code::Unavailable, "not restored"));
            }
        },
    };
    Ok(Back {
        room: room.clone(),
        way,
        missed,
    })
}

impl Missed {
    fn nothing(after: u64) -> Self {
        Self {
            messages: Vec::new(),
            recovered: true,
            at: Position {
                epoch: Arc::default(),
                seq: after,
            },
            more: false,
        }
    }
}

/// Reads what came after `after`, as much as there is `left` for; `None` where it cannot be told now.
async fn missed(
    services: &Services,
    session: &Session,
    room: &RoomName,
    after: u64,
    left: &mut usize,
) -> PortResult<Option<Missed>> {
    let topic = Topic::room(room);
    let created = session.created(&topic).unwrap_or_default();
    let read = async |after, most| {
        let page = services.backend.log.after(&topic, after, most).await?;
        page.of(created)
    };
    let most = |left: usize| if left == 0 { 1 } else { READ };
    let mut page = read(after, most(*left)).await?;
    let recovered = page.recovers(after);
    let mut at = page.place(after);
    if !recovered {
        page = read(0, most(*left)).await?;
        at = page.place(page.entries.first().map_or(page.head, |(seq, _)| seq - 1));
    }
    let mut messages = Vec::new();
    loop {
        if page.unsettled {
            return Ok(None);
        }
        if !take(&page, &mut at, &mut messages, left) {
            break;
        }
        page = read(at.seq, READ).await?;
        if !page.follows(&at) {
            // Trimmed while it was read: the parts that follow tell of it.
            break;
        }
    }
    Ok(Some(Missed {
        messages,
        recovered,
        more: at.seq < page.head,
        at,
    }))
}

/// As many messages as there is `left` for; whether there may be more, and room for them.
fn take(
    page: &Page,
    at: &mut Position,
    messages: &mut Vec<Box<RawValue>>,
    left: &mut usize,
) -> bool {
    for ((seq, _), message) in page.entries.iter().zip(page.messages()) {
        let bytes = message.get().len();
        if bytes > *left {
            *left = 0;
            return false;
        }
        *left -= bytes;
        *at = page.place(*seq);
        messages.push(message);
    }
    at.seq < page.head
}

impl Rooms {
    /// Tells the client what it is back in, then lets it hear what comes. Returns the fields of the
    /// acknowledgement, the messages left out.
    pub(super) fn send(self, session: &Session) -> Value {
        let identity = session.identity();
        let (mut missed, mut recovered) = (BTreeMap::new(), BTreeMap::new());
        let nothing = Vec::new();
        for Back {
            room, missed: one, ..
        } in &self.back
        {
            if let Some(one) = one {
                missed.insert(room, &one.messages);
                recovered.insert(room, one.recovered);
            }
        }
        for room in &self.not_back {
            missed.insert(room, &nothing);
            recovered.insert(room, false);
        }
        let rooms: Vec<_> = self.back.iter().map(|back| &back.room).collect();
        let fields = json!({
            "userId": identity.user, "username": identity.username,
            "rooms": rooms, "recovered": recovered, "failed": self.failed,
        });
        let restored = Restored {
            user_id: &identity.user,
            username: &identity.username,
            rooms,
            missed,
            recovered,
            failed: &self.failed,
        };
        session.emit("session-restored", &restored);
        for back in self.back {
            back.open();
        }
        fields
    }
}

impl Back {
    fn open(self) {
        let parts = parts(self.room);
        match (self.way, self.missed) {
            (Way::In(joining), None) => joining.open(),
            (Way::In(joining), Some(missed)) if missed.more => {
                joining.open_behind(missed.at, parts);
            }
            (Way::In(joining), Some(missed)) => joining.open_after(missed.at),
            (Way::Again(waiting), Some(missed)) if missed.more => {
                waiting.open_behind(missed.at, parts);
            }
            (Way::Again(waiting), Some(missed)) => waiting.open_after(missed.at),
            (Way::Again(_) | Way::Stays, _) => {}
        }
    }
}

/// Encodes what did not fit.
fn parts(room: RoomName) -> EncodePart {
    Arc::new(move |messages, more| {
        let part = MissedMessages {
            room_name: &room,
            messages,
            more,
        };
        Envelope::new("missed-messages", &part)
    })
}
