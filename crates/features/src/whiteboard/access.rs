//! Which board a connection is on, and whether it may be there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::json;
use starling_kernel::{
    error::{AppError, Code},
    feature::Services,
    id::{ConnId, RoomName},
    session::Session,
    topic::Topic,
};
use tokio::time::sleep;

use super::WHITEBOARD;
use crate::common::{room_streams::room_stream, vouched};

/// Where nothing else is said.
const DEFAULT: &str = "default";

/// How long somebody who may not be there any more stays at most.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The board that the connection named.
fn named(session: &Session) -> Result<RoomName, AppError> {
    let named = session.handshake.room.as_deref();
    RoomName::parse(named.filter(|name| !name.is_empty()).unwrap_or(DEFAULT))
}

/// Who may be on a board: the rules of the room of that name.
pub(super) struct Access {
    services: Arc<Services>,
    require_grant: bool,
    /// The board that each connection is on.
    seats: Mutex<HashMap<ConnId, Topic>>,
}

impl Access {
    pub(super) fn new(services: Arc<Services>, require_grant: bool) -> Arc<Self> {
        Arc::new(Self {
            services,
            require_grant,
            seats: Mutex::default(),
        })
    }

    /// Gives the connection its place on the board that it named.
    pub(super) async fn enter(&self, session: &Session) -> Result<Topic, AppError> {
        let board = self.find(session).await?;
        self.lock().insert(session.conn.clone(), board.clone());
        Ok(board)
    }

    /// The board that it is on.
    pub(super) fn board(&self, session: &Session) -> Result<Topic, AppError> {
        let board = self.lock().get(&session.conn).cloned();
        board.ok_or_else(AppError::not_authorized)
    }

    /// It is on no board any more; returns the one that it was on.
    pub(super) fn leave(&self, session: &Session) -> Option<Topic> {
        self.lock().remove(&session.conn)
    }

    /// A private room's board is that room's alone: the next room of its name does not get it, nor does
    /// anybody when it has gone.
    async fn find(&self, session: &Session) -> Result<Topic, AppError> {
        let (name, user) = (named(session)?, session.identity().user);
        let room = self.services.backend.rooms.room(&name, &user).await?;
        let open = match &room {
            Some(room) => room.granted || room.member || !(room.private || self.require_grant),
            None => !self.require_grant,
        };
        if !open && !vouched(session, &name) {
            return Err(AppError::not_authorized());
        }
        Ok(match room.filter(|room| room.private) {
            Some(room) => room_stream(WHITEBOARD, &name, room.created),
            None => Topic::stream(WHITEBOARD, "board", name),
        })
    }

    /// Looks again now and then, for as long as it is there: a room of that name may be created, and
    /// members leave theirs. Who may not stay is told why, and put out for good; whose board is another
    /// one now is cut, and comes back to that.
    pub(super) async fn watch(self: Arc<Self>, session: Arc<Session>, board: Topic) {
        loop {
            sleep(LOOK_AGAIN).await;
            if !self.services.hub.listens(&session, &board) {
                return;
            }
            match self.find(&session).await {
                Err(error) if error.code == Code::NotAuthorized => {
                    let why = json!({"code": error.code, "message": error.message});
                    session.emit("error", &why);
                    self.services.hub.leave(&session, &board);
                    return session.peer.disconnect();
                }
                Ok(other) if other != board => return session.peer.kill(),
                _ => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnId, Topic>> {
        self.seats.lock().expect("no panic while held")
    }
}
