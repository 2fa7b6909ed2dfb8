//! A websocket that tries to take over a polling session.

use std::{
    io::IoSlice,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Interval, Sleep, interval_at, sleep};

use super::wire::Wire;
use crate::{Frame, Line};

/// What the client asks, and what it is told.
const ASKED: &str = "2probe";
const ANSWER: &str = "3probe";
/// What it says when it has stopped polling.
const UPGRADE: &str = "5";
/// A poll that waits is ended after this, since the client waits for it to end. Not at once: the next one
/// would be there as fast.
const END_POLLS: Duration = Duration::from_millis(100);

/// What a packet did.
pub(crate) enum Probed {
    /// The exchange goes on.
    Goes,
    /// The session is on this websocket.
    Done(engineioxide_core::Sid),
    /// Nothing comes of it: the session stays where it is.
    Failed,
}

/// The exchange that goes before: `2probe`, `3probe`, `5`. Polling goes on meanwhile, and after it fails.
pub(crate) struct Probe {
    line: Arc<Line>,
    wire: Option<Wire>,
    /// Messages on it may be compressed.
    deflates: bool,
    answered: bool,
    deadline: Pin<Box<Sleep>>,
    end_polls: Interval,
}

impl Probe {
    pub(crate) fn new(line: &Arc<Line>, wire: Wire, deflates: bool) -> Box<Self> {
        let time = line.lines.config.upgrade_timeout;
        Box::new(Self {
            line: line.clone(),
            wire: Some(wire),
            deflates,
            answered: false,
            deadline: Box::pin(sleep(time)),
            end_polls: interval_at(Instant::now() + END_POLLS, END_POLLS),
        })
    }

    /// Ready when the time is over, or the session.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.end_polls.poll_tick(cx).is_ready() {
            if self.line.is_ended() {
                return Poll::Ready(());
            }
            if self.answered {
                self.line.end_poll();
            }
        }
        self.deadline.as_mut().poll(cx)
    }

    pub(crate) fn packet(&mut self, text: &str) -> Probed {
        match text {
            ASKED if !self.answered => self.answer(),
            UPGRADE if self.answered => self.upgrade(),
            _ => Probed::Failed,
        }
    }

    /// There is room for so little: nothing was written before.
    fn answer(&mut self) -> Probed {
        let answer = Frame::packet(ANSWER);
        let answer = answer.bytes(self.line.protocol, None);
        let written = self
            .wire
            .as_ref()
            .map(|wire| wire.try_write(&[IoSlice::new(&answer)]));
        self.answered = true;
        match written {
            Some(Ok(written)) if written == answer.len() => Probed::Goes,
            _ => Probed::Failed,
        }
    }

    fn upgrade(&mut self) -> Probed {
        let Some(wire) = self.wire.take() else {
            return Probed::Failed;
        };
        match self.line.upgrade(wire) {
            Ok(secret) => {
                // What waited until now was plain, and nobody compresses for a poll.
                self.line.inflates.store(self.deflates, Ordering::Relaxed);
                Probed::Done(secret)
            }
            Err(_) => Probed::Failed,
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.line.probed.store(false, Ordering::Release);
    }
}
