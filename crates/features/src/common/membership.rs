//! The way of a connection into a room and out of it.

use std::sync::Arc;

use starling_kernel::{
    envelope::Position,
    error::AppError,
    feature::Services,
    hub::Admission,
    id::RoomName,
    ports::{Entry, Leave, Member, PortError, Status},
    session::Session,
    topic::Topic,
};

/// Rooms, as connections enter and leave them.
#[derive(Clone)]
pub(crate) struct Membership {
    services: Arc<Services>,
}

/// A connection that is a member, and hears the room once it is let in.
pub(crate) struct Joining {
    admission: Admission,
}

impl Joining {
    /// Lets it hear everything after the history it was sent.
    pub(crate) fn open_after(self, at: Position) {
        self.admission.open_after(at);
    }
}

impl Membership {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    /// Makes the connection a member. On failure nothing is changed.
    ///
    /// It listens first: of what happens after it is a member, nothing is lost.
    pub(crate) async fn enter(
        &self,
        session: &Arc<Session>,
        room: &RoomName,
        entry: Entry,
    ) -> Result<Joining, AppError> {
        let added = session.add_room(room, &self.services.limits)?;
        let entered = self.try_enter(session, room, &entry).await;
        if entered.is_err() && added {
            session.remove_room(room);
        }
        entered
    }

    async fn try_enter(
        &self,
        session: &Arc<Session>,
        room: &RoomName,
        entry: &Entry,
    ) -> Result<Joining, AppError> {
        let topic = Topic::room(room);
        let admission = self.services.hub.admit(session, &topic).await?;
        let identity = session.identity();
        let member = Member {
            user: identity.user,
            username: identity.username,
            status: Status::Online,
        };
        let roster = &self.services.roster;
        match roster.enter(&topic, &member, &session.conn, entry).await {
            Ok(_) => {}
            Err(PortError::NotSent(_) | PortError::Unknown(_) | PortError::Fenced) => {
                return Err(AppError::join_failed());
            }
            Err(error) => return Err(error.into()),
        }
        // A logout elsewhere may have ended this connection meanwhile, and does not know of the room.
        if session.ended() || !session.in_room(room) {
            roster.exit(&topic, &session.conn, Leave::Now).await;
            return Err(AppError::join_failed());
        }
        self.note(session, room, true).await;
        Ok(Joining { admission })
    }

    /// Ends the membership of this connection.
    pub(crate) async fn exit(&self, session: &Arc<Session>, room: &RoomName, leave: Leave) {
        let topic = Topic::room(room);
        self.services.hub.leave(session, &topic);
        session.remove_room(room);
        let gone = self
            .services
            .roster
            .exit(&topic, &session.conn, leave)
            .await;
        if gone {
            self.note(session, room, false).await;
        }
    }

    /// Keeps the user's session in step. It only decides what is offered on a return, so a failure
    /// is not worth failing the join for.
    async fn note(&self, session: &Session, room: &RoomName, add: bool) {
        if session.registered() {
            let user = session.identity().user;
            let online = Topic::Namespace(session.namespace);
            let _ = self
                .services
                .backend
                .presence
                .note_room(&online, &user, room, add)
                .await;
        }
    }
}
