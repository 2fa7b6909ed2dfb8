//! Compresses messages and inflates them, each by itself (RFC 7692, 7.2).
//!
//! Nothing of a message is needed for the next one, so the state belongs to the thread and not to the
//! connection, of which there may be very many.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::reader::Violation;

/// What a flush ends with. It is left out of every message (RFC 7692, 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// A last block with nothing in it: whoever reads it as one was between two blocks.
const LAST: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];
/// JSON of 20 KiB is compressed by it in 2/3 of the time that level 6 takes, to 2% more.
const LEVEL: u32 = 2;
/// Room for what does not become smaller: a few bytes more for each 16 KiB of it.
const SPARE: usize = 64;
/// Bytes that are inflated before it is known how many there are.
const FIRST: usize = 1024;

const WRONG: Violation = Violation::Data("not a compressed message");

thread_local! {
    static COMPRESS: RefCell<Compress> = RefCell::new(fresh());
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

fn fresh() -> Compress {
    Compress::new(Compression::new(LEVEL), false)
}

/// The payload of a message compressed, if it is smaller then.
pub(crate) fn deflate(payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 512 + SPARE);
    let all = COMPRESS.with_borrow_mut(|state| {
        state.reset();
        let done = state.compress_vec(payload, &mut out, FlushCompress::Sync);
        // Without room to spare it may not be all.
        let all = out.len() < out.capacity() && state.total_in() == payload.len() as u64;
        let all = all && done.is_ok();
        if !all {
            // What it could not write would still take its room, reset or not (zlib-rs 0.6.8): after a
            // few such messages there is none left, and it panics.
            *state = fresh();
        }
        all
    });
    let len = out.strip_suffix(&TAIL)?.len();
    out.truncate(len);
    (all && len < payload.len()).then_some(out)
}

/// What was compressed, of so many bytes at most, with memory for hardly more.
pub(crate) fn inflate(payload: &[u8], most: usize) -> Result<Vec<u8>, Violation> {
    DECOMPRESS.with_borrow_mut(|state| {
        state.reset(false);
        let mut message = Inflating {
            state,
            out: Vec::new(),
            most,
            ended: false,
        };
        message.feed(payload)?;
        let len = message.out.len();
        message.feed(&TAIL)?;
        message.feed(&LAST)?;
        // What is incomplete takes what was appended for a part of it.
        match message.ended && message.out.len() == len {
            true => Ok(message.out),
            false => Err(WRONG),
        }
    })
}

/// A message that is being inflated.
struct Inflating<'a> {
    state: &'a mut Decompress,
    out: Vec<u8>,
    most: usize,
    /// The last byte so far was the last one of a last block.
    ended: bool,
}

impl Inflating<'_> {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        loop {
            self.make_room(bytes.len());
            let read = self.state.total_in();
            let flush = FlushDecompress::Sync;
            let status = self.state.decompress_vec(bytes, &mut self.out, flush);
            let status = status.map_err(|_| WRONG)?;
            let read = self.state.total_in() - read;
            bytes = bytes.get(read as usize..).ok_or(WRONG)?;
            if self.out.len() > self.most {
                return Err(Violation::TooBig);
            }
            self.ended = status == Status::StreamEnd;
            if self.ended {
                // Another block may follow the last one, at the next byte (RFC 7692, 7.2.3.4).
                self.state.reset(false);
            } else if self.out.len() < self.out.capacity() && !bytes.is_empty() {
                return Err(WRONG);
            }
            if bytes.is_empty() && self.out.len() < self.out.capacity() {
                return Ok(());
            }
        }
    }

    /// Twice as much each time, and one byte more than may be: that it is needed says enough.
    fn make_room(&mut self, to_come: usize) {
        let len = self.out.len();
        if len == self.out.capacity() {
            let more = len.max(2 * to_come).max(FIRST);
            let most = self.most.saturating_add(1).saturating_sub(len);
            self.out.reserve_exact(more.min(most));
        }
    }
}

#[cfg(test)]
mod tests;
