use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use starling_kernel::{
    envelope::Position,
    id::{Incarnation, UserId},
    ports::{Beat, Leave, PortError, PortResult},
    time::Timestamp,
    topic::Topic,
};

use super::state::{State, later};
use crate::{SWEEP_BATCH, floor};

/// Lives of nodes, and when all of them were silent.
#[derive(Clone, Default)]
pub(super) struct Leases {
    /// Those that may enter and append, and the server that each began on.
    lives: HashMap<Incarnation, u64>,
    /// Names the server that all this is on: another one after a failover.
    pub(super) server: u64,
    /// Names all this: the server that it began on.
    pub(super) born: u64,
    /// The server on which a life began last.
    begun_on: Option<u64>,
    /// After a failover: until when other nodes may still say what they know.
    closed_until: Option<Timestamp>,
    /// A life ended that did not tell what it knew when a failover came.
    unheard: bool,
    /// When each lease ends.
    until: HashMap<Incarnation, Timestamp>,
    /// Ended, and still to be reaped.
    dead: BTreeSet<Incarnation>,
    last_beat: Option<Timestamp>,
    last_sweep: Option<Timestamp>,
    sweeps_from: Option<Timestamp>,
}

impl Leases {
    /// Whether this life may do anything.
    pub(super) fn check(&self, incarnation: &Incarnation) -> PortResult<()> {
        match self.lives.get(incarnation) {
            Some(server) if *server == self.server => Ok(()),
            _ => Err(PortError::Fenced),
        }
    }

    /// Whether nodes may still know of more than the logs hold.
    pub(super) fn closed(&self, now: Timestamp) -> bool {
        let moved = self.begun_on.is_some_and(|on| on != self.server);
        let some_moved = self.lives.values().any(|on| *on != self.server);
        moved || self.closed_until > Some(now) && some_moved
    }

    /// Whether everything was lost a moment ago, so that whoever comes was there before.
    pub(super) fn is_restoring(&self, now: Timestamp) -> bool {
        self.sweeps_from > Some(now)
    }

    pub(super) fn dead(&self) -> impl Iterator<Item = &Incarnation> {
        self.dead.iter()
    }

    /// Whether somebody may have known of more than the logs hold, and did not live to tell.
    pub(super) fn take_unheard(&mut self, now: Timestamp) -> bool {
        if self.closed_until.is_some_and(|until| until <= now) {
            self.closed_until = None;
            let (before, server) = (self.lives.len(), self.server);
            self.lives.retain(|_, on| *on == server);
            self.unheard |= self.lives.len() < before;
        }
        std::mem::take(&mut self.unheard)
    }

    fn end(&mut self, incarnation: &Incarnation) {
        self.until.remove(incarnation);
        let on = self.lives.remove(incarnation);
        self.unheard |= on.is_some_and(|on| on != self.server);
        self.dead.insert(incarnation.clone());
    }

    pub(super) fn pause_sweeps(&mut self, now: Timestamp, pause: Duration) {
        self.sweeps_from = self.sweeps_from.max(Some(later(now, pause)));
    }
}

/// What a node finds when it begins a life.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// Names all that is stored: another number after everything was lost.
    born: u64,
    /// Above every `seq` that was given before everything was lost.
    floor: u64,
}

impl State {
    /// Begins a life. `before` is what its node found when it began one before, if it did; returns
    /// what it finds now.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        incarnation: &Incarnation,
        former: Option<&Incarnation>,
        known: &[(Topic, Position)],
        before: Option<Found>,
    ) -> Found {
        let leases = &mut self.leases;
        let lost = before.is_some_and(|before| before.born != leases.born);
        if lost && self.logs.floor == 0 {
            self.logs.floor = floor(now);
        }
        // A failover may have lost it.
        let known_floor = before.map_or(0, |before| before.floor);
        self.logs.floor = self.logs.floor.max(known_floor);
        let begun_on = leases.begun_on.replace(leases.server);
        if begun_on.is_some_and(|on| on != leases.server) {
            leases.closed_until = Some(later(now, self.times.lease));
        }
        if let Some(former) = former {
            leases.lives.remove(former);
        }
        leases.lives.insert(incarnation.clone(), leases.server);
        let until = later(now, self.times.lease);
        leases.until.insert(incarnation.clone(), until);
        for (topic, position) in known {
            self.logs.renew(now, topic, position);
        }
        Found {
            born: self.leases.born,
            floor: self.logs.floor,
        }
    }

    /// Renews a lease, and ends those that ran out.
    pub(super) fn beat(&mut self, now: Timestamp, incarnation: &Incarnation) -> PortResult<Beat> {
        self.forgive_silence(now);
        let leases = &mut self.leases;
        leases.check(incarnation)?;
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
        if self.leases.is_restoring(now) {
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
