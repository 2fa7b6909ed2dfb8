//! What an application says to a room: heard by the members' connections to its own namespace, on
//! whatever node and in whatever order they came.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use starling_kernel::{
    error::AppError,
    feature::Services,
    id::{ConnId, RoomName},
    ports::{Change, Transition},
    session::Session,
    time::Stamp,
    topic::{Namespace, Topic},
};
use tokio::time::sleep;

/// Rooms of a user that are looked up at the same time.
const AT_ONCE: usize = 16;

/// Pause before a step that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What is said to the room of that name that was created then: its members change, and the next room of
/// the name is another.
pub(crate) fn room_stream(namespace: Namespace, room: &RoomName, created: Stamp) -> Topic {
    Topic::stream(namespace, "room", format_args!("{}:{room}", created.0))
}

/// Lets the connections of a namespace hear what is said to the rooms of their users.
pub(crate) struct RoomStreams {
    services: Arc<Services>,
    namespace: Namespace,
    followers: Mutex<HashMap<ConnId, Follower>>,
}

/// A connection, and the rooms that it hears.
struct Follower {
    session: Arc<Session>,
    heard: HashSet<Topic>,
    /// Steps that wait; the last one may be under way.
    steps: VecDeque<Step>,
    busy: bool,
}

#[derive(Clone)]
enum Step {
    /// The user entered.
    In(Topic),
    /// It left.
    Out(Topic),
    /// Something may have been missed: all of its rooms are looked up.
    Compare,
}

impl RoomStreams {
    pub(crate) fn new(services: Arc<Services>, namespace: Namespace) -> Arc<Self> {
        Arc::new(Self {
            services,
            namespace,
            followers: Mutex::default(),
        })
    }

    /// A connection has come: it hears its user's rooms when this returns.
    pub(crate) async fn follow(self: &Arc<Self>, session: &Arc<Session>) -> Result<(), AppError> {
        let moves = Topic::Moves(session.identity().user);
        let admission = self.services.hub.admit(session, &moves).await?;
        let follower = Follower {
            session: session.clone(),
            heard: HashSet::new(),
            steps: VecDeque::new(),
            // What comes meanwhile waits.
            busy: true,
        };
        self.lock().insert(session.conn.clone(), follower);
        admission.open_live();
        let compared = self.compare(session).await;
        self.work(&session.conn);
        compared
    }

    /// A connection is gone, or has not come to be.
    pub(crate) fn leave(&self, session: &Session) {
        let follower = self.lock().remove(&session.conn);
        let heard = follower.into_iter().flat_map(|follower| follower.heard);
        let moves = Topic::Moves(session.identity().user);
        heard
            .chain([moves])
            .for_each(|topic| self.services.hub.leave(session, &topic));
    }

    /// Its user entered or left a room.
    pub(crate) fn moved(self: &Arc<Self>, session: &Session, transition: &Transition) {
        let Some(Topic::Room("/", room)) = Topic::parse(&transition.place, &["/"]) else {
            return;
        };
        let topic = room_stream(self.namespace, &room, transition.created);
        match transition.kind {
            Change::Entered | Change::Restored => self.push(&session.conn, Step::In(topic)),
            Change::Left => self.push(&session.conn, Step::Out(topic)),
            Change::Lost | Change::Updated => {}
        }
    }

    /// Moves may have been missed.
    pub(crate) fn lost(self: &Arc<Self>) {
        let all: Vec<_> = self.lock().keys().cloned().collect();
        all.iter().for_each(|conn| self.push(conn, Step::Compare));
    }

    fn push(self: &Arc<Self>, conn: &ConnId, step: Step) {
        if let Some(follower) = self.lock().get_mut(conn) {
            // What is looked up then shows all that was missed before.
            if matches!(step, Step::Compare) {
                follower.steps.clear();
            }
            follower.steps.push_back(step);
            if follower.busy {
                return;
            }
            follower.busy = true;
        } else {
            return;
        }
        self.work(conn);
    }

    /// Takes one step after the other, while there are any.
    fn work(self: &Arc<Self>, conn: &ConnId) {
        let (all, conn) = (self.clone(), conn.clone());
        tokio::spawn(async move {
            while let Some((session, step)) = all.next(&conn) {
                if all.take(&session, &step).await.is_err() {
                    sleep(RETRY).await;
                    all.again(&conn);
                }
            }
        });
    }

    fn next(&self, conn: &ConnId) -> Option<(Arc<Session>, Step)> {
        let mut followers = self.lock();
        let follower = followers.get_mut(conn)?;
        let step = follower.steps.pop_front();
        follower.busy = step.is_some();
        Some((follower.session.clone(), step?))
    }

    fn again(&self, conn: &ConnId) {
        if let Some(follower) = self.lock().get_mut(conn) {
            follower.steps.clear();
            follower.steps.push_back(Step::Compare);
        }
    }

    async fn take(&self, session: &Arc<Session>, step: &Step) -> Result<(), AppError> {
        match step {
            Step::In(topic) => self.enter(session, topic).await,
            Step::Out(topic) => {
                self.exit(session, topic);
                Ok(())
            }
            Step::Compare => self.compare(session).await,
        }
    }

    async fn compare(&self, session: &Arc<Session>) -> Result<(), AppError> {
        let now = self.rooms(session).await?;
        let before = match self.lock().get(&session.conn) {
            Some(follower) => follower.heard.clone(),
            None => return Ok(()),
        };
        for topic in before.difference(&now) {
            self.exit(session, topic);
        }
        for topic in now.difference(&before) {
            self.enter(session, topic).await?;
        }
        Ok(())
    }

    /// The rooms that the user is in. That it has left one may not be known yet where it is told of all:
    /// each is asked.
    async fn rooms(&self, session: &Session) -> Result<HashSet<Topic>, AppError> {
        let backend = &self.services.backend;
        let user = session.identity().user;
        let found = backend.presence.whereabouts(&Topic::Namespace("/"), &user);
        let rooms = stream::iter(found.await?.rooms)
            .map(|name| {
                let user = &user;
                async move { backend.rooms.room(&name, user).await }
            })
            .buffer_unordered(AT_ONCE);
        let rooms: Vec<_> = rooms.collect().await;
        let mut all = HashSet::new();
        for room in rooms {
            if let Some(room) = room?.filter(|room| room.member) {
                all.insert(room_stream(self.namespace, &room.name, room.created));
            }
        }
        Ok(all)
    }

    async fn enter(&self, session: &Arc<Session>, topic: &Topic) -> Result<(), AppError> {
        let hub = &self.services.hub;
        if hub.listens(session, topic) {
            return Ok(());
        }
        let admission = hub.admit(session, topic).await?;
        let page = self.services.backend.log.latest(topic, 0).await?;
        let mut followers = self.lock();
        // It may have gone meanwhile.
        if let Some(follower) = followers.get_mut(&session.conn) {
            follower.heard.insert(topic.clone());
            drop(followers);
            admission.open_after(page.end());
        }
        Ok(())
    }

    fn exit(&self, session: &Session, topic: &Topic) {
        self.services.hub.leave(session, topic);
        if let Some(follower) = self.lock().get_mut(&session.conn) {
            follower.heard.remove(topic);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnId, Follower>> {
        self.followers.lock().expect("no panic while held")
    }
}
