//! `presence-list`. What changes while one is read follows it: nobody is left with a list that was
//! old when it came.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use starling_kernel::{
    envelope::Envelope,
    error::AppError,
    feature::{Reply, Services, reply},
    session::Session,
    topic::Topic,
};
use tokio::time::sleep;

use super::{ROOT, payload::Present};
use crate::common::Cut;

/// Pause before a list that could not be read is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// With more changes than this while a list is read, it is read again.
const CHANGES: usize = 1_000;

/// Lists of who is online.
pub(super) struct PresenceLists {
    services: Arc<Services>,
    /// Those that are being read.
    reads: Mutex<Vec<Weak<Changes>>>,
    /// Everybody here is about to be told.
    telling: AtomicBool,
}

/// What others were told of, from the time when the reading of a list began.
#[derive(Default)]
struct Changes(Mutex<Vec<Envelope>>);

struct List {
    envelope: Envelope,
    cut: Cut,
    changes: Arc<Changes>,
}

impl PresenceLists {
    pub(super) fn new(services: Arc<Services>) -> Arc<Self> {
        Arc::new(Self {
            services,
            reads: Mutex::default(),
            telling: AtomicBool::new(false),
        })
    }

    /// To be called before anybody is told of a change.
    pub(super) fn changed(&self, envelope: &Envelope) {
        for read in self.reads().iter().filter_map(Weak::upgrade) {
            read.add(envelope);
        }
    }

    /// Answers somebody who asks.
    pub(super) async fn send(&self, session: &Session) -> Reply {
        let list = self.read().await?;
        session.send(&list.envelope);
        for change in list.changes.take() {
            if change.is_for(session) {
                session.send(&change);
            }
        }
        reply(json!({"total": list.cut.total, "truncated": list.cut.truncated}))
    }

    /// Comings and goings were missed for good, or not told of: whoever is connected here is told how
    /// it is, once all nodes have entered again what they hold.
    pub(super) fn tell_everybody(self: &Arc<Self>) {
        if !self.telling.swap(true, Ordering::Relaxed) {
            tokio::spawn(self.clone().tell_how_it_is());
        }
    }

    async fn tell_how_it_is(self: Arc<Self>) {
        sleep(self.services.membership.settles_within()).await;
        self.telling.store(false, Ordering::Relaxed);
        let online = Topic::Namespace(ROOT);
        loop {
            if let Ok(list) = self.read().await {
                let hub = &self.services.hub;
                hub.emit_local(&online, &list.envelope);
                for change in list.changes.take() {
                    hub.emit_local(&online, &change);
                }
                return;
            }
            sleep(RETRY).await;
        }
    }

    async fn read(&self) -> Result<List, AppError> {
        let changes = Arc::new(Changes::default());
        {
            let mut reads = self.reads();
            reads.retain(|read| read.strong_count() > 0);
            reads.push(Arc::downgrade(&changes));
        }
        let presence = &self.services.backend.presence;
        let limit = self.services.limits.list_entries;
        let members = presence.members(&Topic::Namespace(ROOT), limit).await?;
        if changes.lock().len() >= CHANGES {
            return Err(AppError::unavailable());
        }
        let now = self.services.clock.now();
        let list = members.list.iter();
        let list: Vec<_> = list.map(|(member, _)| Present::new(member, now)).collect();
        let cut = Cut::new(list.len(), members.total);
        Ok(List {
            envelope: Envelope::with_args("presence-list", &(&list, &cut)),
            cut,
            changes,
        })
    }

    fn reads(&self) -> MutexGuard<'_, Vec<Weak<Changes>>> {
        self.reads.lock().expect("no panic while held")
    }
}

impl Changes {
    fn add(&self, envelope: &Envelope) {
        let mut changes = self.lock();
        if changes.len() < CHANGES {
            changes.push(envelope.clone());
        }
    }

    fn take(&self) -> Vec<Envelope> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Envelope>> {
        self.0.lock().expect("no panic while held")
    }
}
