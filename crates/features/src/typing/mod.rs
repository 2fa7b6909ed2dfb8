//! Who is typing. The server says `user-stop-typing` by itself when a client falls silent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use starling_kernel::{
    envelope::Envelope,
    feature::{Call, Command, Feature, Reply, Routes, Services, done},
    id::{ConnId, RoomName, UserId},
    session::{Identity, Session},
    time::Stamp,
    topic::Topic,
};
use tokio::time::{Instant, sleep_until};

/// How long somebody counts as typing after the last `typing`.
const SILENCE: Duration = Duration::from_secs(2);

pub(crate) struct Typing {
    services: Arc<Services>,
    /// Until when each counts as typing, by connection: at most one entry for each room it may
    /// send to.
    until: Mutex<Typists>,
}

type Typists = HashMap<ConnId, HashMap<Room, Instant>>;

/// A room, and when it was created: the next one of its name is another.
type Room = (RoomName, Stamp);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InRoom {
    room_name: RoomName,
}

impl Command for InRoom {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room_name)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notice<'a> {
    room_name: &'a RoomName,
    username: &'a str,
    user_id: &'a UserId,
}

/// One connection in one room, as others see it.
#[derive(Clone)]
struct Typist {
    conn: ConnId,
    room: Room,
    identity: Identity,
}

impl Typing {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            until: Mutex::default(),
        }
    }

    async fn start(self: Arc<Self>, call: Call<InRoom>) -> Reply {
        let typist = Typist::of(call);
        let until = Instant::now() + SILENCE;
        let running = {
            let mut all = self.lock();
            let rooms = all.entry(typist.conn.clone()).or_default();
            rooms.insert(typist.room.clone(), until).is_some()
        };
        if !running {
            tokio::spawn(self.clone().watch(typist.clone(), until));
        }
        self.tell("user-typing", &typist).await;
        done()
    }

    async fn stop(self: Arc<Self>, call: Call<InRoom>) -> Reply {
        let typist = Typist::of(call);
        self.end(&typist).await;
        done()
    }

    /// Waits for the silence; ends early and quietly where somebody else ended it.
    async fn watch(self: Arc<Self>, typist: Typist, mut until: Instant) {
        loop {
            sleep_until(until).await;
            let later = {
                let all = self.lock();
                let rooms = all.get(&typist.conn);
                rooms.and_then(|rooms| rooms.get(&typist.room)).copied()
            };
            match later {
                None => return,
                Some(later) if later > until => until = later,
                Some(_) => break,
            }
        }
        self.end(&typist).await;
    }

    async fn end(&self, typist: &Typist) {
        if self.forget(typist) {
            self.tell("user-stop-typing", typist).await;
        }
    }

    /// `true` where it was typing.
    fn forget(&self, typist: &Typist) -> bool {
        let mut all = self.lock();
        let Some(rooms) = all.get_mut(&typist.conn) else {
            return false;
        };
        let was_typing = rooms.remove(&typist.room).is_some();
        if rooms.is_empty() {
            all.remove(&typist.conn);
        }
        was_typing
    }

    async fn tell(&self, event: &str, typist: &Typist) {
        let Identity { user, username } = &typist.identity;
        let (room_name, created) = &typist.room;
        let notice = Notice {
            room_name,
            username,
            user_id: user,
        };
        let envelope = Envelope::new(event, &notice)
            .except(&typist.conn)
            .to_room(*created);
        let topic = Topic::room(room_name);
        self.services.hub.publish(&topic, envelope).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Typists> {
        self.until.lock().expect("no panic while held")
    }
}

impl Typist {
    fn new(session: &Session, room: Room) -> Self {
        Self {
            conn: session.conn.clone(),
            room,
            identity: session.identity(),
        }
    }

    fn of(call: Call<InRoom>) -> Self {
        Self::new(&call.session, (call.command.room_name, call.created))
    }
}

#[async_trait]
impl Feature for Typing {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on("/", "typing", &self, Self::start)
            .on("/", "stop-typing", &self, Self::stop);
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        let rooms: Vec<_> = match self.lock().get(&session.conn) {
            Some(rooms) => rooms.keys().cloned().collect(),
            None => return,
        };
        for room in rooms {
            self.end(&Typist::new(session, room)).await;
        }
    }
}
