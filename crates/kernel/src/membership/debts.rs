//! Exits that could not be sent.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Holder, Leave, Membership, Session, Topic};
use crate::id::ConnId;

/// With more than this, a new life is cheaper.
const MOST: usize = 1_000;

/// What is owed to the backend: each was never sent, so it can be sent later.
#[derive(Default)]
pub(super) struct Debts {
    all: Mutex<HashMap<(ConnId, Topic), Debt>>,
    paying: AtomicBool,
}

struct Debt {
    session: Arc<Session>,
    holder: Holder,
    leave: Leave,
}

impl Debts {
    /// `false` where there are too many; then all are forgotten.
    pub(super) fn owe(
        &self,
        session: &Arc<Session>,
        place: &Topic,
        holder: &Holder,
        leave: Leave,
    ) -> bool {
        let mut all = self.lock();
        if all.len() >= MOST {
            all.clear();
            return false;
        }
        let debt = Debt {
            session: session.clone(),
            holder: holder.clone(),
            leave,
        };
        all.insert((session.conn.clone(), place.clone()), debt);
        true
    }

    /// It comes again, before it was sent that it had gone.
    pub(super) fn cancel(&self, session: &Session, place: &Topic) {
        let mut all = self.lock();
        if !all.is_empty() {
            all.remove(&(session.conn.clone(), place.clone()));
        }
    }

    fn keys(&self) -> Vec<(ConnId, Topic)> {
        self.lock().keys().cloned().collect()
    }

    fn session(&self, key: &(ConnId, Topic)) -> Option<Arc<Session>> {
        Some(self.lock().get(key)?.session.clone())
    }

    fn take(&self, key: &(ConnId, Topic)) -> Option<Debt> {
        self.lock().remove(key)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(ConnId, Topic), Debt>> {
        self.all.lock().expect("no panic while held")
    }
}

impl Membership {
    /// Sends what is owed, if it is not being done already.
    pub(super) fn pay(self: &Arc<Self>) {
        let owed = self.debts.keys();
        if !owed.is_empty() && !self.debts.paying.swap(true, Ordering::Relaxed) {
            let me = self.clone();
            tokio::spawn(async move {
                for key in owed {
                    me.pay_one(&key).await;
                }
                me.debts.paying.store(false, Ordering::Relaxed);
            });
        }
    }

    /// What a former life owes is settled by reaping it.
    async fn pay_one(&self, key: &(ConnId, Topic)) {
        let Some(session) = self.debts.session(key) else {
            return;
        };
        let _turn = session.turn.lock().await;
        // It may have been cancelled while we waited.
        let Some(debt) = self.debts.take(key) else {
            return;
        };
        if debt.holder.incarnation == self.lease.incarnation() {
            self.exit(&session, &key.1, &debt.holder, debt.leave).await;
        }
    }
}
