//! Coming back: the rooms a user was in, and what was said there meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use serde_json::{Value, json};
use starling_kernel::{
    error::AppError,
    feature::Services,
    id::RoomName,
    ports::{Entry, Leave, Page},
    session::{Identity, Session},
    topic::Topic,
};

use super::payload::Restored;
use crate::common::{Joining, Membership, matches};

/// Messages per room that a client is given on its return; the rest counts as trimmed.
const MISSED: usize = 1_000;

/// The rooms a connection is back in, not yet open.
pub(super) struct Rooms {
    back: Vec<(RoomName, Joining, Caught)>,
    /// Rooms that the client asked about and is not in any more.
    not_back: Vec<RoomName>,
}

/// What the client missed of a room.
struct Caught {
    /// Where to go on.
    page: Page,
    /// Whether the client had asked, and then whether nothing is missing.
    recovered: Option<bool>,
}

/// Enters the rooms anew. One that cannot be entered is left out: the client sees which it is in.
pub(super) async fn rooms(
    services: &Arc<Services>,
    membership: &Membership,
    session: &Arc<Session>,
    rooms: &[RoomName],
    last_seq: BTreeMap<RoomName, u64>,
) -> Rooms {
    let enter = |room: &RoomName| {
        let (room, after) = (room.clone(), last_seq.get(room).copied());
        async move { enter(services, membership, session, room, after).await.ok() }
    };
    let back: Vec<_> = join_all(rooms.iter().map(enter))
        .await
        .into_iter()
        .flatten()
        .collect();
    let is_back = |room: &RoomName| back.iter().any(|(name, ..)| name == room);
    let not_back = last_seq.into_keys().filter(|room| !is_back(room)).collect();
    Rooms { back, not_back }
}

async fn enter(
    services: &Services,
    membership: &Membership,
    session: &Arc<Session>,
    room: RoomName,
    after: Option<u64>,
) -> Result<(RoomName, Joining, Caught), AppError> {
    let vouched = session
        .claims()
        .rooms
        .iter()
        .any(|pattern| matches(pattern, room.as_str()));
    let joining = membership
        .enter(session, &room, Entry::Join { granted: vouched })
        .await?;
    match catch_up(services, &room, after).await {
        Ok(caught) => Ok((room, joining, caught)),
        Err(error) => {
            membership.exit(session, &room, Leave::AfterGrace).await;
            Err(error)
        }
    }
}

async fn catch_up(
    services: &Services,
    room: &RoomName,
    after: Option<u64>,
) -> Result<Caught, AppError> {
    let (topic, log) = (Topic::room(room), &services.backend.log);
    let Some(after) = after else {
        return Ok(Caught {
            page: log.latest(&topic, 0).await?,
            recovered: None,
        });
    };
    let page = log.after(&topic, after, MISSED).await?;
    let from = page.place(after);
    if page.follows(&from) && page.is_last(&from) {
        return Ok(Caught {
            page,
            recovered: Some(true),
        });
    }
    let page = log.latest(&topic, MISSED).await?;
    Ok(Caught {
        page,
        recovered: Some(false),
    })
}

impl Rooms {
    /// Tells the client what it is back in, then lets it hear what comes. Returns the fields of the
    /// acknowledgement, the messages left out.
    pub(super) fn send(self, session: &Session, identity: &Identity) -> Value {
        let asked = || {
            self.back
                .iter()
                .filter_map(|(room, _, c)| c.recovered.map(|r| (room, r, c)))
        };
        let mut missed: BTreeMap<_, _> = asked()
            .map(|(room, _, c)| (room, c.page.messages()))
            .collect();
        let mut recovered: BTreeMap<_, _> = asked().map(|(room, r, _)| (room, r)).collect();
        for room in &self.not_back {
            missed.insert(room, Vec::new());
            recovered.insert(room, false);
        }
        let rooms: Vec<_> = self.back.iter().map(|(room, ..)| room).collect();
        let fields = json!({
            "userId": identity.user, "username": identity.username,
            "rooms": rooms, "recovered": recovered,
        });
        let restored = Restored {
            user_id: &identity.user,
            username: &identity.username,
            rooms,
            missed,
            recovered,
        };
        session.emit("session-restored", &restored);
        for (_, joining, caught) in self.back {
            joining.open_after(caught.page.end());
        }
        fields
    }
}
