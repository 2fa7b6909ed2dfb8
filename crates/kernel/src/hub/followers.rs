//! Who is told of what is not for connections.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, Weak},
};

use metrics::{Counter, counter};

use crate::{
    envelope::Envelope,
    feature::Feature,
    membership::Membership,
    metric,
    ports::{Change, Order, Page, Transition},
    session::Session,
    topic::Topic,
};

/// The counters of [`metric::DELIVERIES`], kept: to look one up costs as much as ten deliveries decided on.
/// Each is made when it is first needed, when there is a recorder.
#[derive(Default)]
struct Deliveries {
    known: OnceLock<HashMap<&'static str, OnceLock<Counter>>>,
    other: OnceLock<Counter>,
}

impl Deliveries {
    fn of(&self, event: &str) -> &Counter {
        let known = self
            .known
            .get()
            .and_then(|known| known.get_key_value(event));
        let (label, kept) = known.map_or(("other", &self.other), |(label, kept)| (*label, kept));
        kept.get_or_init(|| counter!(metric::DELIVERIES, "event" => label))
    }
}

/// The features, and the membership.
#[derive(Default)]
pub(crate) struct Followers {
    features: OnceLock<Arc<Vec<Arc<dyn Feature>>>>,
    /// How many partitions [`Topic::Presence`] has.
    pub(super) partitions: OnceLock<u16>,
    /// Who carries out orders.
    pub(super) membership: OnceLock<Weak<Membership>>,
    /// How many are in each partition of a namespace, as last heard.
    totals: Mutex<HashMap<String, HashMap<u16, u64>>>,
    deliveries: Deliveries,
}

impl Followers {
    /// `events`: the names that may stand in a metric's label.
    pub(super) fn begin(
        &self,
        features: Arc<Vec<Arc<dyn Feature>>>,
        events: HashSet<&'static str>,
    ) {
        let _ = self.features.set(features);
        let events = events.into_iter().map(|event| (event, OnceLock::new()));
        let _ = self.deliveries.known.set(events.collect());
    }

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
            self.deliveries.of(event).increment(connections);
        }
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
