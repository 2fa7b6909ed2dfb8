//! Who is present: registering, coming back, status, leaving for good.

mod guest;
mod payload;
mod restore;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use starling_kernel::{
    envelope::Envelope,
    error::{AppError, Code},
    feature::{Call, Feature, Reply, Routes, Services, done, reply},
    hub::Hub,
    id::UserId,
    ports::{Change, Entry, Leave, Member, Order, Status, Transition},
    session::{Identity, Session},
    topic::{Namespace, Topic},
};
use tokio::time::sleep;

use crate::{
    PresenceScope,
    common::{Cut, Membership, User, name_guest},
};
use guest::Guests;
use payload::{Nothing, Offline, Present, Register, Restore, SetStatus};

/// Where users are online.
const ROOT: Namespace = "/";

/// How long a connection that logged out may still take to get its acknowledgement.
const LAST_WORDS: Duration = Duration::from_millis(50);

pub(crate) struct Sessions {
    services: Arc<Services>,
    membership: Membership,
    guests: Guests,
    scope: PresenceScope,
}

impl Sessions {
    pub(crate) fn new(services: Arc<Services>, scope: PresenceScope) -> Self {
        Self {
            membership: Membership::new(services.clone()),
            guests: Guests::new(services.clone()),
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
        let identity = session.identity();
        self.go_online(&session, &identity, false).await?;
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

    async fn go_online(
        &self,
        session: &Session,
        identity: &Identity,
        announce: bool,
    ) -> Result<(), AppError> {
        let member = Member {
            user: identity.user.clone(),
            username: identity.username.clone(),
            status: Status::Online,
        };
        let entry = Entry::Open { announce };
        let online = Topic::Namespace(ROOT);
        self.services
            .roster
            .enter(&online, &member, &session.conn, &entry)
            .await?;
        if session.ended() {
            let roster = &self.services.roster;
            roster.exit(&online, &session.conn, Leave::Now).await;
            return Err(AppError::new(Code::SessionNotFound, "User not found"));
        }
        session.set_registered(true);
        for room in session.rooms() {
            let presence = &self.services.backend.presence;
            let _ = presence
                .note_room(&online, &identity.user, &room, true)
                .await;
        }
        Ok(())
    }

    async fn restore(self: Arc<Self>, call: Call<Restore>) -> Reply {
        let Call {
            session, command, ..
        } = call;
        if let Some(key) = &command.user_id {
            self.become_guest(&session, key).await?;
        }
        let user = session.identity().user;
        let online = Topic::Namespace(ROOT);
        let found = self
            .services
            .backend
            .presence
            .session(&online, &user)
            .await?;
        let found = found.ok_or_else(|| AppError::new(Code::SessionNotFound, "User not found"))?;
        if session.claims().guest {
            name_guest(&session, Some(&found.member.username))?;
        }
        let identity = session.identity();
        self.go_online(&session, &identity, true).await?;
        let rooms = restore::rooms(
            &self.services,
            &self.membership,
            &session,
            &found.rooms,
            command.last_seq,
        )
        .await;
        reply(rooms.send(&session, &identity))
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
        let limit = self.services.limits.list_entries;
        let online = Topic::Namespace(ROOT);
        let members = self
            .services
            .backend
            .presence
            .members(&online, limit)
            .await?;
        let now = self.services.clock.now();
        let list: Vec<_> = members
            .list
            .iter()
            .map(|(member, _)| Present::new(member, now))
            .collect();
        let cut = Cut::new(list.len(), members.total);
        call.session
            .send(&Envelope::with_args("presence-list", &(&list, &cut)));
        reply(json!({"total": cut.total, "truncated": cut.truncated}))
    }

    /// Gone for good and at once, on all devices.
    async fn logout(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        let user = call.session.identity().user;
        let presence = &self.services.backend.presence;
        let online = Topic::Namespace(ROOT);
        let mut rooms = call.session.rooms();
        if let Some(session) = presence.session(&online, &user).await? {
            rooms.extend(session.rooms);
        }
        rooms.sort();
        rooms.dedup();
        presence.evict(&online, &user).await?;
        for room in rooms {
            presence.evict(&Topic::room(&room), &user).await?;
        }
        self.services.hub.order(Order::Disconnect(user)).await?;
        done()
    }

    /// Whom a change of presence concerns, on this node.
    fn announce(&self, transition: &Transition, envelope: &Envelope) {
        match self.scope {
            PresenceScope::Everyone => {
                self.services
                    .hub
                    .emit_local(&Topic::Namespace(ROOT), envelope);
            }
            PresenceScope::Rooms => {
                for session in listeners(&self.services.hub, &transition.rooms) {
                    if envelope.except.as_ref() != Some(&session.conn) {
                        session.send(envelope);
                    }
                }
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

/// Ends a connection whose user logged out: the cluster holds nothing of it any more.
fn end(services: &Arc<Services>, session: &Arc<Session>) {
    session.end();
    services
        .roster
        .forget(&Topic::Namespace(ROOT), &session.conn);
    session.set_registered(false);
    for room in session.rooms() {
        let topic = Topic::room(&room);
        services.roster.forget(&topic, &session.conn);
        services.hub.leave(session, &topic);
        session.remove_room(&room);
    }
    let peer = session.peer.clone();
    tokio::spawn(async move {
        sleep(LAST_WORDS).await;
        peer.disconnect();
    });
}

#[async_trait]
impl Feature for Sessions {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on(ROOT, "register", &self, Self::register)
            .on(ROOT, "reconnect-session", &self, Self::restore)
            .on(ROOT, "set-status", &self, Self::set_status)
            .on(ROOT, "list-presence", &self, Self::list)
            .on(ROOT, "logout", &self, Self::logout);
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        let online = Topic::Namespace(ROOT);
        self.services
            .roster
            .exit(&online, &session.conn, Leave::AfterGrace)
            .await;
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

    fn ordered(&self, order: &Order) {
        let Order::Disconnect(user) = order;
        for session in sessions_of(&self.services.hub, user) {
            end(&self.services, &session);
        }
    }
}

/// The user's connections here.
fn sessions_of(hub: &Hub, user: &UserId) -> Vec<Arc<Session>> {
    let all = crate::NAMESPACES
        .iter()
        .flat_map(|ns| hub.listeners(&Topic::Namespace(ns)));
    all.filter(|session| session.identity().user == *user)
        .collect()
}
