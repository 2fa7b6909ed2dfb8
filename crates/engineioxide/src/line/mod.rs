//! One session: what waits for its client, and its end.

mod out;
mod polling;
mod queue;
mod websocket;

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    hint::black_box,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering},
    },
    task::Waker,
};

use bytes::Bytes;
use engineioxide_core::Sid;
use futures_util::task::AtomicWaker;

use crate::{DisconnectReason, Frame, Lines, ProtocolVersion, TransportType, ws::wire::Wire};
pub(crate) use out::{End, How};
use out::{Out, Sent, Way};

pub(crate) use websocket::Remains;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// As much as may waits for the client already.
    Full,
    /// The session is over.
    Closed,
}

/// One Engine.IO session, as everybody sees it who sends to it or ends it.
///
/// All that is sent goes through one lock, so what one sends after the other arrives in this order.
pub struct Line {
    pub(crate) sid: Sid,
    pub(crate) protocol: ProtocolVersion,
    pub(crate) lines: Arc<Lines>,
    /// Counts pings, so that a deadline knows which one it belongs to; in Engine.IO 3, when the last one
    /// came.
    pub(crate) beat: AtomicU32,
    /// The last ping was not answered yet.
    pub(crate) awaits_pong: AtomicBool,
    /// The handler is being told of the end, or was.
    told: AtomicBool,
    /// Its client inflates messages.
    pub(crate) inflates: AtomicBool,
    /// A websocket is trying to take over.
    pub(crate) probed: AtomicBool,
    /// How many are behind with what the client sends.
    paused: AtomicU16,
    /// Somebody was since a ping was last judged: its pong may lie where nothing was read.
    excused: AtomicBool,
    /// The task that reads the websocket.
    task: AtomicWaker,
    kept: Option<Box<dyn Any + Send + Sync>>,
    out: Mutex<Out>,
}

impl Line {
    /// A session whose client polls; `secret` is its id in URLs.
    pub(crate) fn polling(
        lines: &Arc<Lines>,
        protocol: ProtocolVersion,
        secret: Sid,
        kept: Option<Box<dyn Any + Send + Sync>>,
    ) -> Arc<Self> {
        Self::new(lines, protocol, Out::polling(secret), kept)
    }

    /// A session on a websocket from the start.
    pub(crate) fn websocket(
        lines: &Arc<Lines>,
        protocol: ProtocolVersion,
        wire: Wire,
        kept: Option<Box<dyn Any + Send + Sync>>,
    ) -> Arc<Self> {
        Self::new(lines, protocol, Out::websocket(wire), kept)
    }

    fn new(
        lines: &Arc<Lines>,
        protocol: ProtocolVersion,
        out: Out,
        kept: Option<Box<dyn Any + Send + Sync>>,
    ) -> Arc<Self> {
        let line = Arc::new(Self {
            sid: Sid::new(),
            protocol,
            lines: lines.clone(),
            beat: AtomicU32::new(0),
            awaits_pong: AtomicBool::new(false),
            told: AtomicBool::new(false),
            inflates: AtomicBool::new(false),
            probed: AtomicBool::new(false),
            paused: AtomicU16::new(0),
            excused: AtomicBool::new(false),
            task: AtomicWaker::new(),
            kept,
            out: Mutex::new(out),
        });
        lines.add(&line);
        line
    }

    /// What [`crate::Hooks::keep`] kept of the request that opened the session.
    pub fn kept<T: Any>(&self) -> Option<&T> {
        self.kept.as_ref()?.downcast_ref()
    }

    /// Sends a message. It is written at once where nothing waits before it.
    ///
    /// # Errors
    ///
    /// When as much as may waits already, or the session is over.
    pub fn send(self: &Arc<Self>, frame: &Frame) -> Result<(), SendError> {
        let bytes = self.encoded(frame);
        let out = self.out();
        out.check_room(&self.lines)?;
        self.put(out, &bytes, false);
        Ok(())
    }

    /// Sends a message for which [`Line::check_room`] found room; it waits where there is no more.
    pub(crate) fn send_reserved(self: &Arc<Self>, frame: &Frame) {
        let bytes = self.encoded(frame);
        self.put(self.out(), &bytes, false);
    }

    /// Sends a message, or drops it where it would have to wait for the client; `false` then.
    pub fn send_volatile(self: &Arc<Self>, frame: &Frame) -> bool {
        let bytes = self.encoded(frame);
        let out = self.out();
        out.check_room(&self.lines).is_ok() && self.put(out, &bytes, true)
    }

    /// Reads what sending is about to need, and does nothing with it: before many lines are written to, so
    /// that their memory is fetched at once instead of one after the other.
    pub fn fetch(&self) {
        black_box(self.inflates.load(Ordering::Relaxed));
        black_box(Arc::as_ptr(&self.lines));
        black_box(self.out.is_poisoned());
    }

    /// Whether a message would be taken now.
    pub(crate) fn check_room(&self) -> Result<(), SendError> {
        self.out().check_room(&self.lines)
    }

    /// Bytes that wait for the client.
    pub fn waiting(&self) -> usize {
        self.out().queue.bytes()
    }

    /// Ends the session, once what waits for its client was sent, or could not be in a while. The first
    /// reason stays.
    pub fn close(&self, reason: DisconnectReason) {
        self.end(reason, How::Flush);
    }

    /// Ends the session at once: what waits for its client is lost, and its connection is cut. It comes
    /// back by itself.
    pub fn kill(&self, reason: DisconnectReason) {
        self.end(reason, How::Kill);
    }

    /// Somebody is behind with what the client sends: nothing more is taken from it until as many have
    /// called [`Line::resume`] as have called this. Called while a message is handed over, that is the last
    /// one.
    pub fn pause(&self) {
        self.excused.store(true, Ordering::Relaxed);
        self.paused.fetch_add(1, Ordering::AcqRel);
    }

    /// One who was behind is so no more.
    pub fn resume(&self) {
        if self.paused.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_posts();
            self.task.wake();
        }
    }

    /// Whether anybody is behind.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire) > 0
    }

    /// Whether it is not the client's fault alone that no pong was read since this was last asked.
    pub(crate) fn is_excused(&self) -> bool {
        self.is_paused() || self.excused.swap(false, Ordering::Relaxed)
    }

    /// Whether it is over, or about to end.
    pub fn is_ended(&self) -> bool {
        self.out().end().is_some()
    }

    /// Its public id.
    pub fn sid(&self) -> Sid {
        self.sid
    }

    /// What it runs over now.
    pub fn transport(&self) -> TransportType {
        match self.out().way() {
            Way::Polling(_) => TransportType::Polling,
            Way::Websocket(_) | Way::Over => TransportType::Websocket,
        }
    }

    /// Waits until the handler was told of the end.
    pub(crate) async fn gone(&self) {
        loop {
            let told = self.lines.told.notified();
            if self.lines.get(self.sid).is_none() {
                return;
            }
            told.await;
        }
    }

    /// Whether the handler is to be told of the end now; once.
    pub(crate) fn is_to_be_told(&self) -> bool {
        !self.told.swap(true, Ordering::AcqRel)
    }

    fn end(&self, reason: DisconnectReason, how: How) {
        let mut out = self.out();
        let first = out.end_with(reason, how);
        self.wake(out, first);
    }

    /// Whoever ends the session is told that it is over.
    fn wake(&self, mut out: MutexGuard<'_, Out>, first: bool) {
        match out.way_mut() {
            Way::Websocket(_) => {
                drop(out);
                self.task.wake();
            }
            Way::Polling(polling) => {
                let (secret, wakers) = (polling.secret, polling.wakers());
                drop(out);
                if first {
                    self.lines.ended(secret);
                }
                wakers.for_each(Waker::wake);
            }
            Way::Over => {}
        }
    }

    /// As the client gets it. Made before the lock is taken, since compressing takes long.
    fn encoded<'a>(&self, frame: &'a Frame) -> Cow<'a, Bytes> {
        let deflate = match self.inflates.load(Ordering::Relaxed) {
            true => self.lines.settings.deflate,
            false => None,
        };
        frame.bytes(self.protocol, deflate)
    }

    /// `false` where it was dropped.
    fn put(self: &Arc<Self>, mut out: MutexGuard<'_, Out>, bytes: &Bytes, volatile: bool) -> bool {
        let gather = self.lines.settings.gather;
        match out.put(bytes, volatile, gather) {
            Sent::Written => {}
            Sent::Dropped => return false,
            Sent::ToBeGathered => {
                drop(out);
                self.lines.gather(self);
            }
            Sent::Waits => self.after_blocking(out),
            Sent::Polled(waker) => {
                drop(out);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Sent::Failed => self.fail(out),
        }
        true
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().expect("no panic while held")
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.lines.dropped();
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}
