//! A message whose frames are not all there.

use std::str;

use super::{frame::Opcode, head::Head, reader::Violation};

pub(super) const NOT_UTF8: Violation = Violation::Data("text that is not UTF-8");

#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) frames: usize,
    pub(super) payload: Vec<u8>,
    /// Bytes of the payload that are whole characters.
    characters: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) text: bool,
    pub(super) compressed: bool,
}

impl Message {
    /// One of which nothing is there but the header of its first frame.
    pub(super) fn new(first: &Head) -> Self {
        Self {
            kind: Kind::of(first),
            frames: 0,
            payload: Vec::new(),
            characters: 0,
        }
    }

    /// Adds what came of a frame that has `left` bytes to come, these included.
    pub(super) fn append(&mut self, bytes: &[u8], left: usize) {
        let payload = &mut self.payload;
        // Twice as much each time, as a Vec does by itself, but no more than was announced.
        if self.frames == 1 && payload.capacity() - payload.len() < bytes.len() {
            payload.reserve_exact(payload.len().max(bytes.len()).min(left));
        }
        payload.extend_from_slice(bytes);
    }

    /// Looks at the text so far, which may end within a character.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        if self.kind.compressed || !self.kind.text {
            return Ok(());
        }
        match str::from_utf8(&self.payload[self.characters..]) {
            Ok(_) => self.characters = self.payload.len(),
            Err(error) if error.error_len().is_none() => self.characters += error.valid_up_to(),
            Err(_) => return Err(NOT_UTF8),
        }
        Ok(())
    }
}

impl Kind {
    pub(super) fn of(head: &Head) -> Self {
        Self {
            text: head.opcode == Opcode::Text,
            compressed: head.compressed,
        }
    }
}
