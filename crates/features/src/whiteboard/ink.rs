//! How much a user may draw, on all boards and all nodes together: boards are kept for days.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use starling_kernel::{
    error::{AppError, Code},
    feature::Services,
    id::ConnId,
    ports::Rate,
    session::Session,
};

/// Bytes of what is stored. A board of 20,000 lines at once, and then as fast as a hand draws.
const RATE: Rate = Rate {
    per_second: 5_000,
    burst: 5_000_000,
};

/// Bytes that are taken from the user's bucket at a time: a trip to the backend for each line would cost
/// as much as the line.
const CHUNK: usize = 20_000;

pub(super) struct Ink {
    services: Arc<Services>,
    /// What each connection has taken and not used.
    left: Mutex<HashMap<ConnId, usize>>,
}

impl Ink {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            left: Mutex::default(),
        }
    }

    /// Takes as much as a line needs, which is less than a chunk.
    pub(super) async fn take(&self, session: &Session, bytes: usize) -> Result<(), AppError> {
        if self.spend(session, bytes, 0) {
            return Ok(());
        }
        let key = format!("ink:{}", session.identity().user);
        let limiter = &self.services.backend.limiter;
        match limiter.take(&key, CHUNK as u32, RATE).await? {
            None => {
                self.spend(session, bytes, CHUNK);
                Ok(())
            }
            Some(_) => Err(AppError::new(
                Code::RateLimited,
                "You have drawn very much, wait a little",
            )),
        }
    }

    /// The connection is gone.
    pub(super) fn forget(&self, session: &Session) {
        self.lock().remove(&session.conn);
    }

    /// `true` where there is as much, with what is `added` to it.
    fn spend(&self, session: &Session, bytes: usize, added: usize) -> bool {
        let mut all = self.lock();
        let left = all.entry(session.conn.clone()).or_default();
        *left += added;
        let enough = *left >= bytes;
        if enough {
            *left -= bytes;
        }
        enough
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnId, usize>> {
        self.left.lock().expect("no panic while held")
    }
}
