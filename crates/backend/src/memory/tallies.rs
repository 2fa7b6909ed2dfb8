use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use async_trait::async_trait;
use starling_kernel::{
    id::UserId,
    ports::{Cast, PortResult, Tallies, Tally, TellCounts},
    time::Timestamp,
    topic::Topic,
};

use super::{MemoryNode, state::State};

/// A tally, and who was counted for what.
#[derive(Clone)]
pub(super) struct Counting {
    tally: Tally,
    votes: HashMap<UserId, u32>,
}

impl Counting {
    fn new(data: &str, choices: u32) -> Self {
        let tally = Tally {
            data: data.to_owned(),
            closed: false,
            counts: vec![0; choices as usize],
            own: None,
        };
        Self {
            tally,
            votes: HashMap::new(),
        }
    }

    fn cast(&mut self, member: &UserId, choice: u32) -> Cast {
        let Some(count) = self.tally.counts.get_mut(choice as usize) else {
            return Cast::NoSuchChoice;
        };
        if self.tally.closed {
            return Cast::Closed;
        }
        match self.votes.entry(member.clone()) {
            Entry::Occupied(_) => return Cast::Already,
            Entry::Vacant(none) => none.insert(choice),
        };
        *count += 1;
        Cast::Counted(self.tally.counts.clone())
    }

    /// `false` where it was closed before.
    fn close(&mut self) -> bool {
        !std::mem::replace(&mut self.tally.closed, true)
    }

    fn read(&self, member: Option<&UserId>) -> Tally {
        Tally {
            own: member.and_then(|member| self.votes.get(member)).copied(),
            ..self.tally.clone()
        }
    }
}

impl State {
    fn open(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        data: &str,
        choices: u32,
        keep: Duration,
    ) -> bool {
        let new = self.tallies.get(now, topic).is_none();
        if new {
            let counting = Counting::new(data, choices);
            self.tallies.put(now, topic, counting, keep);
        }
        new
    }

    fn cast(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        member: &UserId,
        choice: u32,
        tell: &TellCounts,
    ) -> Cast {
        let counting = self.tallies.get(now, topic);
        let cast = counting.map_or(Cast::Missing, |counting| counting.cast(member, choice));
        if let Cast::Counted(counts) = &cast {
            self.publish(&tell.topic, tell.with(counts));
        }
        cast
    }

    fn close(&mut self, now: Timestamp, topic: &Topic, tell: &TellCounts) -> Option<bool> {
        let counting = self.tallies.get(now, topic)?;
        let closed = counting.close();
        let told = tell.with(&counting.tally.counts);
        if closed {
            self.publish(&tell.topic, told);
        }
        Some(closed)
    }
}

#[async_trait]
impl Tallies for MemoryNode {
    async fn open(
        &self,
        topic: &Topic,
        data: &str,
        choices: u32,
        keep: Duration,
    ) -> PortResult<bool> {
        self.live_step(|state, now| Ok(state.open(now, topic, data, choices, keep)))
    }

    async fn cast(
        &self,
        topic: &Topic,
        member: &UserId,
        choice: u32,
        tell: &TellCounts,
    ) -> PortResult<Cast> {
        self.live_step(|state, now| Ok(state.cast(now, topic, member, choice, tell)))
    }

    async fn close(&self, topic: &Topic, tell: &TellCounts) -> PortResult<Option<bool>> {
        self.live_step(|state, now| Ok(state.close(now, topic, tell)))
    }

    async fn tally(&self, topic: &Topic, member: Option<&UserId>) -> PortResult<Option<Tally>> {
        Ok(self.step(|state, now| Some(state.tallies.get(now, topic)?.read(member))))
    }
}
