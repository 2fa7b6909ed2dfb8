//! Who is told of what is not for connections.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, Weak},
};

use metrics::counter;

use crate::{
    envelope::Envelope,
    feature::Feature,
    membership::Membership,
    metric,
    ports::{Change, Order, Page, Transition},
    session::Session,
    topic::Topic,
};

/// The features, and the membership.
#[derive(Default)]
pub(crate) struct Followers {
    pub(super) features: OnceLock<Arc<Vec<Arc<dyn Feature>>>>,
    /// How many partitions [`Topic::Presence`] has.
    pub(super) partitions: OnceLock<u16>,
    /// Who carries out orders.
    pub(super) membership: OnceLock<Weak<Membership>>,
    /// How many are in each partition of a namespace, as last heard.
    totals: Mutex<HashMap<String, HashMap<u16, u64>>>,
    /// Event names that may stand in a metric's label.
    pub(super) events: OnceLock<HashSet<&'static str>>,
}

impl Followers {
    pub(super) fn each(&self, tell: impl Fn(&dyn Feature)) {
        self.features
            .get()
            .into_iter()
            .flat_map(|all| all.iter())
            .for_each(|f| tell(f.as_ref()));
    }

    fn membership(&self) -> Option<Arc<Membership>> {
        self.membership.get()?.upgrade()
    }

    pub(super) fn obey(&self, order: &Order) {
        if let Some(membership) = self.membership() {
            membership.obey(order);
        }
    }

    /// A user entered or left a room of the root namespace, whom connections elsewhere follow there.
    pub(super) fn moved(&self, transition: &Transition, sessions: &[Arc<Session>]) {
        for session in sessions {
            self.each(|feature| feature.moved(session, transition));
        }
    }

    /// `had`: the last place that was handed over.
    pub(super) fn broken(&self, topic: &Topic, had: u64, page: &Page) -> Option<Envelope> {
        // What a former life of the log lost the backend has forgotten as well, and this node has
        // restored what it holds since.
        if let (Topic::Presence(_), Some(membership)) = (topic, self.membership())
            && page.lacks_after(had)
        {
            membership.orders_lost();
        }
        let features = self.features.get()?.iter();
        features.fold(None, |notice, feature| {
            feature.broken(topic, page).or(notice)
        })
    }

    /// How many are in the namespace now, after a transition told in partition `n`. Partitions that
    /// have told nothing yet count as the average of the others: users are spread evenly.
    pub(super) fn total(&self, transition: &Transition, n: u16) -> u64 {
        let mut totals = self.totals.lock().expect("no panic while held");
        let parts = totals.entry(transition.place.clone()).or_default();
        parts.insert(n, transition.total);
        let (heard, sum) = (parts.len() as u64, parts.values().sum::<u64>());
        let all = self.partitions.get().copied().unwrap_or(1);
        sum + sum / heard * u64::from(all).saturating_sub(heard)
    }

    /// Counts what was handed to connections: once a message, however many they are.
    pub(super) fn delivered(&self, event: &str, connections: u64) {
        if connections > 0 {
            counter!(metric::DELIVERIES, "event" => self.label(event)).increment(connections);
        }
    }

    fn label(&self, event: &str) -> &'static str {
        self.events
            .get()
            .and_then(|known| known.get(event))
            .copied()
            .unwrap_or("other")
    }

    /// Another node has told something that is not stored.
    pub(super) fn heard(&self, topic: &Topic, envelope: &Envelope) {
        self.each(|feature| feature.heard(topic, envelope));
    }

    /// Somebody came, went or changed.
    pub(super) fn transition(&self, transition: &Transition) {
        let change = match transition.kind {
            Change::Entered => "entered",
            Change::Left => "left",
            Change::Lost => "lost",
            Change::Updated => "updated",
            Change::Restored => "restored",
        };
        let place = if transition.place.contains('#') {
            "room"
        } else {
            "namespace"
        };
        counter!(metric::TRANSITIONS, "change" => change, "place" => place).increment(1);
        self.each(|feature| feature.transition(transition));
    }
}
