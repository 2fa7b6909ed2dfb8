//! What waits for the client of one session, and how it gets there.

use std::{collections::VecDeque, io, io::IoSlice, task::Waker, time::Duration};

use bytes::Bytes;
use engineioxide_core::Sid;
use tokio::time::Instant;

use super::{SendError, polling::Polling};
use crate::{DisconnectReason, Lines, ws::wire::Wire};

/// Pieces that are written at once.
const AT_ONCE: usize = 64;
/// What a piece that waits takes beside its bytes, which may be shared.
const OVERHEAD: usize = 64;

/// What a session runs over.
pub(super) enum Way {
    Polling(Box<Polling>),
    Websocket(Wire),
    /// Its connection is somebody else's now, to be closed.
    Over,
}

/// How a session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    /// What waits is sent first.
    Flush,
    Kill,
}

/// That a session is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) reason: DisconnectReason,
    pub(crate) how: How,
}

/// What became of a message.
pub(super) enum Sent {
    Written,
    Dropped,
    /// It waits for others that come soon, and is the first to do so.
    ToBeGathered,
    /// The kernel takes no more, or something waits already.
    Waits,
    /// It waits for a poll; this one does.
    Polled(Option<Waker>),
    Failed,
}

/// How much a client takes for which something waits.
pub(super) struct Blocked {
    pub(super) since: Instant,
    pub(super) taken: usize,
}

pub(super) struct Out {
    way: Way,
    /// Whole frames, of which so many bytes of the first are gone: whole ones for a polling client.
    pub(super) queue: VecDeque<Bytes>,
    pub(super) gone: usize,
    waiting: usize,
    /// When something was last written to a websocket.
    last: Option<Instant>,
    gathers: bool,
    pub(super) blocked: Option<Box<Blocked>>,
    /// It is among those that are looked at for being blocked.
    pub(super) listed: bool,
    end: Option<End>,
}

impl Out {
    pub(super) fn polling(secret: Sid) -> Self {
        Self::new(Way::Polling(Box::new(Polling::new(secret))))
    }

    pub(super) fn websocket(wire: Wire) -> Self {
        Self::new(Way::Websocket(wire))
    }

    fn new(way: Way) -> Self {
        Self {
            way,
            queue: VecDeque::new(),
            gone: 0,
            waiting: 0,
            last: None,
            gathers: false,
            blocked: None,
            listed: false,
            end: None,
        }
    }

    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    pub(super) fn way_mut(&mut self) -> &mut Way {
        &mut self.way
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// The first reason stays, and the harder way. Whether it was the first.
    pub(super) fn end_with(&mut self, reason: DisconnectReason, how: How) -> bool {
        match &mut self.end {
            Some(end) => {
                end.how = end.how.max(how);
                false
            }
            None => {
                self.end = Some(End { reason, how });
                true
            }
        }
    }

    pub(super) fn check_room(&self, lines: &Lines) -> Result<(), SendError> {
        if self.end.is_some() {
            Err(SendError::Closed)
        } else if self.waiting >= lines.settings.max_waiting
            || self.queue.len() >= lines.config.max_buffer_size
        {
            Err(SendError::Full)
        } else {
            Ok(())
        }
    }

    pub(super) fn put(&mut self, bytes: Bytes, volatile: bool, gather: Duration) -> Sent {
        if self.end.is_some() {
            return Sent::Dropped;
        }
        match &mut self.way {
            Way::Over => Sent::Dropped,
            Way::Polling(polling) => {
                if volatile && polling.waker.is_none() {
                    return Sent::Dropped;
                }
                let waker = polling.waker.take();
                self.push(bytes);
                Sent::Polled(waker)
            }
            Way::Websocket(_) if self.blocked.is_some() && volatile => Sent::Dropped,
            Way::Websocket(_) if self.blocked.is_some() || self.gathers => {
                self.push(bytes);
                Sent::Waits
            }
            Way::Websocket(wire) => {
                let now = Instant::now();
                if self.last.is_some_and(|last| now - last < gather) {
                    self.gathers = true;
                    self.push(bytes);
                    return Sent::ToBeGathered;
                }
                self.last = Some(now);
                match wire.try_write(&[IoSlice::new(&bytes)]) {
                    Ok(written) if written == bytes.len() => Sent::Written,
                    Ok(written) => {
                        self.push(bytes);
                        self.took(written);
                        self.block(now)
                    }
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Sent::Failed,
                    Err(_) if volatile => Sent::Dropped,
                    Err(_) => {
                        self.push(bytes);
                        self.block(now)
                    }
                }
            }
        }
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let now = Instant::now();
        self.gathers = false;
        while !self.queue.is_empty() {
            let Way::Websocket(wire) = &self.way else {
                return Ok(());
            };
            match wire.try_write(&pieces(&self.queue, self.gone)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.took(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.block(now);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.last = Some(now);
        self.blocked = None;
        Ok(())
    }

    /// Gives up the websocket, and what waits for it.
    pub(super) fn give_up(&mut self) -> (Option<Wire>, VecDeque<Bytes>, usize) {
        self.waiting = 0;
        self.blocked = None;
        let queue = std::mem::take(&mut self.queue);
        match std::mem::replace(&mut self.way, Way::Over) {
            Way::Websocket(wire) => (Some(wire), queue, self.gone),
            _ => (None, queue, self.gone),
        }
    }

    /// A websocket takes over; returns how the client polled.
    pub(super) fn upgrade(&mut self, wire: Wire) -> Way {
        std::mem::replace(&mut self.way, Way::Websocket(wire))
    }

    fn push(&mut self, bytes: Bytes) {
        self.waiting += bytes.len() + OVERHEAD;
        self.queue.push_back(bytes);
    }

    fn block(&mut self, now: Instant) -> Sent {
        self.blocked.get_or_insert_with(|| {
            Box::new(Blocked {
                since: now,
                taken: 0,
            })
        });
        Sent::Waits
    }

    /// So many bytes from the front are with the client, or with the kernel.
    pub(super) fn took(&mut self, mut bytes: usize) {
        if let Some(blocked) = &mut self.blocked {
            blocked.taken += bytes;
        }
        while let Some(first) = self.queue.front() {
            let rest = first.len() - self.gone;
            if bytes < rest {
                self.gone += bytes;
                self.waiting = self.waiting.saturating_sub(bytes);
                return;
            }
            bytes -= rest;
            self.waiting = self.waiting.saturating_sub(rest + OVERHEAD);
            self.gone = 0;
            self.queue.pop_front();
        }
        // Most connections never need it again for a long time.
        self.queue = VecDeque::new();
        self.waiting = 0;
    }
}

/// What is to be written next.
pub(crate) fn pieces(queue: &VecDeque<Bytes>, gone: usize) -> Vec<IoSlice<'_>> {
    let first = queue.front().map(|first| &first[gone..]);
    let rest = queue
        .iter()
        .skip(1)
        .take(AT_ONCE - 1)
        .map(|bytes| &bytes[..]);
    first.into_iter().chain(rest).map(IoSlice::new).collect()
}
