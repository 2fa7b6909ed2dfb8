//! Messages of which only the newest matters.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use metrics::counter;
use tokio::time::sleep;

use super::Hub;
use crate::{envelope::Envelope, metric, ports::Parcel, topic::Topic};

/// The shortest time between two messages of one key.
const INTERVAL: Duration = Duration::from_millis(50);

/// Keys that wait; a new one beyond that is dropped, as a newer message would have dropped it.
const KEYS: usize = 65_536;

#[derive(Default)]
pub(super) struct Latest {
    waiting: Mutex<HashMap<(Topic, String), Envelope>>,
}

impl Latest {
    /// The first message of a quiet time starts the clock; a task exists only while some wait.
    pub(super) fn put(&self, hub: &Arc<Hub>, topic: &Topic, key: &str, envelope: Envelope) {
        let mut waiting = self.waiting.lock().expect("no panic while held");
        let first = waiting.is_empty();
        let key = (topic.clone(), key.to_owned());
        if waiting.len() < KEYS || waiting.contains_key(&key) {
            waiting.insert(key, envelope);
        }
        if first {
            tokio::spawn(flush(hub.clone()));
        }
    }
}

async fn flush(hub: Arc<Hub>) {
    sleep(INTERVAL).await;
    let waiting = std::mem::take(&mut *hub.latest.waiting.lock().expect("no panic while held"));
    for ((topic, _), envelope) in waiting {
        hub.emit_local(&topic, &envelope);
        counter!(metric::EVENTS_OUT, "kind" => "latest").increment(1);
        // Lost with the relay away: a newer one follows.
        let _ = hub
            .backend
            .bus
            .publish(&topic, &Parcel::Message(envelope))
            .await;
    }
}
