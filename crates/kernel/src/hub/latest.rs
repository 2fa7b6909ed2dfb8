//! Messages of which only the newest matters.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::{Hub, count};
use crate::{envelope::Envelope, ports::Parcel, topic::Topic};

/// The shortest time between two messages of one key.
const INTERVAL: Duration = Duration::from_millis(50);

/// Keys that wait.
const KEYS: usize = 65_536;

/// Messages that are given to the relay at the same time.
const AT_ONCE: usize = 32;

type Batch = HashMap<(Topic, String), Arc<Envelope>>;

/// What waits for its turn, the newest of each key.
#[derive(Default)]
pub(super) struct Latest(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    newest: Batch,
    /// There is a task that waits for their turn. It is one at a time, so that no older message
    /// overtakes a newer one of its key.
    clock: bool,
}

/// Where messages go when it is their turn.
#[derive(Clone, Copy)]
pub(super) enum To {
    /// To this node's connections: all nodes have them already.
    Here,
    /// To all nodes.
    All,
}

impl To {
    fn latest(self, hub: &Hub) -> &Latest {
        match self {
            Self::Here => &hub.newest,
            Self::All => &hub.latest,
        }
    }
}

/// Lets a message wait; `false` where so many keys wait that this one found no place among them.
pub(super) fn put(
    hub: &Arc<Hub>,
    to: To,
    topic: &Topic,
    key: &str,
    envelope: Arc<Envelope>,
) -> bool {
    let mut waiting = to.latest(hub).lock();
    let key = (topic.clone(), key.to_owned());
    if waiting.newest.len() >= KEYS && !waiting.newest.contains_key(&key) {
        return false;
    }
    waiting.newest.insert(key, envelope);
    // The first message of a quiet time starts the clock; a task exists only while some wait.
    if !std::mem::replace(&mut waiting.clock, true) {
        tokio::spawn(run(hub.clone(), to));
    }
    true
}

impl Latest {
    /// All whose turn it is; with none the clock stops.
    fn take(&self) -> Option<Batch> {
        let mut waiting = self.lock();
        waiting.clock = !waiting.newest.is_empty();
        waiting.clock.then(|| std::mem::take(&mut waiting.newest))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().expect("no panic while held")
    }
}

async fn run(hub: Arc<Hub>, to: To) {
    loop {
        sleep(INTERVAL).await;
        let Some(batch) = to.latest(&hub).take() else {
            return;
        };
        for ((topic, _), envelope) in &batch {
            hub.deliver(topic, envelope).run().await;
        }
        if let To::All = to {
            let publish =
                stream::iter(batch).for_each_concurrent(AT_ONCE, async |(key, envelope)| {
                    count(&hub.published.latest, "latest");
                    // Lost with the relay away: a newer one follows.
                    let parcel = Parcel::Message(envelope);
                    let _ = hub.backend.bus.publish(&key.0, &parcel).await;
                });
            publish.await;
        }
    }
}
