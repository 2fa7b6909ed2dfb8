//! What waits for a client, in order.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;

/// Pieces that are written at once.
const AT_ONCE: usize = 64;
/// What a piece that waits takes beside its bytes, which may be shared.
const OVERHEAD: usize = 64;

/// Whole frames, of which so many bytes of the first are gone: whole ones for a polling client.
#[derive(Default)]
pub(crate) struct Queue {
    frames: VecDeque<Bytes>,
    gone: usize,
    bytes: usize,
}

impl Queue {
    pub(crate) fn push(&mut self, frames: Bytes) {
        self.bytes += frames.len() + OVERHEAD;
        self.frames.push_back(frames);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Pieces that wait.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// What they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is left of the first piece.
    pub(super) fn first(&self) -> Option<Bytes> {
        Some(self.frames.front()?.slice(self.gone..))
    }

    /// What is to be written next.
    pub(crate) fn pieces(&self) -> Vec<IoSlice<'_>> {
        let first = self.frames.front().map(|first| &first[self.gone..]);
        let rest = self.frames.iter().skip(1).map(|bytes| &bytes[..]);
        let all = first.into_iter().chain(rest);
        all.take(AT_ONCE).map(IoSlice::new).collect()
    }

    /// So many bytes from the front are with the client, or with the kernel.
    pub(crate) fn took(&mut self, mut bytes: usize) {
        while let Some(first) = self.frames.front() {
            let rest = first.len() - self.gone;
            if bytes < rest {
                self.gone += bytes;
                self.bytes = self.bytes.saturating_sub(bytes);
                return;
            }
            bytes -= rest;
            self.bytes = self.bytes.saturating_sub(rest + OVERHEAD);
            self.gone = 0;
            self.frames.pop_front();
        }
        // Most connections never need it again for a long time.
        *self = Self::default();
    }
}
