//! Builds the answer to a poll.

use base64::Engine;

use super::{BASE64, ENCODING, SEPARATOR, Version};

/// The body of an answer, as text in both versions: binary data is in Base64.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    version: Version,
    max: usize,
    text: String,
}

impl Body {
    /// Of `max` bytes at most, unless its first packet alone is longer.
    pub(crate) fn new(version: Version, max: usize) -> Self {
        Self {
            version,
            max,
            text: String::new(),
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether another packet of so many bytes may be pushed: a text with its type, or binary data
    /// without. One always may.
    pub(crate) fn fits(&self, payload_len: usize, binary: bool) -> bool {
        let packet = match (binary, self.version) {
            (false, _) => payload_len,
            (true, Version::V4) => 1 + base64_len(payload_len),
            (true, Version::V3) => 2 + base64_len(payload_len),
        };
        let around = match self.version {
            Version::V4 => 1,
            // The length in UTF-16 code units has no more digits than this.
            Version::V3 => digits(packet) + 1,
        };
        let len = packet.saturating_add(around);
        self.is_empty() || self.text.len().saturating_add(len) <= self.max
    }

    /// Whether there is no packet in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Appends a packet with its type. In Engine.IO 4 it must not contain the separator, U+001E:
    /// JSON never does.
    pub(crate) fn push_text(&mut self, packet: &str) {
        self.begin(|| packet.encode_utf16().count());
        self.text.push_str(packet);
    }

    /// Appends a binary message.
    pub(crate) fn push_binary(&mut self, bytes: &[u8]) {
        self.begin(|| 2 + base64_len(bytes.len()));
        self.text.push(BASE64);
        if self.version == Version::V3 {
            self.text.push('4');
        }
        ENCODING.encode_string(bytes, &mut self.text);
    }

    /// The whole body. Clients take an empty one for an error: who has nothing to say pushes a noop.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// What comes before a packet; `units` is its length in UTF-16 code units.
    fn begin(&mut self, units: impl FnOnce() -> usize) {
        match self.version {
            Version::V4 if self.is_empty() => {}
            Version::V4 => self.text.push(SEPARATOR),
            Version::V3 => {
                self.text.push_str(&units().to_string());
                self.text.push(':');
            }
        }
    }
}

/// Bytes of so many bytes in Base64, with padding.
fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}
