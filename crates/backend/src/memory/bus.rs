use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use starling_kernel::{
    id::NodeId,
    ports::{Bus, Heard, Parcel, PortResult},
    topic::Topic,
};
use tokio::sync::mpsc;

use super::{MemoryNode, lock};
use crate::ear::{CAPACITY, Ear};

/// What a node listens to. The store holds it weakly: a dropped node hears nothing more.
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) ear: Ear,
    topics: Mutex<HashSet<Topic>>,
}

impl Line {
    pub(super) fn hears(&self, topic: &Topic) -> bool {
        self.topics().contains(topic)
    }

    fn topics(&self) -> MutexGuard<'_, HashSet<Topic>> {
        lock(&self.topics)
    }
}

/// A node's own end of its line.
pub(super) struct MemoryBus {
    pub(super) line: Arc<Line>,
    heard: Mutex<Option<mpsc::Receiver<Heard>>>,
}

impl MemoryBus {
    pub(super) fn new(node: &NodeId, handles: &AtomicU64) -> Self {
        let (ear, heard) = Ear::new(CAPACITY);
        ear.tell(Heard::Up(true));
        tracing::debug!(%node, "attached to the store in memory");
        let line = Line {
            id: handles.fetch_add(1, Ordering::Relaxed),
            ear,
            topics: Mutex::default(),
        };
        Self {
            line: Arc::new(line),
            heard: Mutex::new(Some(heard)),
        }
    }
}

#[async_trait]
impl Bus for MemoryNode {
    async fn subscribe(&self, topic: &Topic) -> PortResult<()> {
        // Under the store's lock, so that it is a step like any other.
        self.step(|_, _| self.bus.line.topics().insert(topic.clone()));
        Ok(())
    }

    async fn unsubscribe(&self, topic: &Topic) -> PortResult<()> {
        self.step(|_, _| self.bus.line.topics().remove(topic));
        Ok(())
    }

    async fn publish(&self, topic: &Topic, parcel: &Parcel) -> PortResult<()> {
        let heard = Heard::Parcel {
            topic: topic.clone(),
            position: None,
            parcel: parcel.clone(),
        };
        self.step(|state, _| state.tell(topic, &heard, Some(self.bus.line.id)));
        Ok(())
    }

    fn listen(&self) -> Option<mpsc::Receiver<Heard>> {
        lock(&self.bus.heard).take()
    }
}
