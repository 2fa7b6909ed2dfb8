//! The way out to a client that asked for batches: messages go out together, now and then.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use bytes::Bytes;
use serde_json::value::RawValue;
use starling_kernel::{
    envelope::{BATCHED, Envelope, LANDMARKS},
    metric,
    session::{Peer, SendError},
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::MOST_WAITING;

/// A connection gets at most one batch in this time.
const INTERVAL: Duration = Duration::from_millis(100);
/// The event that brings a batch: an array of messages.
const BATCH: &str = "messages-batch";

/// A peer that collects [`BATCHED`] events.
///
/// The first after a quiet time goes out at once; what follows waits until the interval is over.
/// Whatever else is sent meanwhile goes out right after the messages that it waits behind. Newer
/// messages may join these until a [`LANDMARKS`] event is among what waits, or a message that fits into
/// no batch: they then wait for the next one. (If every event parted batches, a busy room would bring more of them than may go out.)
pub(super) struct Batching {
    inner: Arc<dyn Peer>,
    runtime: Handle,
    /// Itself, for the task that waits.
    me: Weak<Self>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    parts: VecDeque<Part>,
    /// Of all parts.
    bytes: usize,
    /// No batch goes out before.
    next: Option<Instant>,
    /// A task will look at what waits. None does while nothing waits.
    watched: bool,
}

/// A batch, never empty, and what goes out right after it.
#[derive(Default)]
struct Part {
    messages: Vec<Box<RawValue>>,
    then: Vec<Envelope>,
    bytes: usize,
    /// It takes no more messages.
    closed: bool,
}

impl Batching {
    /// Sends through `inner`; what waits is sent by tasks of `runtime`.
    pub(super) fn new(inner: Arc<dyn Peer>, runtime: Handle) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            inner,
            runtime,
            me: me.clone(),
            waiting: Mutex::default(),
        })
    }

    /// Lets it wait, if there is room.
    fn keep(
        &self,
        waiting: &mut Waiting,
        envelope: &Envelope,
        message: Option<Box<RawValue>>,
    ) -> Result<(), SendError> {
        if self.inner.closed() {
            return Err(SendError::Closed);
        }
        let bytes = size(envelope);
        if self.inner.backlog() + waiting.bytes + bytes > MOST_WAITING {
            return Err(SendError::Full);
        }
        waiting.add(envelope, message, bytes);
        if let Some(due) = waiting.next
            && !waiting.watched
        {
            waiting.watched = true;
            self.runtime.spawn(Self::watch(self.me.clone(), due));
        }
        Ok(())
    }

    /// Sends part after part, each when it is due, until nothing waits.
    async fn watch(batching: Weak<Self>, mut due: Instant) {
        loop {
            sleep_until(due).await;
            let next = batching.upgrade().and_then(|batching| batching.look());
            let Some(next) = next else { return };
            due = next;
        }
    }

    /// Sends what is due; when to look again, if anything still waits.
    fn look(&self) -> Option<Instant> {
        let mut waiting = self.waiting();
        if waiting.is_due() {
            self.send_part(&mut waiting);
        }
        waiting.watched = !waiting.parts.is_empty();
        waiting.next.filter(|_| waiting.watched)
    }

    /// Sends the oldest part. Who cannot take it is cut, as its senders were told that it was sent.
    fn send_part(&self, waiting: &mut Waiting) {
        let Some(part) = waiting.parts.pop_front() else {
            return;
        };
        waiting.bytes -= part.bytes;
        let sent = self.send_batch(waiting, &part.messages);
        let mut then = part.then.iter();
        match sent.and_then(|()| then.try_for_each(|envelope| self.inner.send(envelope))) {
            Ok(()) => return,
            Err(SendError::Closed) => {}
            Err(SendError::Full) => {
                metrics::counter!(metric::SLOW_CONSUMERS).increment(1);
                self.inner.kill();
            }
        }
        waiting.parts.clear();
        waiting.bytes = 0;
    }

    fn send_batch(
        &self,
        waiting: &mut Waiting,
        messages: &[Box<RawValue>],
    ) -> Result<(), SendError> {
        waiting.next = Some(Instant::now() + INTERVAL);
        self.inner.send(&Envelope::new(BATCH, &messages))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no panic while held")
    }
}

impl Waiting {
    fn is_due(&self) -> bool {
        self.next.is_none_or(|next| next <= Instant::now())
    }

    /// Adds a message, or else the event, to the last part.
    fn add(&mut self, envelope: &Envelope, message: Option<Box<RawValue>>, bytes: usize) {
        if self.parts.back().is_none_or(|last| last.closed) && message.is_some() {
            self.parts.push_back(Part::default());
        }
        let Some(last) = self.parts.back_mut() else {
            return;
        };
        match message {
            Some(message) => last.messages.push(message),
            None => {
                let event = envelope.event.as_str();
                last.closed |= LANDMARKS.contains(&event) || BATCHED.contains(&event);
                last.then.push(envelope.clone());
            }
        }
        last.bytes += bytes;
        self.bytes += bytes;
    }
}

impl Peer for Batching {
    fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        if envelope.volatile {
            return self.inner.send(envelope);
        }
        let message = message(envelope);
        let mut waiting = self.waiting();
        match message {
            None if waiting.parts.is_empty() => self.inner.send(envelope),
            Some(message) if waiting.parts.is_empty() && waiting.is_due() => {
                self.send_batch(&mut waiting, &[message])
            }
            message => self.keep(&mut waiting, envelope, message),
        }
    }

    fn backlog(&self) -> usize {
        self.inner.backlog() + self.waiting().bytes
    }

    fn closed(&self) -> bool {
        self.inner.closed()
    }

    fn disconnect(&self) {
        let mut waiting = self.waiting();
        // Nothing can be asked for again after this: it all goes out, interval or not.
        while !waiting.parts.is_empty() {
            self.send_part(&mut waiting);
        }
        drop(waiting);
        self.inner.disconnect();
    }

    fn kill(&self) {
        self.inner.kill();
    }
}

/// What a batch has of an event, if it is for batches.
fn message(envelope: &Envelope) -> Option<Box<RawValue>> {
    let batched = BATCHED.contains(&envelope.event.as_str()) && envelope.attachments.is_empty();
    batched.then(|| envelope.data()).flatten()
}

fn size(envelope: &Envelope) -> usize {
    envelope.text.len() + envelope.attachments.iter().map(Bytes::len).sum::<usize>()
}

#[cfg(test)]
mod tests;
