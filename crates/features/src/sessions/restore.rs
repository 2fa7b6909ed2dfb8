//! Coming back: the rooms a user was in, and what was said there meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json, value::RawValue};
use starling_kernel::{
    envelope::{Envelope, Position},
    error::{AppError, Code},
    feature::Services,
    hub::EncodePart,
    id::RoomName,
    membership::Joining,
    ports::{Entry, Page, PortResult},
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
    /// Not there where the connection was in all the time.
    joining: Option<Joining>,
    /// What it missed, where it asked.
    missed: Option<Missed>,
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
    let joining = match session.in_room(room) {
        true => None,
        false => Some(membership.enter(session, room, &Entry::Return, 0).await?),
    };
    let missed = match after {
        None => None,
        Some(after) => match missed(services, room, after, left).await {
            Ok(Some(missed)) => Some(missed),
            // A repeat begins where this would have.
            _ => {
                if joining.is_some() {
                    membership.lose(session, room).await;
                }
                return Err(AppError::new(Code::Unavailable, "not restored"));
            }
        },
    };
    Ok(Back {
        room: room.clone(),
        joining,
        missed,
    })
}

/// Reads what came after `after`, as much as there is `left` for; `None` where it cannot be told now.
async fn missed(
    services: &Services,
    room: &RoomName,
    after: u64,
    left: &mut usize,
) -> PortResult<Option<Missed>> {
    let (topic, log) = (Topic::room(room), &services.backend.log);
    let most = if *left == 0 { 1 } else { READ };
    let mut page = log.after(&topic, after, most).await?;
    if page.unsettled {
        return Ok(None);
    }
    let recovered = page.recovers(after);
    let mut from = page.place(after);
    if !recovered {
        page = log.after(&topic, 0, most).await?;
        from = page.place(page.entries.first().map_or(page.head, |(seq, _)| seq - 1));
    }
    Ok(Some(take(&page, from, recovered, left)))
}

/// As many messages as there is `left` for.
fn take(page: &Page, from: Position, recovered: bool, left: &mut usize) -> Missed {
    let (mut at, mut messages) = (from, Vec::new());
    for ((seq, _), message) in page.entries.iter().zip(page.messages()) {
        let bytes = message.get().len();
        if bytes > *left {
            *left = 0;
            break;
        }
        *left -= bytes;
        at = page.place(*seq);
        messages.push(message);
    }
    Missed {
        messages,
        recovered,
        more: at.seq < page.head,
        at,
    }
}

impl Rooms {
    /// Tells the client what it is back in, then lets it hear what comes. Returns the fields of the
    /// acknowledgement, the messages left out.
    pub(super) fn send(self, services: &Services, session: &Arc<Session>) -> Value {
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
            back.open(services, session);
        }
        fields
    }
}

impl Back {
    fn open(self, services: &Services, session: &Arc<Session>) {
        let parts = parts(self.room.clone());
        match (self.joining, self.missed) {
            (Some(joining), None) => joining.open(),
            (Some(joining), Some(missed)) if missed.more => joining.open_behind(missed.at, parts),
            (Some(joining), Some(missed)) => joining.open_after(missed.at),
            (None, Some(missed)) if missed.more => {
                let topic = Topic::room(&self.room);
                services.hub.rewind(session, &topic, missed.at, parts);
            }
            (None, _) => {}
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
