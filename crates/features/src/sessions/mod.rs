//! Who is present: registering, coming back, status, leaving for good.

mod guest;
mod payload;
mod restore;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    PresenceScope,
    common::{Cut, User, name_guest},
};
use guest::Guests;
use payload::{Nothing, Offline, Present, Register, Restore, SetStatus};
use serde_json::json;
use starling_kernel::{
    envelope::Envelope,
    error::{AppError, Code},
    feature::{Call, Feature, Reply, Routes, Services, done, reply},
    hub::Hub,
    ports::{Change, Member, Members, Page, Transition},
    session::Session,
    time::Timestamp,
    topic::{Namespace, Topic},
};
use tokio::time::sleep;

/// Where users are online.
const ROOT: Namespace = "/";

/// Pause before a list that could not be read is tried again.
const RETRY: Duration = Duration::from_secs(2);

pub(crate) struct Sessions {
    services: Arc<Services>,
    guests: Arc<Guests>,
    scope: PresenceScope,
    /// Everybody here is about to be told who is online.
    telling: Arc<AtomicBool>,
}

impl Sessions {
    pub(crate) fn new(services: Arc<Services>, scope: PresenceScope) -> Self {
        Self {
            guests: Arc::new(Guests::new(services.clone())),
            services,
            scope,
            telling: Arc::default(),
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
        if user != claims.identity.user {
            if session.registered() || !session.rooms().is_empty() {
                return Err(AppError::invalid(
                    "register before joining a room, and as one user",
                ));
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
        let presence = &self.services.backend.presence;
        let limit = self.services.limits.list_entries;
        let members = presence.members(&Topic::Namespace(ROOT), limit).await?;
        let cut = Cut::new(members.list.len(), members.total);
        let list = present(&members, self.services.clock.now());
        call.session.send(&list);
        reply(json!({"total": cut.total, "truncated": cut.truncated}))
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
            if envelope.except.as_ref() != Some(&session.conn) {
                session.send(envelope);
            }
        }
    }
}

/// Comings and goings were missed for good: whoever is connected here is told how it is, once all
/// nodes have entered again what they hold.
async fn tell_how_it_is(services: Arc<Services>, telling: Arc<AtomicBool>) {
    sleep(services.membership.settles_within()).await;
    telling.store(false, Ordering::Relaxed);
    let online = Topic::Namespace(ROOT);
    let limit = services.limits.list_entries;
    loop {
        if let Ok(members) = services.backend.presence.members(&online, limit).await {
            let list = present(&members, services.clock.now());
            services.hub.emit_local(&online, &list);
            return;
        }
        sleep(RETRY).await;
    }
}

/// `presence-list`.
fn present(members: &Members, now: Timestamp) -> Envelope {
    let list = members.list.iter();
    let list: Vec<_> = list.map(|(member, _)| Present::new(member, now)).collect();
    let cut = Cut::new(list.len(), members.total);
    Envelope::with_args("presence-list", &(&list, &cut))
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

impl Feature for Sessions {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on(ROOT, "register", &self, Self::register)
            .on(ROOT, "reconnect-session", &self, Self::restore)
            .on(ROOT, "set-status", &self, Self::set_status)
            .on(ROOT, "list-presence", &self, Self::list)
            .on(ROOT, "logout", &self, Self::logout);
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
        };
        envelope.except = transition.conn.clone();
        self.announce(transition, &envelope);
    }

    fn lost(&self) {
        self.guests.restore();
    }

    fn broken(&self, topic: &Topic, _page: &Page) -> Option<Envelope> {
        if matches!(topic, Topic::Presence(_)) && !self.telling.swap(true, Ordering::Relaxed) {
            tokio::spawn(tell_how_it_is(self.services.clone(), self.telling.clone()));
        }
        None
    }
}
