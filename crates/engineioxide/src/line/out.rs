//! What waits for the client of one session, and how it gets there.

use std::{io, io::IoSlice, task::Waker, time::Duration};

use bytes::Bytes;
use engineioxide_core::Sid;
use tokio::time::Instant;

use super::{SendError, polling::Polling, queue::Queue};
use crate::{DisconnectReason, Lines, ws::wire::Wire};

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
    pub(super) queue: Queue,
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
            queue: Queue::default(),
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
        } else if self.queue.bytes() >= lines.settings.max_waiting
            || self.queue.len() >= lines.config.max_buffer_size
        {
            Err(SendError::Full)
        } else {
            Ok(())
        }
    }

    pub(super) fn put(&mut self, bytes: &Bytes, volatile: bool, gather: Duration) -> Sent {
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
                self.queue.push(bytes.clone());
                Sent::Polled(waker)
            }
            Way::Websocket(_) if self.blocked.is_some() && volatile => Sent::Dropped,
            Way::Websocket(_) if self.blocked.is_some() || self.gathers => {
                self.queue.push(bytes.clone());
                Sent::Waits
            }
            Way::Websocket(wire) => {
                let now = Instant::now();
                if self.last.is_some_and(|last| now - last < gather) {
                    self.gathers = true;
                    self.queue.push(bytes.clone());
                    return Sent::ToBeGathered;
                }
                self.last = Some(now);
                match wire.try_write(&[IoSlice::new(bytes)]) {
                    Ok(written) if written == bytes.len() => Sent::Written,
                    Ok(written) => {
                        self.queue.push(bytes.clone());
                        self.took(written);
                        self.block(now)
                    }
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Sent::Failed,
                    Err(_) if volatile => Sent::Dropped,
                    Err(_) => {
                        self.queue.push(bytes.clone());
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
            match wire.try_write(&self.queue.pieces()) {
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
    pub(super) fn give_up(&mut self) -> (Option<Wire>, Queue) {
        self.blocked = None;
        let queue = std::mem::take(&mut self.queue);
        match std::mem::replace(&mut self.way, Way::Over) {
            Way::Websocket(wire) => (Some(wire), queue),
            _ => (None, queue),
        }
    }

    /// A websocket takes over; returns how the client polled.
    pub(super) fn upgrade(&mut self, wire: Wire) -> Way {
        std::mem::replace(&mut self.way, Way::Websocket(wire))
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
    pub(super) fn took(&mut self, bytes: usize) {
        if let Some(blocked) = &mut self.blocked {
            blocked.taken += bytes;
        }
        self.queue.took(bytes);
    }
}
