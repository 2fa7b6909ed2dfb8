//! Pings, and who does not answer them.
//!
//! All intervals are the same, so what is begun later is due later: a queue for each kind is enough,
//! and a connection has no timer of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, Weak, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, timeout_at},
};

use crate::{
    DisconnectReason, Line, ProtocolVersion, config::EngineIoConfig, frame::PING, lines::CHUNK,
};

/// Timers are late by a little: what is due after something that was counts from when that was due. What is
/// later than this is no matter of timers, and clients have all their time after it.
const PUNCTUAL: Duration = Duration::from_millis(5);

/// In Engine.IO 3 a client is given so much of a timeout more.
const GRAINS: u32 = 16;

struct Due {
    at: Instant,
    line: Weak<Line>,
    /// The ping that it is about.
    beat: u32,
}

#[derive(Default)]
struct Queues {
    /// Sessions to be pinged.
    pings: VecDeque<Due>,
    /// Pings to be answered by then.
    pongs: VecDeque<Due>,
    /// In Engine.IO 3 clients ping: the next one is to have come by then.
    clients: VecDeque<Due>,
}

pub(crate) struct Heart {
    start: Instant,
    interval: Duration,
    timeout: Duration,
    queues: Mutex<Queues>,
    /// Something is due in a queue where nothing was before.
    begun: Notify,
}

impl Heart {
    pub(crate) fn new(config: &EngineIoConfig) -> Self {
        Self {
            start: Instant::now(),
            interval: config.ping_interval,
            timeout: config.ping_timeout,
            queues: Mutex::default(),
            begun: Notify::new(),
        }
    }

    /// A session has begun.
    pub(crate) fn begin(&self, line: &Arc<Line>) {
        match line.protocol {
            ProtocolVersion::V4 => self.ping_later(line),
            ProtocolVersion::V3 => self.expect_client(line),
        }
    }

    /// The client answered a ping: the next one follows after an interval.
    pub(crate) fn pong(&self, line: &Arc<Line>) {
        if line.awaits_pong.swap(false, Ordering::AcqRel) {
            self.ping_later(line);
        }
    }

    /// A client of Engine.IO 3 has pinged, or has come. It may do so as often as it likes: what is
    /// remembered is one deadline for each grain of time.
    pub(crate) fn expect_client(&self, line: &Arc<Line>) {
        let grain = self.grain();
        let now = 1 + (self.start.elapsed().as_nanos() / grain.as_nanos()) as u32;
        if line.beat.swap(now, Ordering::Relaxed) != now {
            let time = self.client_time();
            self.add(|queues| &mut queues.clients, line, time, now);
            self.end_stuck(line);
        }
    }

    fn grain(&self) -> Duration {
        (self.timeout / GRAINS).max(Duration::from_millis(1))
    }

    /// Time for the ping of such a client: the same for all, so that what is due later stands later.
    fn client_time(&self) -> Duration {
        self.interval + self.timeout + self.grain()
    }

    /// Ends a session of whose client something is incomplete. A message in fragments needs no look: no
    /// ping can be answered within it.
    fn end_stuck(&self, line: &Arc<Line>) {
        if line.lines.settings.hooks.is_stuck(line, self.interval) {
            line.kill(DisconnectReason::TransportError);
        }
    }

    /// Acts on what is due, for ever.
    pub(crate) async fn run(&self) {
        loop {
            // What begins meanwhile may be due earlier: the queues have times of their own.
            match self.next() {
                Some(at) => drop(timeout_at(at, self.begun.notified()).await),
                None => self.begun.notified().await,
            }
            self.beat(Instant::now()).await;
        }
    }

    async fn beat(&self, now: Instant) {
        let mut pinged = 0;
        while let Some((line, due)) = self.pop(now, |queues| &mut queues.pings) {
            self.ping(&line, due.at);
            pinged += 1;
            if pinged % CHUNK == 0 {
                yield_now().await;
            }
        }
        while let Some((line, due)) = self.pop(now, |queues| &mut queues.pongs) {
            let last = line.beat.load(Ordering::Relaxed) == due.beat;
            if last && line.awaits_pong.load(Ordering::Acquire) {
                match line.is_excused() {
                    // Clients, too, count from the last ping.
                    true => self.ping(&line, due.at),
                    false => line.kill(DisconnectReason::HeartbeatTimeout),
                }
            }
        }
        while let Some((line, due)) = self.pop(now, |queues| &mut queues.clients) {
            if line.beat.load(Ordering::Relaxed) == due.beat {
                match line.is_excused() {
                    true => self.add(
                        |queues| &mut queues.clients,
                        &line,
                        self.client_time(),
                        due.beat,
                    ),
                    false => line.kill(DisconnectReason::HeartbeatTimeout),
                }
            }
        }
    }

    fn ping(&self, line: &Arc<Line>, due: Instant) {
        self.end_stuck(line);
        let beat = line.beat.fetch_add(1, Ordering::Relaxed) + 1;
        line.awaits_pong.store(true, Ordering::Release);
        line.send_reserved(&PING);
        let late = due.elapsed();
        let late = if late < PUNCTUAL {
            late
        } else {
            Duration::ZERO
        };
        let time = self.timeout.saturating_sub(late);
        self.add(|queues| &mut queues.pongs, line, time, beat);
    }

    fn ping_later(&self, line: &Arc<Line>) {
        self.add(|queues| &mut queues.pings, line, self.interval, 0);
    }

    fn add(
        &self,
        which: fn(&mut Queues) -> &mut VecDeque<Due>,
        line: &Arc<Line>,
        after: Duration,
        beat: u32,
    ) {
        let line = Arc::downgrade(line);
        let mut queues = self.queues();
        let queue = which(&mut queues);
        // With the lock held, so that they stand in order.
        let at = Instant::now() + after;
        queue.push_back(Due { at, line, beat });
        if queue.len() == 1 {
            self.begun.notify_one();
        }
    }

    fn pop(
        &self,
        now: Instant,
        which: fn(&mut Queues) -> &mut VecDeque<Due>,
    ) -> Option<(Arc<Line>, Due)> {
        let mut queues = self.queues();
        let queue = which(&mut queues);
        while queue.front().is_some_and(|due| due.at <= now) {
            let due = queue.pop_front()?;
            if let Some(line) = due.line.upgrade() {
                return Some((line, due));
            }
        }
        None
    }

    fn next(&self) -> Option<Instant> {
        let queues = self.queues();
        let all = [&queues.pings, &queues.pongs, &queues.clients];
        all.iter().filter_map(|queue| Some(queue.front()?.at)).min()
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().expect("no panic while held")
    }
}
