use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use starling_kernel::{
    id::{Incarnation, UserId},
    ports::{Beat, Leave, PortError, PortResult},
    time::Timestamp,
    topic::Topic,
};

use super::state::{State, later};
use crate::SWEEP_BATCH;

/// Lives of nodes, and when all of them were silent.
#[derive(Clone, Default)]
pub(super) struct Leases {
    /// When each ends.
    until: HashMap<Incarnation, Timestamp>,
    /// Ended, and still to be reaped.
    dead: BTreeSet<Incarnation>,
    /// Ended, ever. As many as nodes have died while this process lives.
    fenced: HashSet<Incarnation>,
    last_beat: Option<Timestamp>,
    last_sweep: Option<Timestamp>,
    sweeps_from: Option<Timestamp>,
}

impl Leases {
    pub(super) fn are_over(&self, incarnation: &Incarnation) -> bool {
        self.fenced.contains(incarnation)
    }

    fn end(&mut self, incarnation: &Incarnation) {
        self.until.remove(incarnation);
        self.dead.insert(incarnation.clone());
        self.fenced.insert(incarnation.clone());
    }

    pub(super) fn pause_sweeps(&mut self, now: Timestamp, pause: Duration) {
        self.sweeps_from = self.sweeps_from.max(Some(later(now, pause)));
    }
}

impl State {
    /// Renews or begins a lease, and ends those that ran out.
    pub(super) fn beat(
        &mut self,
        now: Timestamp,
        incarnation: &Incarnation,
        begun: bool,
    ) -> PortResult<Beat> {
        self.forgive_silence(now);
        let leases = &mut self.leases;
        let wiped = begun && !leases.until.contains_key(incarnation);
        if wiped || leases.are_over(incarnation) {
            return Err(PortError::Fenced);
        }
        let until = later(now, self.times.lease);
        leases.until.insert(incarnation.clone(), until);
        let ended = leases.until.iter().filter(|(_, until)| **until <= now);
        for incarnation in ended.map(|(inc, _)| inc.clone()).collect::<Vec<_>>() {
            leases.end(&incarnation);
        }
        Ok(Beat {
            now,
            dead: leases.dead.iter().cloned().collect(),
        })
    }

    /// Where nobody was heard for two beats it was the store that was away, not all the nodes:
    /// every lease begins anew.
    fn forgive_silence(&mut self, now: Timestamp) {
        let last = self.leases.last_beat.replace(now);
        if last.is_some_and(|last| later(last, self.silence()) < now) {
            let until = later(now, self.times.lease);
            self.leases.until.values_mut().for_each(|u| *u = until);
        }
    }

    fn silence(&self) -> Duration {
        self.times.lease * 2 / 3
    }

    pub(super) fn retire(&mut self, incarnation: &Incarnation) {
        self.leases.end(incarnation);
    }

    pub(super) fn reap(&mut self, now: Timestamp, incarnation: &Incarnation) {
        self.leases.end(incarnation);
        for (place, user, conn) in self.held.remove(incarnation).unwrap_or_default() {
            self.release(now, &place, &user, incarnation, &conn, Leave::AfterGrace);
        }
        self.leases.dead.remove(incarnation);
    }

    /// Removes the members whose grace is over, a bounded number of them.
    pub(super) fn sweep(&mut self, now: Timestamp) -> usize {
        let last = self.leases.last_sweep.replace(now);
        if last.is_some_and(|last| later(last, self.silence()) < now) {
            self.leases.pause_sweeps(now, self.times.lease);
        }
        if self.leases.sweeps_from > Some(now) {
            return 0;
        }
        let due: Vec<_> = self.due_until(now).take(SWEEP_BATCH).collect();
        for (at, place, user) in &due {
            let lost = Timestamp(at.0 - self.times.grace.as_millis() as u64);
            self.remove(place, user, lost, None);
        }
        due.len()
    }

    fn due_until(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Topic, UserId)> {
        let due = self.due.iter().take_while(move |(at, ..)| *at <= now);
        due.cloned()
    }
}
