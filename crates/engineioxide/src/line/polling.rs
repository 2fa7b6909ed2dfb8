//! The session of a client that polls.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use engineioxide_core::Sid;
use tokio::time::{Instant, timeout};

use super::{
    Line,
    out::{Out, Way},
};
use crate::{
    DisconnectReason,
    payload::{Body, parse_binary_packet},
    ws::{
        frame::{Frames, Opcode, header},
        wire::Wire,
    },
};

/// What ends a poll when there is nothing to say, and what says that the session is over.
const NOOP: &str = "6";
const CLOSE: &str = "1";

/// Time for the poll of a client that leaves to come.
const FAREWELL: Duration = Duration::from_millis(50);

pub(super) struct Polling {
    /// The session's id in URLs.
    pub(super) secret: Sid,
    /// The poll that waits.
    pub(super) waker: Option<Waker>,
    getting: bool,
    posting: bool,
    /// The poll that waits, or the next one, is to end, whatever there is to say.
    noop: bool,
    /// The client said that it leaves: a poll of its is answered, and nobody has to be told anything.
    left: bool,
    /// It was answered, or has not come.
    farewell: bool,
    /// The POST that waits: for who is behind, or for the answer to a poll, as its client left by it.
    poster: Option<Waker>,
    /// When the last poll ended.
    since: Instant,
}

impl Polling {
    pub(super) fn new(secret: Sid) -> Self {
        Self {
            secret,
            waker: None,
            getting: false,
            posting: false,
            noop: false,
            left: false,
            farewell: false,
            poster: None,
            since: Instant::now(),
        }
    }

    /// The requests that wait.
    pub(super) fn wakers(&mut self) -> impl Iterator<Item = Waker> + use<> {
        [self.waker.take(), self.poster.take()]
            .into_iter()
            .flatten()
    }
}

/// A GET: resolves to the body of its answer, or to nothing where the session is not polled any more.
/// Only one may be under way; its session ends with a second one, and when it is dropped before its
/// answer was made, since then its client is gone.
pub(crate) struct Get(Option<Arc<Line>>);

/// A POST that is under way. Only one may be.
pub(crate) struct Post {
    line: Arc<Line>,
    /// Its packets are being handed over. Should that not come to its end, some are lost, and the session
    /// ends.
    pub(crate) begun: bool,
}

impl Line {
    /// A poll begins; `None` where it may not.
    pub(crate) fn get(self: &Arc<Self>) -> Option<Get> {
        let over = |out: &Out| out.end().is_some() && out.queue.is_empty() && !out.owes_farewell();
        let begun = self.begin(over, |polling| &mut polling.getting);
        begun.then(|| Get(Some(self.clone())))
    }

    /// Something is posted; `None` where it may not be.
    pub(crate) fn post(self: &Arc<Self>) -> Option<Post> {
        let over = |out: &Out| out.end().is_some();
        let begun = self.begin(over, |polling| &mut polling.posting);
        begun.then(|| Post {
            line: self.clone(),
            begun: false,
        })
    }

    /// Whether a request of a kind may begin. The session ends with one beside another.
    fn begin(
        &self,
        over: impl FnOnce(&Out) -> bool,
        under_way: impl FnOnce(&mut Polling) -> &mut bool,
    ) -> bool {
        let mut out = self.out();
        let over = over(&out);
        let Way::Polling(polling) = out.way_mut() else {
            return false;
        };
        if over {
            return false;
        }
        let beside = std::mem::replace(under_way(polling), true);
        drop(out);
        if beside {
            self.kill(DisconnectReason::MultipleHttpPollingError);
        }
        !beside
    }

    /// The client said that it leaves.
    pub(crate) fn leave(&self) {
        if let Way::Polling(polling) = self.out().way_mut() {
            polling.left = true;
        }
        self.close(DisconnectReason::TransportClose);
    }

    /// Waits until what was posted may be handed over: nobody is behind, or the session is over. At once on
    /// a websocket, whose messages came after it.
    pub(crate) async fn resumed(&self) {
        poll_fn(|cx| {
            let mut out = self.out();
            let ended = out.end().is_some();
            match out.way_mut() {
                Way::Polling(polling) if self.is_paused() && !ended => {
                    polling.poster = Some(cx.waker().clone());
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            }
        })
        .await;
    }

    /// Nobody is behind any more.
    pub(super) fn wake_posts(&self) {
        let mut out = self.out();
        if let Way::Polling(polling) = out.way_mut()
            && let Some(waker) = polling.poster.take()
        {
            drop(out);
            waker.wake();
        }
    }

    /// Waits until the poll of a client that left has had its answer: it may come a moment after the POST
    /// that says so. Ready at once where the client has not left.
    pub(crate) async fn said_farewell(&self) {
        let owed = poll_fn(|cx| {
            let mut out = self.out();
            if !out.owes_farewell() {
                return Poll::Ready(());
            }
            if let Way::Polling(polling) = out.way_mut() {
                polling.poster = Some(cx.waker().clone());
            }
            Poll::Pending
        });
        let _ = timeout(FAREWELL, owed).await;
        if let Way::Polling(polling) = self.out().way_mut() {
            polling.farewell = true;
        }
    }

    /// Ends the poll that waits: its client stops polling when it has its answer.
    pub(crate) fn end_poll(&self) {
        let mut out = self.out();
        if let Way::Polling(polling) = out.way_mut()
            && let Some(waker) = polling.waker.take()
        {
            polling.noop = true;
            drop(out);
            waker.wake();
        }
    }

    /// A websocket takes over, with all that waits; the session's former id in URLs then.
    pub(crate) fn upgrade(self: &Arc<Self>, wire: Wire) -> Result<Sid, Wire> {
        let mut out = self.out();
        if out.end().is_some() || !matches!(out.way(), Way::Polling(_)) {
            return Err(wire);
        }
        let Way::Polling(mut polling) = out.upgrade(wire) else {
            unreachable!("it was polling a moment ago");
        };
        self.flush(out);
        polling.wakers().for_each(Waker::wake);
        Ok(polling.secret)
    }

    /// How long nobody has polled; `None` where somebody does, and on a websocket.
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        match self.out().way() {
            Way::Polling(polling) if !polling.getting => Some(polling.since),
            _ => None,
        }
    }
}

impl Out {
    /// The client has left, and no poll of its was told so.
    fn owes_farewell(&self) -> bool {
        matches!(self.way(), Way::Polling(polling) if polling.left && !polling.farewell)
    }

    /// The body of a poll's answer, if there is anything to say.
    fn answer(&mut self, line: &Line) -> Option<Vec<u8>> {
        let mut body = Body::new(line.protocol, line.lines.config.max_payload as usize);
        self.take_packets(&mut body);
        let over = self.end().is_some() && self.queue.is_empty();
        if let Way::Polling(polling) = self.way_mut() {
            let farewell = over && polling.left;
            if farewell {
                polling.farewell = true;
                polling.poster.take().into_iter().for_each(Waker::wake);
            }
            let noop = std::mem::take(&mut polling.noop) || farewell;
            if over && !polling.left {
                body.push_text(CLOSE);
            } else if noop && body.is_empty() {
                body.push_text(NOOP);
            }
        }
        (!body.is_empty()).then(|| body.finish())
    }

    /// As many packets as fit, at least one if there is any.
    fn take_packets(&mut self, body: &mut Body) {
        while let Some(first) = self.queue.first() {
            let mut taken = 0;
            for frame in Frames::new(&first) {
                let binary = frame.opcode == Opcode::Binary;
                let header = header(frame.opcode, frame.compressed, frame.payload.len());
                if !body.is_empty() && !body.fits(frame.payload.len(), binary) {
                    return self.took(taken);
                }
                match frame.opcode {
                    Opcode::Text => body.push_text(str::from_utf8(frame.payload).unwrap_or(NOOP)),
                    Opcode::Binary => body.push_binary(
                        parse_binary_packet(body.version(), frame.payload).unwrap_or_default(),
                    ),
                    // Of a websocket that is no more.
                    _ => {}
                }
                taken += header.len() + frame.payload.len();
            }
            self.took(taken);
        }
    }
}

impl Future for Get {
    type Output = Option<Vec<u8>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(line) = &self.0 else {
            return Poll::Ready(None);
        };
        let mut out = line.out();
        if !matches!(out.way(), Way::Polling(_)) {
            return Poll::Ready(None);
        }
        if let Some(body) = out.answer(line) {
            if let Way::Polling(polling) = out.way_mut() {
                polling.getting = false;
                polling.since = Instant::now();
            }
            drop(out);
            self.0 = None;
            return Poll::Ready(Some(body));
        }
        if let Way::Polling(polling) = out.way_mut() {
            polling.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Get {
    fn drop(&mut self) {
        let Some(line) = &self.0 else { return };
        let mut out = line.out();
        // On a websocket nobody needs a poll any more.
        let Way::Polling(polling) = out.way_mut() else {
            return;
        };
        polling.getting = false;
        polling.since = Instant::now();
        drop(out);
        line.kill(DisconnectReason::TransportClose);
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        // A handler has panicked, or the client is gone while it waited.
        if self.begun {
            self.line.kill(DisconnectReason::TransportError);
        }
        if let Way::Polling(polling) = self.line.out().way_mut() {
            polling.posting = false;
        }
    }
}
