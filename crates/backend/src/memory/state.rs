use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Weak},
    time::Duration,
};

use starling_kernel::{
    envelope::Envelope,
    id::{ConnId, Incarnation, UserId},
    ports::{Heard, Parcel, PresenceTimes, Record},
    time::{Stamp, Timestamp},
    topic::Topic,
};

use super::{
    bus::Line,
    ending::Ending,
    leases::Leases,
    limiter::Buckets,
    logs::Logs,
    places::Place,
    tallies::Counting,
    users::{Evicted, UserRooms},
};

/// Everything that nodes share, behind one lock. Every port's operation is one method, hence atomic.
#[derive(Clone)]
pub(super) struct State {
    pub(super) times: PresenceTimes,
    pub(super) places: HashMap<Topic, Place>,
    pub(super) user_rooms: UserRooms,
    /// Private rooms that each user may join without a voucher: it holds a grant, or is a member.
    pub(super) own: UserRooms,
    pub(super) evicted: Evicted,
    /// Members whose last connection is gone, by when their grace is over.
    pub(super) due: BTreeSet<(Timestamp, Topic, UserId)>,
    /// What each life of a node holds, to be found when it is reaped.
    pub(super) held: HashMap<Incarnation, HashSet<(Topic, UserId, ConnId)>>,
    pub(super) leases: Leases,
    pub(super) logs: Logs,
    pub(super) buckets: Buckets,
    pub(super) secrets: HashMap<String, String>,
    pub(super) records: Ending<Record>,
    pub(super) tallies: Ending<Counting>,
    lines: Vec<Weak<Line>>,
    last_stamp: Stamp,
}

impl State {
    pub(super) fn new(times: PresenceTimes, history: usize) -> Self {
        Self {
            times,
            places: HashMap::new(),
            user_rooms: UserRooms::default(),
            own: UserRooms::default(),
            evicted: Evicted::default(),
            due: BTreeSet::new(),
            held: HashMap::new(),
            leases: Leases::default(),
            logs: Logs::new(history),
            buckets: Buckets::default(),
            secrets: HashMap::new(),
            records: Ending::default(),
            tallies: Ending::default(),
            lines: Vec::new(),
            last_stamp: Stamp::default(),
        }
    }

    /// Adds a node's line, and forgets those of nodes that are gone.
    pub(super) fn attach(&mut self, line: &Arc<Line>) {
        self.lines.retain(|line| line.strong_count() > 0);
        self.lines.push(Arc::downgrade(line));
    }

    pub(super) fn wipe(&mut self, now: Timestamp) {
        let empty = Self::new(self.times, self.logs.history);
        self.replace_with(empty);
        self.leases.born = self.leases.server;
        self.leases.born_at = Some(now);
        self.leases
            .pause_sweeps(now, self.times.lease + self.times.grace);
    }

    pub(super) fn rewind(&mut self, to: &Self) {
        self.replace_with(to.clone());
    }

    /// As if another server stood here now; who listens goes on listening.
    fn replace_with(&mut self, other: Self) {
        let (lines, server) = (std::mem::take(&mut self.lines), self.leases.server);
        let last_stamp = self.last_stamp;
        *self = other;
        self.lines = lines;
        // Its clock is no other.
        self.last_stamp = last_stamp;
        self.leases.server = server + 1;
    }

    /// Later than all before.
    pub(super) fn stamp(&mut self, now: Timestamp) -> Stamp {
        let next = Stamp(self.last_stamp.0 + 1);
        self.last_stamp = next.max(now.into());
        self.last_stamp
    }

    /// What nobody is there for any more and does not end by itself, as records and tallies do.
    pub(super) fn leftovers(&self) -> Vec<String> {
        let places = self.places.keys().map(|place| format!("place {place}"));
        let due = self
            .due
            .iter()
            .map(|(_, place, user)| format!("due {user} in {place}"));
        let held = self.held.keys().map(|life| format!("held by {life}"));
        let rooms = self
            .user_rooms
            .users()
            .map(|user| format!("rooms of {user}"));
        let own = self.own.users().map(|user| format!("own rooms of {user}"));
        let logs = self.logs.rooms().map(|room| format!("log of {room}"));
        let dead = self.leases.dead().map(|life| format!("dead {life}"));
        places
            .chain(due)
            .chain(held)
            .chain(rooms)
            .chain(own)
            .chain(logs)
            .chain(dead)
            .collect()
    }

    /// Publishes a message in the step that changed something.
    pub(super) fn publish(&self, topic: &Topic, envelope: Envelope) {
        let heard = Heard::Parcel {
            topic: topic.clone(),
            position: None,
            parcel: Parcel::Message(envelope.into()),
        };
        self.tell(topic, &heard, None);
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
