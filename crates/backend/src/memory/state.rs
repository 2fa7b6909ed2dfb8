use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Weak},
    time::Duration,
};

use starling_kernel::{
    id::{ConnId, Incarnation, UserId},
    ports::{Heard, PresenceTimes},
    time::Timestamp,
    topic::Topic,
};

use super::{bus::Line, leases::Leases, limiter::Buckets, logs::Logs, places::Place};

/// Everything that nodes share, behind one lock. Every port's operation is one method, hence atomic.
#[derive(Clone)]
pub(super) struct State {
    pub(super) times: PresenceTimes,
    pub(super) places: HashMap<Topic, Place>,
    /// Members whose last connection is gone, by when their grace is over.
    pub(super) due: BTreeSet<(Timestamp, Topic, UserId)>,
    /// What each life of a node holds, to be found when it is reaped.
    pub(super) held: HashMap<Incarnation, HashSet<(Topic, UserId, ConnId)>>,
    pub(super) leases: Leases,
    pub(super) logs: Logs,
    pub(super) buckets: Buckets,
    pub(super) secrets: HashMap<String, String>,
    lines: Vec<Weak<Line>>,
}

impl State {
    pub(super) fn new(times: PresenceTimes, history: usize) -> Self {
        Self {
            times,
            places: HashMap::new(),
            due: BTreeSet::new(),
            held: HashMap::new(),
            leases: Leases::default(),
            logs: Logs::new(history),
            buckets: Buckets::default(),
            secrets: HashMap::new(),
            lines: Vec::new(),
        }
    }

    /// Adds a node's line, and forgets those of nodes that are gone.
    pub(super) fn attach(&mut self, line: &Arc<Line>) {
        self.lines.retain(|line| line.strong_count() > 0);
        self.lines.push(Arc::downgrade(line));
    }

    pub(super) fn wipe(&mut self, now: Timestamp) {
        let lines = std::mem::take(&mut self.lines);
        *self = Self::new(self.times, self.logs.history);
        self.lines = lines;
        self.leases
            .pause_sweeps(now, self.times.lease + self.times.grace);
    }

    /// Becomes what it was, apart from who listens.
    pub(super) fn rewind(&mut self, to: &Self) {
        let lines = std::mem::take(&mut self.lines);
        *self = to.clone();
        self.lines = lines;
    }

    /// Tells all nodes that subscribed to `topic`, except the one with the line `but`.
    pub(super) fn tell(&self, topic: &Topic, heard: &Heard, but: Option<u64>) {
        for line in self.lines.iter().filter_map(Weak::upgrade) {
            if Some(line.id) != but && line.hears(topic) {
                line.ear.tell(heard.clone());
            }
        }
    }
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0 + by.as_millis() as u64)
}
