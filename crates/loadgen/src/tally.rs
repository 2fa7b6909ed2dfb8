//! What all clients of a run share: buffers, and the counts.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

use crate::histogram::Histogram;
use crate::packet;

/// Bytes read at once; what many small messages for one client come to.
const READ: usize = 64 << 10;

/// One for each run, on one thread.
pub struct Shared {
    began: Instant,
    /// Every client reads into this one; what is not complete is kept by the client.
    pub(crate) read: RefCell<Vec<u8>>,
    /// Every client builds its frames here.
    pub(crate) out: RefCell<Vec<u8>>,
    masks: Cell<u64>,
    watched: Cell<&'static str>,
    /// The counts.
    pub tally: Tally,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            read: RefCell::new(vec![0; READ]),
            out: RefCell::default(),
            masks: Cell::new(0),
            watched: Cell::new(""),
            tally: Tally::default(),
        }
    }
}

impl Shared {
    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// From now on events of this name that carry a stamp are counted, with their latency.
    pub fn watch(&self, event: &'static str) {
        self.watched.set(event);
        self.tally.delivered.set(0);
        self.tally.latency.borrow_mut().clear();
    }

    /// Counts an event if it is watched.
    pub(crate) fn deliver(&self, name: &[u8], rest: &[u8]) -> bool {
        if name != self.watched.get().as_bytes() {
            return false;
        }
        let Some(stamp) = packet::stamp(rest) else {
            return false;
        };
        let latency = self.now().saturating_sub(stamp);
        self.tally.latency.borrow_mut().add(latency);
        add(&self.tally.delivered, 1);
        true
    }

    /// A mask for a frame. On loopback nobody has to be kept from guessing it.
    pub(crate) fn mask(&self) -> [u8; 4] {
        let next = self.masks.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.masks.set(next);
        let [.., a, b, c, d] = (next ^ (next >> 29)).to_le_bytes();
        [a, b, c, d]
    }

    /// Waits until no client has got anything (but pings) for this long.
    ///
    /// # Errors
    ///
    /// When that is not so within two minutes.
    pub async fn quiet(&self, silence: Duration) -> Result<()> {
        let began = Instant::now();
        let (mut seen, mut since) = (self.tally.bytes.get(), began);
        while since.elapsed() < silence {
            if began.elapsed() > Duration::from_secs(120) {
                bail!("clients are still being sent something after two minutes");
            }
            sleep(Duration::from_millis(50)).await;
            let bytes = self.tally.bytes.get();
            if bytes != seen {
                (seen, since) = (bytes, Instant::now());
            }
        }
        Ok(())
    }
}

/// Counts over all clients of a run.
#[derive(Default)]
pub struct Tally {
    bytes: Cell<u64>,
    delivered: Cell<u64>,
    failures: Cell<u64>,
    /// The first failure, in words.
    first: RefCell<Option<String>>,
    /// Nanoseconds from the stamp of a watched event to its receipt.
    pub latency: RefCell<Histogram>,
}

impl Tally {
    pub(crate) fn heard(&self, bytes: usize) {
        add(&self.bytes, bytes as u64);
    }

    /// A connection ended that should not have.
    pub(crate) fn cut(&self, why: &str) {
        self.fail(|| format!("a connection ended: {why}"));
    }

    /// A client was sent an `error` event.
    pub(crate) fn error(&self, rest: &[u8]) {
        self.fail(|| format!("error event: {}", String::from_utf8_lossy(rest)));
    }

    fn fail(&self, say: impl FnOnce() -> String) {
        add(&self.failures, 1);
        self.first.borrow_mut().get_or_insert_with(say);
    }

    /// Watched events received since the last [`Shared::watch`].
    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Connections lost and `error` events received, in the whole run.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// The first of the failures.
    pub fn first_failure(&self) -> Option<String> {
        self.first.borrow().clone()
    }
}

fn add(cell: &Cell<u64>, more: u64) {
    cell.set(cell.get() + more);
}
