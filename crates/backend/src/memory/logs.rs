use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use starling_kernel::{
    envelope::{Draft, Keep, Position},
    id::{self, UserId},
    ports::{Appended, Heard, Log, Once, Order, Page, Parcel, PortError, PortResult, Transition},
    time::Timestamp,
    topic::Topic,
};

use super::{
    MemoryNode,
    state::{State, later},
};
use crate::{EPOCH_LEN, PAST, PRESENCE_HISTORY, REPEAT_WINDOW};

/// Messages whose repeats are recognised; more forget the oldest before its time.
const REPEATS: usize = 1_000_000;

/// Topic, sender and the sender's choice.
type OnceKey = (Topic, UserId, String);

/// All logs, and what was sent once.
#[derive(Clone)]
pub(super) struct Logs {
    pub(super) history: usize,
    /// No log that begins from now on gives a `seq` up to this: everything was lost once.
    pub(super) floor: u64,
    /// Nothing is stored below this any more: somebody who may have known of more did not live to tell.
    leap: u64,
    /// How far the logs of dead rooms had come, and until when that is known.
    past: HashMap<Topic, (u64, Timestamp)>,
    logs: HashMap<Topic, TopicLog>,
    /// Those that are deleted when nothing is added, by when that is.
    ends: BTreeSet<(Timestamp, Topic)>,
    once: HashMap<OnceKey, (Position, Timestamp)>,
    /// The keys of `once` by when they are forgotten.
    forget: VecDeque<(Timestamp, OnceKey)>,
}

#[derive(Clone)]
struct TopicLog {
    epoch: Arc<str>,
    /// Epochs under which it went on for a while.
    former: Vec<Arc<str>>,
    /// The server on which it got its epoch, if it went on there while others might know more.
    server: Option<u64>,
    base: u64,
    head: u64,
    entries: VecDeque<(u64, Parcel)>,
    /// What the entries weigh, where that is limited.
    bytes: usize,
    /// What they have in common: it is in there once.
    shared: HashSet<String>,
    ends: Option<Timestamp>,
}

impl TopicLog {
    fn begin(base: u64) -> Self {
        Self {
            epoch: id::random(EPOCH_LEN).into(),
            former: Vec::new(),
            server: None,
            base,
            head: base,
            entries: VecDeque::new(),
            bytes: 0,
            shared: HashSet::new(),
            ends: None,
        }
    }

    fn is_full(&self, draft: &Draft) -> bool {
        let Some(Keep::All(entries, bytes, _)) = draft.keep else {
            return false;
        };
        self.entries.len() >= entries || self.bytes + self.added(draft) > bytes
    }

    /// What a draft adds to the bytes.
    fn added(&self, draft: &Draft) -> usize {
        let weight = draft.weight();
        let shared = weight
            .shared
            .filter(|(name, _)| !self.shared.contains(name));
        weight.bytes + shared.map_or(0, |(_, bytes)| bytes)
    }

    /// After a draft was added at its head.
    fn trim(&mut self, draft: &Draft, history: usize) {
        if draft.clears {
            let head = self.head;
            self.entries.retain(|(seq, _)| *seq == head);
            self.bytes = 0;
            self.shared.clear();
        }
        self.bytes += self.added(draft);
        self.shared
            .extend(draft.weight().shared.map(|(name, _)| name));
        let keep = match draft.keep {
            None => history,
            Some(Keep::Newest(entries, _)) => entries,
            Some(Keep::All(..)) => usize::MAX,
        };
        let surplus = self.entries.len().saturating_sub(keep);
        self.entries.drain(..surplus);
    }

    /// Goes on under another epoch.
    fn rename(&mut self) {
        let former = std::mem::replace(&mut self.epoch, id::random(EPOCH_LEN).into());
        self.former.push(former);
    }

    /// Where it began after everything was lost, and before that was found out, or leaps.
    fn raise(&mut self, lowest: u64) {
        if self.head < lowest {
            self.rename();
            (self.base, self.head) = (lowest, lowest);
        }
    }

    fn end(&self) -> Position {
        Position {
            epoch: self.epoch.clone(),
            seq: self.head,
        }
    }

    fn page<'a>(&self, entries: impl Iterator<Item = &'a (u64, Parcel)>) -> Page {
        Page {
            epoch: self.epoch.clone(),
            base: self.base,
            head: self.head,
            entries: entries.cloned().collect(),
            ..Page::default()
        }
    }
}

impl Logs {
    pub(super) fn new(history: usize) -> Self {
        Self {
            history,
            floor: 0,
            leap: 0,
            past: HashMap::new(),
            logs: HashMap::new(),
            ends: BTreeSet::new(),
            once: HashMap::new(),
            forget: VecDeque::new(),
        }
    }

    pub(super) fn lowest(&self) -> u64 {
        self.floor.max(self.leap)
    }

    /// Begins the log of a new room, beyond all that was given in the ones before it.
    pub(super) fn begin(&mut self, now: Timestamp, topic: &Topic) {
        self.past.retain(|_, (_, until)| *until > now);
        let past = self.past.remove(topic).map_or(0, |(seq, _)| seq);
        let log = TopicLog::begin(past.max(self.lowest()));
        self.logs.insert(topic.clone(), log);
    }

    /// The log of a dead room.
    pub(super) fn remove(&mut self, now: Timestamp, topic: &Topic) {
        if let Some(log) = self.logs.remove(topic).filter(|log| log.head > self.floor) {
            self.note_past(now, topic, log.head);
        }
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = &Topic> {
        let all = self.logs.keys();
        all.filter(|topic| matches!(topic, Topic::Room(..)))
    }

    /// Where a log stands.
    pub(super) fn position(&self, topic: &Topic) -> Position {
        (self.logs.get(topic)).map_or_else(Position::start, TopicLog::end)
    }

    /// Stores what `parcel` makes of the next place in the log.
    fn append(
        &mut self,
        topic: &Topic,
        parcel: impl FnOnce(&Position) -> Parcel,
    ) -> (Position, Parcel) {
        let lowest = self.lowest();
        let past = self.past.get(topic).map_or(0, |(seq, _)| *seq);
        let log =
            (self.logs.entry(topic.clone())).or_insert_with(|| TopicLog::begin(lowest.max(past)));
        log.raise(lowest);
        log.head += 1;
        let position = Position {
            epoch: log.epoch.clone(),
            seq: log.head,
        };
        let parcel = parcel(&position);
        log.entries.push_back((log.head, parcel.clone()));
        (position, parcel)
    }

    /// After a draft was added: what it leaves of the log, and for how long.
    fn trim(&mut self, now: Timestamp, topic: &Topic, draft: &Draft) {
        let Some(log) = self.logs.get_mut(topic) else {
            return;
        };
        log.trim(draft, self.history);
        if let Some(Keep::Newest(_, time) | Keep::All(_, _, time)) = draft.keep {
            let ends = later(now, time);
            if let Some(before) = log.ends.replace(ends) {
                self.ends.remove(&(before, topic.clone()));
            }
            self.ends.insert((ends, topic.clone()));
        }
    }

    /// Deletes the logs to which nothing was added for as long as they are kept.
    fn end(&mut self, now: Timestamp) {
        while self.ends.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, topic)) = self.ends.pop_first() {
                self.logs.remove(&topic);
            }
        }
    }

    pub(super) fn renew(&mut self, now: Timestamp, topic: &Topic, known: &Position) {
        let Some(log) = self.logs.get_mut(topic) else {
            // It may have been lost as a whole, and begin again.
            return self.note_past(now, topic, known.seq);
        };
        if log.head < known.seq {
            log.rename();
            log.head = known.seq;
            if !log.former.contains(&known.epoch) {
                log.base = known.seq;
            }
        }
    }

    fn note_past(&mut self, now: Timestamp, topic: &Topic, seq: u64) {
        let until = later(now, PAST);
        let past = self.past.entry(topic.clone()).or_insert((seq, until));
        *past = (past.0.max(seq), until);
    }

    /// Others may know of more in the log of transitions: it goes on under another epoch.
    fn part(&mut self, topic: &Topic, server: u64) {
        let log = self.logs.get_mut(topic);
        if let Some(log) = log.filter(|log| log.server != Some(server)) {
            log.rename();
            log.server = Some(server);
        }
    }

    /// The first one's position, if this is a repeat of what is in this log.
    fn repeated(&mut self, now: Timestamp, key: &OnceKey) -> Option<Position> {
        self.forget_until(now);
        let (first, _) = self.once.get(key)?;
        let log = self.logs.get(&key.0)?;
        (first.seq > log.base).then(|| first.clone())
    }

    fn remember(&mut self, now: Timestamp, key: OnceKey, position: &Position) {
        let until = Timestamp(now.0 + REPEAT_WINDOW.as_millis() as u64);
        self.once.insert(key.clone(), (position.clone(), until));
        self.forget.push_back((until, key));
    }

    fn forget_until(&mut self, now: Timestamp) {
        let surplus = self.forget.len().saturating_sub(REPEATS);
        let expired = self.forget.partition_point(|(until, _)| *until <= now);
        for (until, key) in self.forget.drain(..surplus.max(expired)) {
            // The key may have been used again since, in the next life of its room.
            if self.once.get(&key).is_some_and(|(_, last)| *last == until) {
                self.once.remove(&key);
            }
        }
    }
}

impl State {
    fn append(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        draft: &Draft,
        once: Option<&Once>,
    ) -> PortResult<Appended> {
        if self.leases.closed(now) {
            let text = "other nodes may know more";
            return Err(PortError::NotSent(text.into()));
        }
        if matches!(topic, Topic::Room(..)) {
            match self.places.get(topic) {
                None => return Err(PortError::NoRoom),
                Some(place) if !place.is(draft.created) => return Err(PortError::NotAMember),
                Some(_) => {}
            }
        }
        self.leap_if_unheard(now);
        let key = once.map(|o| (topic.clone(), o.user.clone(), o.client_id.clone()));
        if let Some(position) = key.as_ref().and_then(|key| self.logs.repeated(now, key)) {
            return Ok(Appended {
                position,
                repeated: true,
            });
        }
        self.logs.end(now);
        if !draft.clears
            && self
                .logs
                .logs
                .get(topic)
                .is_some_and(|log| log.is_full(draft))
        {
            return Err(PortError::Full);
        }
        let position = self.store(topic, |at| Parcel::Message(draft.at(at).into()));
        self.logs.trim(now, topic, draft);
        if let Some(key) = key {
            self.logs.remember(now, key, &position);
        }
        Ok(Appended {
            position,
            repeated: false,
        })
    }

    /// Somebody may have known of more than the logs hold, and did not live to tell.
    pub(super) fn leap_if_unheard(&mut self, now: Timestamp) {
        if self.leases.take_unheard(now) {
            self.logs.leap = crate::floor(now);
        }
    }

    /// Appends a transition of a namespace to the log that all nodes follow.
    pub(super) fn log_transition(&mut self, now: Timestamp, transition: Transition) {
        self.store_for_all(now, Parcel::Transition(transition));
    }

    /// Appends an order to the log that all nodes follow.
    pub(super) fn log_order(&mut self, now: Timestamp, order: Order) {
        self.store_for_all(now, Parcel::Order(order));
    }

    fn store_for_all(&mut self, now: Timestamp, parcel: Parcel) {
        let topic = Topic::Presence(0);
        if self.leases.closed(now) {
            self.logs.part(&topic, self.leases.server);
        }
        self.store(&topic, |_| parcel);
        if let Some(log) = self.logs.logs.get_mut(&topic) {
            let surplus = log.entries.len().saturating_sub(PRESENCE_HISTORY);
            log.entries.drain(..surplus);
        }
    }

    /// Appends and tells all who listen.
    fn store(&mut self, topic: &Topic, parcel: impl FnOnce(&Position) -> Parcel) -> Position {
        let (position, parcel) = self.logs.append(topic, parcel);
        let heard = Heard::Parcel {
            topic: topic.clone(),
            position: Some(position.clone()),
            parcel,
        };
        self.tell(topic, &heard, None);
        position
    }

    fn after(&mut self, now: Timestamp, topic: &Topic, after: u64, limit: usize) -> Page {
        self.read(now, topic, |log| {
            let from = log.entries.partition_point(|(seq, _)| *seq <= after);
            log.page(log.entries.iter().skip(from).take(limit))
        })
    }

    fn latest(&mut self, now: Timestamp, topic: &Topic, limit: usize) -> Page {
        self.read(now, topic, |log| {
            let from = log.entries.len().saturating_sub(limit);
            log.page(log.entries.iter().skip(from))
        })
    }

    /// A log that may have lost something of which nobody can tell is in its next life from now on:
    /// whoever reads is not to believe that it has all.
    fn read(&mut self, now: Timestamp, topic: &Topic, read: impl Fn(&TopicLog) -> Page) -> Page {
        self.logs.end(now);
        let unsettled = self.leases.closed(now);
        if !unsettled {
            self.leap_if_unheard(now);
            let lowest = self.logs.lowest();
            let log = self.logs.logs.get_mut(topic);
            log.into_iter().for_each(|log| log.raise(lowest));
        }
        let log = self.logs.logs.get(topic);
        Page {
            unsettled,
            created: self.created(topic),
            ..log.map(read).unwrap_or_default()
        }
    }
}

#[async_trait]
impl Log for MemoryNode {
    async fn append(
        &self,
        topic: &Topic,
        draft: &Draft,
        once: Option<&Once>,
    ) -> PortResult<Appended> {
        self.live_step(|state, now| state.append(now, topic, draft, once))
    }

    async fn after(&self, topic: &Topic, after: u64, limit: usize) -> PortResult<Page> {
        Ok(self.step(|state, now| state.after(now, topic, after, limit)))
    }

    async fn latest(&self, topic: &Topic, limit: usize) -> PortResult<Page> {
        Ok(self.step(|state, now| state.latest(now, topic, limit)))
    }

    async fn renew(&self, topic: &Topic, known: &Position) -> PortResult<()> {
        self.step(|state, now| state.logs.renew(now, topic, known));
        Ok(())
    }
}
