//! `/whiteboard`: boards that many draw on, each on the one that it named when it connected.

mod access;
mod boards;
mod events;
mod ink;
mod payload;
mod picture;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use starling_kernel::{
    envelope::{Draft, Envelope, Keep, Weight},
    error::{AppError, Code},
    feature::{Call, Feature, Reply, Routes, Services, done, reply},
    ports::Page,
    session::Session,
    topic::{Namespace, Topic},
};

use crate::common::{Nothing, once};
use access::Access;
use boards::Boards;
use ink::Ink;
use payload::{Clear, Cleared, Cursor, Draw, Drawn, NoCursor, Point, Undo, Undone};
use picture::{BYTES, ENTRIES, Picture, weight};

const WHITEBOARD: Namespace = "/whiteboard";

/// After this time without a stroke a board is forgotten.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const DRAWS: Keep = Keep::All(ENTRIES, BYTES, REMEMBERED);

/// On a full board something can still be taken back, though that makes no room.
const UNDOS: Keep = Keep::All(ENTRIES + 1_000, BYTES, REMEMBERED);

pub(crate) struct Whiteboard {
    services: Arc<Services>,
    access: Arc<Access>,
    boards: Arc<Boards>,
    ink: Ink,
}

impl Whiteboard {
    pub(crate) fn new(services: Arc<Services>, require_grant: bool) -> Self {
        Self {
            access: Access::new(services.clone(), require_grant),
            boards: Boards::new(services.clone()),
            ink: Ink::new(services.clone()),
            services,
        }
    }

    /// What is there comes first, then what is drawn from now on.
    async fn enter(&self, session: &Arc<Session>) -> Result<(), AppError> {
        let board = self.access.enter(session).await?;
        if !session.takes_more().await {
            return Err(AppError::unavailable());
        }
        let admission = self.services.hub.admit(session, &board).await?;
        let (picture, at) = self.boards.open(&board).await?;
        session.send(&picture);
        admission.open_after(at);
        tokio::spawn(self.access.clone().watch(session.clone(), board));
        Ok(())
    }

    /// The others get it: its sender has drawn it already, and twice may not look as once.
    async fn draw(self: Arc<Self>, call: Call<Draw>) -> Reply {
        let user = call.session.identity().user;
        let drawn = Drawn {
            draw: &call.command,
            user_id: &user,
            timestamp: self.services.clock.now(),
        };
        let draft = Draft::new("draw", &drawn)?
            .keep(DRAWS)
            .weighing(weight(&call.command, &user))
            .except(&call.session.conn);
        self.store(&call.session, &draft, call.command.client_id)
            .await
    }

    async fn undo(self: Arc<Self>, call: Call<Undo>) -> Reply {
        let undone = Undone {
            stroke: &call.command.stroke,
            user_id: &call.session.identity().user,
            timestamp: self.services.clock.now(),
        };
        let draft = Draft::new("undone", &undone)?
            .keep(UNDOS)
            .weighing(Weight::default())
            .except(&call.session.conn);
        self.store(&call.session, &draft, call.command.client_id)
            .await
    }

    async fn clear(self: Arc<Self>, call: Call<Clear>) -> Reply {
        let identity = call.session.identity();
        let cleared = Cleared {
            user_id: &identity.user,
            username: &identity.username,
            timestamp: self.services.clock.now(),
        };
        let draft = Draft::new("board-cleared", &cleared)?
            .keep(UNDOS)
            .weighing(Weight::default())
            .clearing();
        self.store(&call.session, &draft, call.command.client_id)
            .await
    }

    async fn store(&self, session: &Session, draft: &Draft, client_id: Option<String>) -> Reply {
        let topic = self.access.board(session)?;
        let bytes = draft.head.len() + draft.tail.len();
        self.ink.take(session, bytes).await?;
        let once = once(&session.identity(), client_id);
        let stored = self.services.hub.store(&topic, draft, once.as_ref()).await;
        let position = stored.map_err(say_what_to_do)?.position;
        reply(json!({"id": position.id(), "seq": position.seq}))
    }

    async fn point(self: Arc<Self>, call: Call<Point>) -> Reply {
        let identity = call.session.identity();
        let cursor = Cursor {
            user_id: &identity.user,
            username: &identity.username,
            at: &call.command,
        };
        self.tell_cursor(&call.session, Envelope::new("cursor-move", &cursor));
        done()
    }

    async fn unpoint(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        self.remove_cursor(&call.session);
        done()
    }

    fn remove_cursor(&self, session: &Session) {
        let user = session.identity().user;
        let gone = Envelope::new("cursor-remove", &NoCursor { user_id: &user });
        self.tell_cursor(session, gone);
    }

    /// What is told last of a cursor is what holds: neither overtakes the other.
    fn tell_cursor(&self, session: &Session, envelope: Envelope) {
        if let Ok(board) = self.access.board(session) {
            let (hub, conn) = (&self.services.hub, &session.conn);
            hub.publish_latest(&board, conn.as_str(), envelope.except(conn));
        }
    }
}

fn say_what_to_do(error: AppError) -> AppError {
    match error.code {
        Code::Full => AppError::new(Code::Full, "The board is full: clear it first"),
        _ => error,
    }
}

#[async_trait]
impl Feature for Whiteboard {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .tell(WHITEBOARD, &events::CAME)
            .on(WHITEBOARD, &events::DRAW, &self, Self::draw)
            .on(WHITEBOARD, &events::UNDO, &self, Self::undo)
            .on(WHITEBOARD, &events::CLEAR, &self, Self::clear)
            .on(WHITEBOARD, &events::POINT, &self, Self::point)
            .on(WHITEBOARD, &events::UNPOINT, &self, Self::unpoint)
            .tell(WHITEBOARD, &events::GONE);
    }

    async fn connected(&self, session: &Arc<Session>) -> Result<(), AppError> {
        match session.namespace {
            WHITEBOARD => {
                let entered = self.enter(session).await;
                if entered.is_err() {
                    self.disconnected(session).await;
                }
                entered
            }
            _ => Ok(()),
        }
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        if session.namespace != WHITEBOARD {
            return;
        }
        self.remove_cursor(session);
        self.ink.forget(session);
        if let Some(board) = self.access.leave(session) {
            self.services.hub.leave(session, &board);
        }
    }

    /// The strokes that somebody misses were cleared meanwhile, or are lost: they are shown what there is.
    fn broken(&self, topic: &Topic, page: &Page) -> Option<Envelope> {
        let Topic::Stream(WHITEBOARD, _) = topic else {
            return None;
        };
        if page.entries.len() < self.services.limits.history {
            // It is the whole log.
            return Some(Picture::of(page).envelope());
        }
        tokio::spawn(self.boards.clone().show_all(topic.clone()));
        None
    }
}
