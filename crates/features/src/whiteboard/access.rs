//! Which board a connection is on, and whether it may be there.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use starling_kernel::{
    error::{AppError, Code},
    feature::Services,
    id::RoomName,
    session::Session,
    topic::Topic,
};
use tokio::time::sleep;

use super::WHITEBOARD;
use crate::common::vouched;

/// Where nothing else is said.
const DEFAULT: &str = "default";

/// How long somebody who may not be there any more stays at most.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

const KIND: &str = "board";

/// The board that the connection named.
pub(super) fn board_of(session: &Session) -> Result<RoomName, AppError> {
    let named = session.handshake.room.as_deref();
    RoomName::parse(named.filter(|name| !name.is_empty()).unwrap_or(DEFAULT))
}

pub(super) fn topic_of(board: &RoomName) -> Topic {
    Topic::stream(WHITEBOARD, KIND, board)
}

/// The opposite of [`topic_of`].
pub(super) fn board_in(topic: &Topic) -> Option<RoomName> {
    let Topic::Stream(WHITEBOARD, name) = topic else {
        return None;
    };
    let name = name.strip_prefix(KIND)?.strip_prefix(':')?;
    Some(RoomName::trusted(name))
}

/// Who may be on a board: the rules of the room of that name.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) services: Arc<Services>,
    pub(super) require_grant: bool,
}

impl Access {
    pub(super) async fn check(&self, session: &Session, board: &RoomName) -> Result<(), AppError> {
        if vouched(session, board) {
            return Ok(());
        }
        let user = session.identity().user;
        let open = match self.services.backend.rooms.room(board, &user).await? {
            Some(room) => room.granted || room.member || !(room.private || self.require_grant),
            None => !self.require_grant,
        };
        match open {
            true => Ok(()),
            false => Err(AppError::not_authorized()),
        }
    }

    /// Looks again now and then, for as long as it is there: a room of that name may be created, and
    /// members leave theirs. Who may not stay is told why, and put out for good.
    pub(super) async fn watch(self, session: Arc<Session>, board: RoomName) {
        let topic = topic_of(&board);
        loop {
            sleep(LOOK_AGAIN).await;
            if !self.services.hub.listens(&session, &topic) {
                return;
            }
            match self.check(&session, &board).await {
                Err(error) if error.code == Code::NotAuthorized => {
                    let why = json!({"code": error.code, "message": error.message});
                    session.emit("error", &why);
                    self.services.hub.leave(&session, &topic);
                    return session.peer.disconnect();
                }
                _ => {}
            }
        }
    }
}
