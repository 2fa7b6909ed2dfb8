//! The session of a client on a websocket.

use std::{io, sync::Arc, sync::MutexGuard, task::Context, time::Duration};

use tokio::time::Instant;

use super::{
    How, Line,
    out::{Out, Way},
    queue::Queue,
};
use crate::{DisconnectReason, ws::wire::Wire};

/// What is left of a session on a websocket.
pub(crate) struct Remains {
    pub(crate) wire: Wire,
    /// What was not written yet.
    pub(crate) queue: Queue,
    pub(crate) how: How,
}

impl Line {
    /// For the task that reads: it is woken when the session is over, and when it has to write.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    /// How the session ended, if it did.
    pub(crate) fn ended(&self) -> Option<super::End> {
        self.out().end()
    }

    /// Writes what waits for the kernel to take more, as soon as it does.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut out = self.out();
        while out.blocked.is_some()
            && let Way::Websocket(wire) = out.way()
            && wire.poll_ready(cx)?
        {
            out.flush()?;
        }
        Ok(())
    }

    /// Writes what was gathered.
    pub(crate) fn flush_gathered(self: &Arc<Self>) {
        let out = self.out();
        if out.blocked.is_none() {
            self.flush(out);
        }
    }

    /// Writes what waits, as far as the kernel takes it, and ends the session where that fails.
    pub(super) fn flush(self: &Arc<Self>, mut out: MutexGuard<'_, Out>) {
        match out.flush() {
            Ok(()) => self.after_blocking(out),
            Err(_) => self.fail(out),
        }
    }

    /// The connection does not work any more.
    pub(super) fn fail(&self, mut out: MutexGuard<'_, Out>) {
        let first = out.end_with(DisconnectReason::TransportError, How::Kill);
        self.wake(out, first);
    }

    /// Where the kernel takes no more, whoever reads writes the rest, and somebody looks at how that goes.
    pub(super) fn after_blocking(self: &Arc<Self>, mut out: MutexGuard<'_, Out>) {
        if out.blocked.is_none() {
            return;
        }
        let listed = std::mem::replace(&mut out.listed, true);
        drop(out);
        self.task.wake();
        if !listed {
            self.lines.look_at(self);
        }
    }

    /// Ends the session if its client takes too little: less than `least` bytes in `time`. Whether it is
    /// to be looked at again.
    pub(crate) fn is_still_blocked(&self, now: Instant, time: Duration, least: usize) -> bool {
        let mut out = self.out();
        let Some(blocked) = &mut out.blocked else {
            out.listed = false;
            return false;
        };
        if now - blocked.since >= time {
            if blocked.taken < least {
                drop(out);
                self.lines.settings.hooks.slow();
                self.kill(DisconnectReason::TransportError);
                return false;
            }
            blocked.since = now;
            blocked.taken = 0;
        }
        true
    }

    /// Takes the websocket out, to close it. Nothing is sent over it any more; if the session did not end
    /// before, it ends for this reason.
    pub(crate) fn take_websocket(&self, reason: DisconnectReason) -> Option<Remains> {
        let mut out = self.out();
        if out.end().is_none() {
            out.end_with(reason, How::Kill);
        }
        let how = out.end().map_or(How::Kill, |end| end.how);
        let (wire, queue) = out.give_up();
        Some(Remains {
            wire: wire?,
            queue,
            how,
        })
    }
}
