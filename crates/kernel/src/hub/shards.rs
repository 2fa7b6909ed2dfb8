//! What the node hears, in a task of each worker if there are several: topics are spread over them by their
//! hash, and each topic stays with its task, so that its order is kept. What is about all topics is done
//! once, when all tasks have come to it.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    runtime::Handle,
    select,
    sync::mpsc::{self, error::TrySendError},
    task::JoinSet,
};
use tracing::warn;

use super::Hub;
use crate::{ports::Heard, topic::Topic};

/// What may wait for a task. What comes after it is dropped, and the task compares with the logs.
const ROOM: usize = 8_192;

/// What waits for a task.
enum Turn {
    /// About one of its topics, or of its own loss.
    Own(Heard),
    /// About all topics, shared by all tasks: the last one to come to it does it.
    Common(Heard, Arc<()>),
}

/// Hears until the relay ends, or a task does, which none does by itself.
pub(super) async fn listen(
    hub: Arc<Hub>,
    heard: Option<mpsc::Receiver<Heard>>,
    workers: Vec<Handle>,
) {
    match (heard, workers.len()) {
        (None, _) => {}
        (Some(heard), 1) => alone(&hub, heard).await,
        (Some(heard), _) => spread(&hub, heard, &workers).await,
    }
    hub.hears.store(false, Ordering::Relaxed);
}

/// Another task would only be one more to wake for each message.
async fn alone(hub: &Arc<Hub>, mut heard: mpsc::Receiver<Heard>) {
    while let Some(next) = heard.recv().await {
        match next {
            Heard::Ended => return,
            next => hub.hear(next).await,
        }
    }
}

async fn spread(hub: &Arc<Hub>, mut heard: mpsc::Receiver<Heard>, workers: &[Handle]) {
    let mut tasks = JoinSet::new();
    let shards = Shards::start(hub, workers, &mut tasks);
    loop {
        select! {
            next = heard.recv() => match next {
                None | Some(Heard::Ended) => break,
                Some(next) => shards.put(next).await,
            },
            Some(_) = tasks.join_next() => return,
        }
    }
    drop(shards);
    while tasks.join_next().await.is_some() {}
}

async fn work(hub: Arc<Hub>, mut turns: mpsc::Receiver<Turn>) {
    while let Some(turn) = turns.recv().await {
        match turn {
            Turn::Own(heard) => hub.hear(heard).await,
            Turn::Common(heard, shared) => {
                if Arc::into_inner(shared).is_some() {
                    hub.hear(heard).await;
                }
            }
        }
    }
}

struct Shards {
    all: Vec<Shard>,
    hasher: RandomState,
}

impl Shards {
    fn start(hub: &Arc<Hub>, workers: &[Handle], tasks: &mut JoinSet<()>) -> Self {
        let start = |worker| {
            let (queue, turns) = mpsc::channel(ROOM);
            tasks.spawn_on(work(hub.clone(), turns), worker);
            Shard::new(queue)
        };
        Self {
            all: workers.iter().map(start).collect(),
            hasher: RandomState::new(),
        }
    }

    /// What is about all topics must not get lost, and waits for room.
    async fn put(&self, heard: Heard) {
        if let Heard::Parcel { topic, .. } = &heard {
            return self.of(topic).put(heard);
        }
        let shared = Arc::new(());
        let turns = self
            .all
            .iter()
            .map(|_| Turn::Common(heard.clone(), shared.clone()));
        let turns: Vec<_> = turns.collect();
        // The tasks' own are the last ones.
        drop(shared);
        for (shard, turn) in self.all.iter().zip(turns) {
            let _ = shard.queue.send(turn).await;
        }
    }

    fn of(&self, topic: &Topic) -> &Shard {
        &self.all[self.hasher.hash_one(topic) as usize % self.all.len()]
    }
}

#[derive(Clone)]
struct Shard {
    queue: mpsc::Sender<Turn>,
    owes_lost: Arc<AtomicBool>,
}

impl Shard {
    fn new(queue: mpsc::Sender<Turn>) -> Self {
        let owes_lost = Arc::default();
        Self { queue, owes_lost }
    }

    fn put(&self, heard: Heard) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Turn::Own(heard))
            && !self.owes_lost.swap(true, Ordering::SeqCst)
        {
            warn!("messages come faster than they are handed out");
            tokio::spawn(self.clone().pay());
        }
    }

    /// Tells of the loss once half of what waited is done: until then what comes is dropped, so that
    /// there is one loss to be told of. The debt is cleared *before* it is paid: whatever is dropped in
    /// between makes a new one.
    async fn pay(self) {
        if let Ok(mut room) = self.queue.reserve_many(self.queue.max_capacity() / 2).await {
            self.owes_lost.store(false, Ordering::SeqCst);
            if let Some(place) = room.next() {
                place.send(Turn::Own(Heard::Lost));
            }
        }
    }
}
