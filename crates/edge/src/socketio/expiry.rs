//! The end of tokens: one deadline queue and one task for all connections.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use serde_json::json;
use starling_kernel::{error::Code, id::ConnId, session::Session, time::Timestamp};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// How long before its end a client is told.
const NOTICE: Duration = Duration::from_secs(30);
/// An end farther away than this is looked at again later: timers do not reach for ever.
const REACH: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy, Debug)]
enum Step {
    Look,
    Warn,
    End,
}

struct Due {
    session: Weak<Session>,
    /// The end that this was reckoned from; another one now means that the token was renewed.
    expires: Timestamp,
    step: Step,
}

/// The deadlines of all connections that have a token.
#[derive(Default)]
pub(super) struct Expiry {
    queue: Mutex<Queue>,
    sooner: Notify,
}

/// One deadline for each connection.
#[derive(Default)]
struct Queue {
    by_time: BTreeMap<(Instant, ConnId), Due>,
    times: HashMap<ConnId, Instant>,
}

impl Expiry {
    /// Watches the end of this connection's token, if it has one, and of no former one.
    pub(super) fn watch(&self, session: &Arc<Session>) {
        if let Some(expires) = session.expires() {
            self.plan(session, expires);
        }
    }

    /// Tokens outlive connections by far: whoever goes takes its deadline along.
    pub(super) fn forget(&self, conn: &ConnId) {
        self.queue().remove(conn);
    }

    /// Acts on deadlines, for ever.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            let next = self.queue().next();
            tokio::select! {
                () = self.sooner.notified() => {}
                () = until(next) => self.act_on_due(),
            }
        }
    }

    fn act_on_due(&self) {
        loop {
            let due = self.queue().pop(Instant::now());
            let Some(due) = due else { return };
            if let Some(session) = due.session.upgrade() {
                self.act(&session, &due);
            }
        }
    }

    fn act(&self, session: &Arc<Session>, due: &Due) {
        let expires = session.expires();
        match due.step {
            _ if expires != Some(due.expires) => self.watch(session),
            Step::Look => self.plan(session, due.expires),
            Step::Warn => {
                let code = Code::TokenExpired;
                session.emit(
                    "error",
                    &json!({"code": code, "message": "Token expires soon"}),
                );
                self.add(
                    session,
                    due.expires,
                    Step::End,
                    NOTICE.min(left(due.expires)),
                );
            }
            Step::End => session.peer.disconnect(),
        }
    }

    fn plan(&self, session: &Arc<Session>, expires: Timestamp) {
        let left = left(expires);
        if left > REACH {
            self.add(session, expires, Step::Look, REACH - NOTICE);
        } else {
            self.add(session, expires, Step::Warn, left.saturating_sub(NOTICE));
        }
    }

    fn add(&self, session: &Arc<Session>, expires: Timestamp, step: Step, after: Duration) {
        let due = Due {
            session: Arc::downgrade(session),
            expires,
            step,
        };
        if self
            .queue()
            .add(Instant::now() + after, session.conn.clone(), due)
        {
            self.sooner.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no panic while held")
    }
}

impl Queue {
    /// Whether it is the next one now.
    fn add(&mut self, at: Instant, conn: ConnId, due: Due) -> bool {
        self.remove(&conn);
        self.times.insert(conn.clone(), at);
        self.by_time.insert((at, conn), due);
        self.next() == Some(at)
    }

    fn remove(&mut self, conn: &ConnId) {
        if let Some(at) = self.times.remove(conn) {
            self.by_time.remove(&(at, conn.clone()));
        }
    }

    fn next(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    fn pop(&mut self, now: Instant) -> Option<Due> {
        let first = self
            .by_time
            .first_entry()
            .filter(|first| first.key().0 <= now)?;
        let ((_, conn), due) = first.remove_entry();
        self.times.remove(&conn);
        Some(due)
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Token times are on this machine's clock, as their verification is.
fn left(expires: Timestamp) -> Duration {
    Duration::from_millis(expires.0.saturating_sub(Timestamp::local().0))
}
