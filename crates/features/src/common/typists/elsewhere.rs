//! Those who type on other nodes. Their node says when they fall silent, unless it dies: then each node
//! says so to its own listeners.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde::Deserialize;
use serde_json::value::RawValue;
use starling_kernel::{envelope::Envelope, feature::Services, id::UserId, topic::Topic};
use tokio::time::Instant;

use super::{Audience, SILENCE, START, STOP, falls_silent};

/// For the word of their own node to be here first.
const PATIENCE: Duration = Duration::from_secs(1);

type Who = (Audience, UserId);

pub(super) struct Elsewhere {
    services: Arc<Services>,
    /// Until when each counts as typing. Whoever types in a place has one entry here for some seconds.
    until: Mutex<HashMap<Who, Instant>>,
}

impl Elsewhere {
    pub(super) fn new(services: Arc<Services>) -> Arc<Self> {
        Arc::new(Self {
            services,
            until: Mutex::default(),
        })
    }

    /// Another node has said something.
    pub(super) fn heard(self: &Arc<Self>, topic: &Topic, envelope: &Envelope) {
        if ![START, STOP].contains(&envelope.event.as_str()) {
            return;
        }
        let Some((notice, user)) = read(envelope) else {
            return;
        };
        let who = ((topic.clone(), envelope.created), user);
        if envelope.event == STOP {
            self.lock().remove(&who);
            return;
        }
        let until = Instant::now() + SILENCE + PATIENCE;
        if self.lock().insert(who.clone(), until).is_none() {
            tokio::spawn(self.clone().watch(who, notice));
        }
    }

    /// Ends quietly where their node has told of it.
    async fn watch(self: Arc<Self>, who: Who, notice: Box<RawValue>) {
        let silent = falls_silent(|| self.lock().get(&who).copied()).await;
        if silent && self.lock().remove(&who).is_some() {
            let ((topic, created), _) = who;
            let stop = Envelope::new(STOP, &notice).to_room(created);
            self.services.hub.emit_local(&topic, &stop);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Who, Instant>> {
        self.until.lock().expect("no panic while held")
    }
}

/// What a notice says, and of whom: it says the same of who begins and of who stops.
fn read(envelope: &Envelope) -> Option<(Box<RawValue>, UserId)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Of {
        user_id: UserId,
    }
    let notice = envelope.data()?;
    let Of { user_id } = serde_json::from_str(notice.get()).ok()?;
    Some((notice, user_id))
}
