use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use starling_kernel::{
    id::{Incarnation, UserId},
    ports::{Beat, Known, Leave, PortError, PortResult},
    time::{Stamp, Timestamp},
    topic::Topic,
};

use super::state::{State, later};
use crate::{SETTLING, STALE, SWEEP_BATCH, floor};

/// Lives of nodes, and when all of them were silent.
#[derive(Clone, Default)]
pub(super) struct Leases {
    /// Those that may enter and append, and the server that each began on.
    lives: HashMap<Incarnation, u64>,
    /// Names the server that all this is on: another one after a failover.
    pub(super) server: u64,
    /// Names all this: the server that it began on.
    pub(super) born: u64,
    /// When that was, if everything had been lost then.
    pub(super) born_at: Option<Timestamp>,
    /// The server on which a life began last.
    begun_on: Option<u64>,
    closed: Option<Closed>,
    /// A life ended that did not tell what it knew when a failover came.
    unheard: bool,
    /// When each lease ends.
    until: HashMap<Incarnation, Timestamp>,
    /// Ended, and still to be reaped.
    dead: BTreeSet<Incarnation>,
    last_beat: Option<Timestamp>,
    last_sweep: Option<Timestamp>,
    /// When a life began last that follows none which was known here.
    joined: Option<Timestamp>,
    sweeps_from: Option<Timestamp>,
}

/// After a failover.
#[derive(Clone, Copy)]
struct Closed {
    /// Until when other nodes may still say what they know.
    until: Timestamp,
    /// How new the copy is: all that was given before is here.
    dumped: Option<Timestamp>,
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
        moved || self.closed.is_some_and(|closed| closed.until > now) && some_moved
    }

    /// Whether everything was lost a moment ago, so that whoever comes was there before.
    pub(super) fn is_restoring(&self, now: Timestamp) -> bool {
        self.sweeps_from > Some(now)
    }

    /// Whether one who is restored now, and entered at `since`, was there all the time.
    pub(super) fn was_there(&self, now: Timestamp, since: Stamp) -> bool {
        let settling = |born: Timestamp| now < later(born, SETTLING) && since < born.into();
        self.is_restoring(now) || self.born_at.is_some_and(settling)
    }

    pub(super) fn dead(&self) -> impl Iterator<Item = &Incarnation> {
        self.dead.iter()
    }

    /// Whether somebody may have known of more than the logs hold, and did not live to tell.
    pub(super) fn take_unheard(&mut self, now: Timestamp) -> bool {
        if self.closed.is_some_and(|closed| closed.until <= now) {
            self.closed = None;
            let (before, server) = (self.lives.len(), self.server);
            self.lives.retain(|_, on| *on == server);
            self.unheard |= self.lives.len() < before;
        }
        std::mem::take(&mut self.unheard)
    }

    /// Should a copy take over that is older, there may be things given until then that no node can
    /// tell of: it does not know the life that joined last, or it is stale.
    pub(super) fn untold(&self, now: Timestamp) -> Option<Timestamp> {
        let stale = now.0.saturating_sub(STALE.as_millis() as u64);
        self.joined.max(Some(Timestamp(stale)))
    }

    /// Takes note of a life that begins, after a `former` one, by what its node can tell.
    fn begin(
        &mut self,
        now: Timestamp,
        former: Option<&Incarnation>,
        untold: Option<Timestamp>,
        lease: Duration,
    ) {
        let newest = self.joined.max(self.last_sweep);
        let begun_on = self.begun_on.replace(self.server);
        if begun_on.is_some_and(|on| on != self.server) {
            // Where not all have told yet what the copy before this one lacked, that is the older.
            let dumped = self.closed.map_or(newest, |closed| closed.dumped);
            let until = later(now, lease);
            self.closed = Some(Closed { until, dumped });
        }
        let on = former.and_then(|former| self.lives.remove(former));
        if let Some(closed) = self.closed
            && on != Some(self.server)
        {
            self.unheard |= untold > closed.dumped;
        }
        if on.is_none() {
            // Whoever finds a copy that was made before would not wait for this node to tell.
            let after = newest.map_or(now, |newest| Timestamp(newest.0 + 1));
            self.joined = Some(now.max(after));
        }
    }

    /// Nobody is waited for any more.
    fn reopen(&mut self, now: Timestamp) {
        let all_here = self.lives.values().all(|on| *on == self.server);
        self.closed = self.closed.filter(|closed| closed.until > now || !all_here);
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
        known: &Known,
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
        leases.begin(now, former, known.forgotten, self.times.lease);
        leases.lives.insert(incarnation.clone(), leases.server);
        let until = later(now, self.times.lease);
        leases.until.insert(incarnation.clone(), until);
        for (topic, position) in &known.places {
            self.logs.renew(now, topic, position);
        }
        // Who has heard nothing of one such log is to see that another has taken its place.
        let followed = Topic::Presence(0);
        if self.logs.position(&followed).is_start() {
            self.logs.begin(now, &followed);
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
        self.leases.reopen(now);
        if !self.leases.closed(now) {
            self.leap_if_unheard(now);
        }
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
