//! What was given out of logs of late, on topics that nobody here listens to any more.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

use crate::{envelope::Position, topic::Topic};

/// How far a replica may be behind that takes over.
const WINDOW: Duration = Duration::from_secs(60);

/// Topics that are remembered; with more, those of the last moments are left.
const MOST: usize = 16_384;

#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<Topic, (Position, Instant)>>);

impl Recent {
    pub(super) fn note(&self, topic: &Topic, at: Position) {
        let now = Instant::now();
        let mut all = self.lock();
        if all.len() >= MOST {
            all.retain(|_, (_, noted)| now - *noted < WINDOW);
        }
        if all.len() >= MOST {
            all.clear();
        }
        let before = all.entry(topic.clone()).or_insert((at.clone(), now));
        if before.0.seq < at.seq {
            *before = (at, now);
        }
    }

    pub(super) fn all(&self) -> Vec<(Topic, Position)> {
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|_, (_, noted)| now - *noted < WINDOW);
        let known = all.iter();
        known
            .map(|(topic, (at, _))| (topic.clone(), at.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Topic, (Position, Instant)>> {
        self.0.lock().expect("no panic while held")
    }
}
