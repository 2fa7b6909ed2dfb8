//! What waits for a client that does not take it, in bytes of text and attachments.

use std::sync::Arc;

use crate::stream::Kill;

/// Bytes that may wait for a client; with more it gets no further message, and is closed.
pub(crate) const MOST: u64 = 4 << 20;

/// Ends one packet of a polling body.
const SEPARATOR: u8 = 0x1e;

/// What waits for a polling client: what the answers to its polls took along is gone.
#[derive(Default)]
pub(crate) struct Polled(u64);

impl Polled {
    /// Adds to what waits; `false` where that is too much.
    pub(crate) fn add(&mut self, bytes: u64) -> bool {
        self.0 = self.0.saturating_add(bytes);
        self.0 <= MOST
    }

    /// What waits now.
    pub(crate) fn bytes(&self) -> u64 {
        self.0
    }

    /// Takes off what is in the body of an answer.
    pub(crate) fn took(&mut self, body: &[u8], eio3: bool) {
        self.0 = self.0.saturating_sub(content(body, eio3));
    }
}

/// What waits for the client of a websocket: what the kernel took is gone.
pub(crate) struct Written {
    pub(crate) kill: Arc<Kill>,
    /// All that was ever queued. Never behind what was written, or the framing of a long life would
    /// count as room for more.
    queued: u64,
}

impl Written {
    pub(crate) fn new(kill: Arc<Kill>) -> Self {
        Self::after(kill, &Polled::default())
    }

    /// After polling; what waited for the next poll goes out here.
    pub(crate) fn after(kill: Arc<Kill>, polled: &Polled) -> Self {
        let queued = kill.written() + polled.0;
        Self { kill, queued }
    }

    /// Adds to what waits; `false` where that is too much.
    pub(crate) fn add(&mut self, bytes: u64) -> bool {
        let written = self.kill.written();
        self.queued = self.queued.max(written).saturating_add(bytes);
        self.queued - written <= MOST
    }

    /// What waits now.
    pub(crate) fn bytes(&self) -> u64 {
        self.queued.saturating_sub(self.kill.written())
    }

    /// The last poll before the upgrade is answered.
    pub(crate) fn took(&mut self, body: &[u8], eio3: bool) {
        self.queued = self.queued.saturating_sub(content(body, eio3));
    }
}

/// Bytes of text and attachments in a polling body. In one of Engine.IO 3 the framing counts too.
fn content(body: &[u8], eio3: bool) -> u64 {
    if eio3 {
        return body.len() as u64;
    }
    let packets = body.split(|byte| *byte == SEPARATOR);
    packets.map(packet_content).sum::<usize>() as u64
}

/// Bytes of an event's or acknowledgement's JSON, or of an attachment. What the engine says by itself
/// was never counted.
fn packet_content(packet: &[u8]) -> usize {
    match packet {
        [b'b', base64 @ ..] => {
            let padding = base64.iter().rev().take_while(|byte| **byte == b'=');
            (base64.len() / 4 * 3).saturating_sub(padding.count())
        }
        [b'4', b'2' | b'3' | b'5' | b'6', rest @ ..] => {
            let start = rest.iter().position(|byte| *byte == b'[');
            start.map_or(0, |start| rest.len() - start)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_poll_takes_along_is_counted_to_the_byte() {
        let event = r#"["e","é",{"_placeholder":true,"num":0}]"#;
        let packets = [
            "2".to_owned(),
            format!("42{event}"),
            r#"40{"sid":"x"}"#.to_owned(),
            format!("43/chat,17{event}"),
            format!("452-/chat,{event}"),
            "bAAEC".to_owned(),
            "bAAE=".to_owned(),
        ];
        let body = packets.join("\u{1e}");
        assert_eq!(content(body.as_bytes(), false), 3 * event.len() as u64 + 5);
        assert_eq!(content(b"", false), 0);
        assert_eq!(content(b"6:42[\"a\"]", true), 9);
    }

    #[test]
    fn a_polling_client_may_take_as_much_as_it_likes_and_leave_4_mib() {
        let mut waiting = Polled::default();
        let event = format!("42[{}]", "x".repeat(1 << 20));
        for _ in 0..100 {
            assert!(waiting.add(event.len() as u64 - 2));
            waiting.took(event.as_bytes(), false);
        }
        assert!(waiting.add(MOST));
        assert!(!waiting.add(1));
    }

    #[test]
    fn the_framing_of_a_websocket_makes_no_room() {
        let kill = Arc::new(Kill::default());
        let mut waiting = Written::new(kill.clone());
        for _ in 0..1000 {
            assert!(waiting.add(10_000));
            kill.wrote(20_000);
        }
        assert!(waiting.add(MOST));
        assert!(!waiting.add(1));
    }

    #[test]
    fn what_waited_for_a_poll_waits_for_the_websocket_that_follows() {
        let mut polled = Polled::default();
        assert!(polled.add(MOST - 1));
        let mut written = Written::after(Arc::default(), &polled);
        assert!(written.add(1));
        assert!(!written.add(1));
    }
}
