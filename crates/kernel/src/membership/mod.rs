//! Who is where: the only way in and out of places.
//!
//! Three know who is in a room: the [`Session`] (this connection), the [`Hub`] (who is to hear it)
//! and the backend (the cluster). They are changed here and nowhere else, for each connection one
//! step after the other, and each step has its way back:
//!
//! | step | when it fails |
//! | --- | --- |
//! | in: hear, enter in the backend, note | nothing is noted, it hears nothing. Where the backend may have done it all the same, this life of the node is in doubt |
//! | out: note, hear nothing, exit in the backend | what was never sent is *owed* and sent later; what may or may not have been done puts this life in doubt |
//! | in doubt, or told that its life is over | the node takes a new life, restores there what is noted, and has the old one reaped |
//!
//! So there is no ghost, nobody is lost, and what is noted here is how the cluster will be.

mod debts;
mod joining;
mod lease;
mod orders;
mod settle;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
};

use futures_util::{StreamExt, stream};

pub use joining::Joining;

use crate::{
    error::{AppError, Code},
    feature::Feature,
    hub::Hub,
    id::{ConnId, NodeId, RoomName, UserId},
    limits::Limits,
    ports::{
        Backend, Entered, Entry, Held, Holder, Known, Leave, Log, Member, Order, PortError,
        PortResult, Presence, PresenceTimes, Status,
    },
    session::Session,
    time::{Clock, Stamp},
    topic::{Namespace, Topic},
};
use debts::Debts;
use lease::Lease;

/// Steps in the backend under way at the same time for one cause.
const AT_ONCE: usize = 64;

/// The namespace whose rooms and users this is about.
const ROOT: Namespace = "/";

/// Who is where, of this node's connections, and what the cluster holds of them.
pub struct Membership {
    port: Arc<dyn Presence>,
    log: Arc<dyn Log>,
    hub: Arc<Hub>,
    clock: Arc<Clock>,
    lease: Lease,
    most_rooms: usize,
    sessions: Mutex<HashMap<ConnId, Arc<Session>>>,
    debts: Debts,
    features: OnceLock<Arc<Vec<Arc<dyn Feature>>>>,
    /// Itself, for what it spawns.
    me: Weak<Self>,
}

impl Membership {
    /// Nobody is anywhere yet.
    pub fn new(
        backend: &Backend,
        hub: Arc<Hub>,
        node: NodeId,
        times: PresenceTimes,
        clock: Arc<Clock>,
        limits: &Limits,
    ) -> Arc<Self> {
        let membership = Arc::new_cyclic(|me| Self {
            port: backend.presence.clone(),
            log: backend.log.clone(),
            lease: Lease::new(node, times),
            hub: hub.clone(),
            clock,
            most_rooms: limits.rooms_per_user,
            sessions: Mutex::default(),
            debts: Debts::default(),
            features: OnceLock::new(),
            me: me.clone(),
        });
        hub.give_orders_to(Arc::downgrade(&membership));
        membership
    }

    pub(crate) fn tell(&self, features: Arc<Vec<Arc<dyn Feature>>>) {
        let _ = self.features.set(features);
    }

    /// A connection has come. It is nowhere yet.
    pub fn connected(&self, session: &Arc<Session>) {
        session.set_since(self.clock.now().into());
        self.sessions()
            .insert(session.conn.clone(), session.clone());
    }

    /// A connection is gone: its user stays where it was for the grace.
    pub async fn disconnected(&self, session: &Arc<Session>) {
        self.sessions().remove(&session.conn);
        session.end();
        let _turn = session.turn.lock().await;
        self.leave_all(session, Leave::AfterGrace).await;
    }

    /// Announces the user as present through this connection; `again`: also where another one does.
    pub async fn register(&self, session: &Arc<Session>, again: bool) -> Result<(), AppError> {
        let _turn = session.turn.lock().await;
        let online = Topic::Namespace(session.namespace);
        let entry = Entry::Open { announce: again };
        let entered = self.enter_place(session, &online, &entry).await?;
        session.set_since(entered.at);
        Ok(())
    }

    /// Makes the connection a member of the room, and reads the newest `history` messages for it.
    /// It hears the room once [`Joining`] is opened, and then misses nothing since. On failure
    /// nothing is changed.
    pub async fn enter(
        &self,
        session: &Arc<Session>,
        room: &RoomName,
        entry: &Entry,
        history: usize,
    ) -> Result<Joining, AppError> {
        let topic = Topic::room(room);
        let _turn = session.turn.lock().await;
        // The backend, which knows of the user's other connections, is asked where this is not clear.
        let rooms = |places: &mut BTreeMap<Topic, Held>| {
            let all = places.keys();
            all.filter(|place| place.room_name().is_some()).count()
        };
        if session.places(rooms) >= self.most_rooms {
            return Err(PortError::TooManyRooms.into());
        }
        let admission = self.hub.admit(session, &topic).await?;
        let entered = match self.enter_place(session, &topic, entry).await {
            Err(error) if error.code == Code::Unavailable => Err(AppError::join_failed()),
            other => other,
        }?;
        match self.history(&topic, &entered, history).await {
            Ok(page) => Ok(Joining { admission, page }),
            Err(_) => {
                drop(admission);
                self.leave_place(session, &topic, Leave::Now).await;
                Err(AppError::join_failed())
            }
        }
    }

    /// Takes the connection out of the room. How long its user stays a member there, if no other
    /// connection holds it, is said by `how`.
    pub async fn leave(&self, session: &Arc<Session>, room: &RoomName, how: Leave) {
        let _turn = session.turn.lock().await;
        self.leave_place(session, &Topic::room(room), how).await;
    }

    /// Removes the user from the cluster at once, and disconnects all its connections. May be
    /// repeated where it failed half way; what was done until then holds.
    pub async fn logout(&self, user: &UserId) -> Result<(), AppError> {
        let online = Topic::Namespace(ROOT);
        let rooms = self.port.whereabouts(&online, user).await?.rooms;
        for room in &rooms {
            self.port.evict(&Topic::room(room), user, &[]).await?;
        }
        Ok(self.port.evict(&online, user, &rooms).await?)
    }

    /// Removes the user from a room at once, on all its connections. May be repeated where it failed.
    pub async fn evict(&self, room: &RoomName, user: &UserId) -> Result<(), AppError> {
        Ok(self.port.evict(&Topic::room(room), user, &[]).await?)
    }

    /// One step in. The caller has the connection's turn.
    async fn enter_place(
        &self,
        session: &Arc<Session>,
        place: &Topic,
        entry: &Entry,
    ) -> Result<Entered, AppError> {
        if session.ended() {
            return Err(AppError::new(Code::SessionNotFound, "User not found"));
        }
        let member = member(session);
        let holder = self.holder(session);
        let entered = self
            .port
            .enter(place, &member, &holder, entry, self.most_rooms);
        let entered = self.lease.note(&holder.incarnation, entered.await)?;
        self.debts.cancel(session, place);
        let held = Held {
            since: entered.at,
            created: entered.created,
            private: entered.private,
            granted: matches!(entry, Entry::Join { granted: true }),
            holds_grant: entered.holds_grant,
        };
        session.places(|places| places.insert(place.clone(), held));
        Ok(entered)
    }

    /// One step out. The caller has the connection's turn.
    async fn leave_place(&self, session: &Arc<Session>, place: &Topic, leave: Leave) {
        session.places(|places| places.remove(place));
        if place.room_name().is_some() {
            self.hub.leave(session, place);
        }
        self.exit(session, place, &self.holder(session), leave)
            .await;
    }

    /// Tells the backend of one that is noted nowhere here any more.
    async fn exit(&self, session: &Arc<Session>, place: &Topic, holder: &Holder, leave: Leave) {
        let user = session.identity().user;
        let result = self.port.exit(place, &user, holder, leave).await;
        if let Err(PortError::NotSent(_)) = self.lease.note(&holder.incarnation, result)
            && !self.debts.owe(session, place, holder, leave)
        {
            // Too many to be paid one by one.
            self.lease.doubt();
        }
    }

    async fn leave_all(&self, session: &Arc<Session>, leave: Leave) {
        let places: Vec<_> = session.places(|places| places.keys().cloned().collect());
        stream::iter(places)
            .for_each_concurrent(AT_ONCE, |place| async move {
                self.leave_place(session, &place, leave).await;
            })
            .await;
    }

    fn holder(&self, session: &Session) -> Holder {
        Holder {
            incarnation: self.lease.incarnation(),
            conn: session.conn.clone(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<ConnId, Arc<Session>>> {
        self.sessions.lock().expect("no panic while held")
    }

    fn all_sessions(&self) -> Vec<Arc<Session>> {
        self.sessions().values().cloned().collect()
    }
}

fn member(session: &Session) -> Member {
    let identity = session.identity();
    Member {
        user: identity.user,
        username: identity.username,
        status: Status::Online,
    }
}
