//! Who is typing. The server says `user-stop-typing` by itself when a client falls silent.

mod elsewhere;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use starling_kernel::{
    envelope::Envelope,
    feature::Services,
    id::{ConnId, RoomName, UserId},
    session::{Identity, Session},
    time::Stamp,
    topic::Topic,
};
use tokio::time::{Instant, sleep_until};

use elsewhere::Elsewhere;

/// How long somebody counts as typing after the last `typing`.
const SILENCE: Duration = Duration::from_secs(2);

const START: &str = "user-typing";
const STOP: &str = "user-stop-typing";

/// Whom it is told; for a room also when that was created: the next one of its name is another.
pub(crate) type Audience = (Topic, Stamp);

/// Until when each counts as typing, by connection: at most one entry for each audience that it may
/// send to.
type Until = HashMap<ConnId, HashMap<Audience, Instant>>;

/// Those who type.
pub(crate) struct Typists {
    services: Arc<Services>,
    /// Of this node's connections.
    until: Mutex<Until>,
    elsewhere: Arc<Elsewhere>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notice<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    room_name: Option<&'a RoomName>,
    username: &'a str,
    user_id: &'a UserId,
}

/// One connection, as others see it.
#[derive(Clone)]
struct Typist {
    conn: ConnId,
    audience: Audience,
    identity: Identity,
}

/// Waits for the silence; `until` says until when somebody counts as typing, if they still do. `false`
/// where they stopped before.
async fn falls_silent(until: impl Fn() -> Option<Instant>) -> bool {
    while let Some(until) = until() {
        if until <= Instant::now() {
            return true;
        }
        sleep_until(until).await;
    }
    false
}

impl Typists {
    pub(crate) fn new(services: Arc<Services>) -> Arc<Self> {
        Arc::new(Self {
            elsewhere: Elsewhere::new(services.clone()),
            until: Mutex::default(),
            services,
        })
    }

    /// It types, and goes on doing so until it says otherwise, falls silent, or is gone.
    pub(crate) async fn start(self: &Arc<Self>, session: &Session, audience: Audience) {
        let typist = Typist::new(session, audience);
        let until = Instant::now() + SILENCE;
        let running = {
            let mut all = self.lock();
            let audiences = all.entry(typist.conn.clone()).or_default();
            audiences.insert(typist.audience.clone(), until).is_some()
        };
        if !running {
            tokio::spawn(self.clone().watch(typist.clone()));
        }
        self.tell(START, &typist).await;
    }

    pub(crate) async fn stop(&self, session: &Session, audience: Audience) {
        self.end(&Typist::new(session, audience)).await;
    }

    /// Another node has said something in a place that these are told of.
    pub(crate) fn heard(&self, topic: &Topic, envelope: &Envelope) {
        self.elsewhere.heard(topic, envelope);
    }

    /// The connection is gone.
    pub(crate) async fn gone(&self, session: &Session) {
        let audiences: Vec<_> = match self.lock().get(&session.conn) {
            Some(audiences) => audiences.keys().cloned().collect(),
            None => return,
        };
        for audience in audiences {
            self.stop(session, audience).await;
        }
    }

    /// Ends quietly where somebody else ended it.
    async fn watch(self: Arc<Self>, typist: Typist) {
        let until = || {
            let all = self.lock();
            all.get(&typist.conn)?.get(&typist.audience).copied()
        };
        if falls_silent(until).await {
            self.end(&typist).await;
        }
    }

    async fn end(&self, typist: &Typist) {
        if self.forget(typist) {
            self.tell(STOP, typist).await;
        }
    }

    /// `true` where it was typing.
    fn forget(&self, typist: &Typist) -> bool {
        let mut all = self.lock();
        let Some(audiences) = all.get_mut(&typist.conn) else {
            return false;
        };
        let was_typing = audiences.remove(&typist.audience).is_some();
        if audiences.is_empty() {
            all.remove(&typist.conn);
        }
        was_typing
    }

    async fn tell(&self, event: &str, typist: &Typist) {
        let (topic, created) = &typist.audience;
        let notice = Notice {
            room_name: topic.room_name(),
            username: &typist.identity.username,
            user_id: &typist.identity.user,
        };
        let envelope = Envelope::new(event, &notice)
            .except(&typist.conn)
            .to_room(*created);
        self.services.hub.publish(topic, envelope).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Until> {
        self.until.lock().expect("no panic while held")
    }
}

impl Typist {
    fn new(session: &Session, audience: Audience) -> Self {
        Self {
            conn: session.conn.clone(),
            audience,
            identity: session.identity(),
        }
    }
}
