//! Who is present: registering, coming back, status, leaving for good.

mod events;
mod guest;
mod lists;
mod payload;
mod restore;

use std::sync::Arc;

use crate::{
    PresenceScope,
    common::{Nothing, User, name_guest, not_to_oneself},
};
use async_trait::async_trait;
use guest::Guests;
use lists::PresenceLists;
use payload::{Offline, Present, Register, Restore, SetStatus};
use serde_json::json;
use starling_kernel::{
    envelope::Envelope,
    error::{AppError, Code},
    feature::{Call, Feature, Reply, Routes, Services, done, reply},
    hub::Hub,
    ports::{Change, Member, Page, Transition},
    session::Session,
    topic::{Namespace, Topic},
};

/// Where users are online.
const ROOT: Namespace = "/";

pub(crate) struct Sessions {
    services: Arc<Services>,
    guests: Arc<Guests>,
    scope: PresenceScope,
    lists: Arc<PresenceLists>,
}

impl Sessions {
    pub(crate) fn new(services: Arc<Services>, scope: PresenceScope) -> Self {
        Self {
            guests: Arc::new(Guests::new(services.clone())),
            lists: PresenceLists::new(services.clone()),
            services,
            scope,
        }
    }

    async fn register(self: Arc<Self>, call: Call<Register>) -> Reply {
        let Call {
            session, command, ..
        } = call;
        name_guest(&session, command.username.as_deref())?;
        if let Some(key) = &command.user_id {
            self.become_guest(&session, key).await?;
        }
        self.services.membership.register(&session, false).await?;
        let identity = session.identity();
        reply(json!({"userId": identity.user, "username": identity.username}))
    }

    /// A guest is who its own secret says. It stays who it is while others see it in a room.
    async fn become_guest(&self, session: &Session, key: &str) -> Result<(), AppError> {
        let mut claims = session.claims();
        if !claims.guest {
            return Ok(());
        }
        let user = self.guests.public_id(key).await?;
        let before = claims.identity.user.clone();
        if user != before {
            if session.registered() || !session.rooms().is_empty() {
                return Err(AppError::invalid(
                    "register before joining a room, and as one user",
                ));
            }
            // Whoever has no name is named by its id.
            if claims.identity.username == before.as_str() {
                claims.identity.username = user.to_string();
            }
            claims.identity.user = user;
            session.set_claims(claims);
        }
        Ok(())
    }

    /// Once for each connection others hear of it: they need not be told again of who is there.
    async fn restore(self: Arc<Self>, call: Call<Restore>) -> Reply {
        let Call {
            session, command, ..
        } = call;
        if !session.takes_more().await {
            return Err(AppError::unavailable());
        }
        if let Some(key) = &command.user_id {
            self.become_guest(&session, key).await?;
        }
        let user = session.identity().user;
        let presence = &self.services.backend.presence;
        let found = presence.whereabouts(&Topic::Namespace(ROOT), &user).await?;
        let member = found
            .member
            .ok_or_else(|| AppError::new(Code::SessionNotFound, "User not found"))?;
        name_guest(&session, Some(&member.username))?;
        let again = !session.registered();
        self.services.membership.register(&session, again).await?;
        let restored = restore::rooms(&self.services, &session, found.rooms, command.last_seq);
        reply(restored.await.send(&session))
    }

    async fn set_status(self: Arc<Self>, call: Call<SetStatus>) -> Reply {
        let user = call.session.identity().user;
        let presence = &self.services.backend.presence;
        let online = Topic::Namespace(ROOT);
        let member = presence
            .set_status(&online, &user, &call.session.conn, call.command.status)
            .await?;
        match member {
            Some(_) => done(),
            None => Err(AppError::new(Code::NotJoined, "Please join first")),
        }
    }

    async fn list(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        self.lists.send(&call.session).await
    }

    /// Gone for good and at once, on all devices.
    async fn logout(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        let user = call.session.identity().user;
        self.services.membership.logout(&user).await?;
        done()
    }

    /// Whom a change of presence concerns, on this node.
    fn announce(&self, transition: &Transition, envelope: &Envelope) {
        let many = transition.total > self.services.limits.large_namespace;
        let everybody = match self.scope {
            PresenceScope::Everyone => true,
            PresenceScope::Auto => !many,
            PresenceScope::Rooms => false,
        };
        let hub = &self.services.hub;
        if everybody {
            hub.emit_local(&Topic::Namespace(ROOT), envelope);
            return;
        }
        for session in listeners(hub, &transition.rooms) {
            if envelope.is_for(&session) {
                session.send(envelope);
            }
        }
    }
}

/// The connections here that are in any of the rooms, each once.
fn listeners(hub: &Hub, rooms: &[starling_kernel::id::RoomName]) -> Vec<Arc<Session>> {
    let mut all: Vec<_> = rooms
        .iter()
        .flat_map(|room| hub.listeners(&Topic::room(room)))
        .collect();
    all.sort_by(|a, b| a.conn.cmp(&b.conn));
    all.dedup_by(|a, b| a.conn == b.conn);
    all
}

#[async_trait]
impl Feature for Sessions {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on(ROOT, &events::REGISTER, &self, Self::register)
            .on(ROOT, &events::RESTORE, &self, Self::restore)
            .on(ROOT, &events::SET_STATUS, &self, Self::set_status)
            .on(ROOT, &events::LIST, &self, Self::list)
            .on(ROOT, &events::LOGOUT, &self, Self::logout)
            .tell(ROOT, &events::GONE);
    }

    async fn connected(&self, session: &Arc<Session>) -> Result<(), AppError> {
        match &session.handshake.guest {
            Some(key) => self.become_guest(session, key).await,
            None => Ok(()),
        }
    }

    fn transition(&self, transition: &Transition) {
        if transition.place != ROOT {
            return;
        }
        let Member { user, username, .. } = &transition.member;
        let mut envelope = match transition.kind {
            Change::Entered => Envelope::new(
                "user-online",
                &User {
                    user_id: user,
                    username,
                },
            ),
            Change::Updated => Envelope::new(
                "user-status",
                &Present::new(&transition.member, transition.at),
            ),
            Change::Left => {
                let last_seen = transition.at;
                Envelope::new(
                    "user-offline",
                    &Offline {
                        user_id: user,
                        username,
                        last_seen,
                    },
                )
            }
            Change::Lost => return,
            Change::Restored => return self.lists.tell_everybody(),
        };
        not_to_oneself(&mut envelope, transition);
        self.lists.changed(&envelope);
        self.announce(transition, &envelope);
    }

    fn lost(&self) {
        self.guests.restore();
    }

    fn broken(&self, topic: &Topic, _page: &Page) -> Option<Envelope> {
        if matches!(topic, Topic::Presence(_)) {
            self.lists.tell_everybody();
        }
        None
    }
}
