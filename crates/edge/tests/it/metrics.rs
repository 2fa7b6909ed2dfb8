//! The gauges are the truth.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    set_default_local_recorder,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::{Client, Door, Poller, open};

/// Keeps gauges, by the value of their only label.
#[derive(Default)]
struct Gauges(Mutex<HashMap<String, Arc<AtomicU64>>>);

impl Gauges {
    fn get(&self, label: &str) -> f64 {
        let gauges = self.0.lock().unwrap();
        gauges
            .get(label)
            .map_or(0.0, |bits| f64::from_bits(bits.load(Ordering::SeqCst)))
    }

    /// Waits for polling sessions, websockets and sockets on the root namespace.
    async fn reach(&self, wanted: [f64; 3]) {
        let now = || ["polling", "websocket", "/"].map(|label| self.get(label));
        let reached = async {
            while now() != wanted {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(Duration::from_secs(5), reached).await.is_err() {
            panic!("{wanted:?} wanted, there are {:?}", now());
        }
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let label = key
            .labels()
            .next()
            .map_or("", |label| label.value())
            .to_owned();
        Gauge::from_arc(self.0.lock().unwrap().entry(label).or_default().clone())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// The runtime of the test is this thread, so a recorder of its own sees all and only this door.
#[tokio::test]
async fn connections_and_sockets_are_counted_exactly() {
    let gauges = Gauges::default();
    let _guard = set_default_local_recorder(&gauges);
    let door: Door = open().await;

    let first = Client::connect(&door).await;
    let mut second = Client::connect(&door).await;
    let poller = Poller::connect(&door).await;
    let upgrading = Poller::connect(&door).await;
    gauges.reach([2.0, 2.0, 4.0]).await;

    let upgraded = Client::upgrade(&door, &upgrading.sid).await;
    gauges.reach([1.0, 3.0, 4.0]).await;

    second.send("41").await;
    gauges.reach([1.0, 3.0, 3.0]).await;
    second.enter("/", json!({})).await;
    gauges.reach([1.0, 3.0, 4.0]).await;

    drop(first);
    gauges.reach([1.0, 2.0, 3.0]).await;
    drop(upgraded);
    gauges.reach([1.0, 1.0, 2.0]).await;
    poller.post(&door, "1").await;
    gauges.reach([0.0, 1.0, 1.0]).await;
    second.emit("kill", json!({})).await;
    gauges.reach([0.0, 0.0, 0.0]).await;

    // socketioxide keeps those that never entered a namespace, but they are gone all the same.
    let never = Client::dial(&door).await;
    let nowhere = Poller::dial(&door).await;
    gauges.reach([1.0, 1.0, 0.0]).await;
    drop(never);
    nowhere.post(&door, "1").await;
    gauges.reach([0.0, 0.0, 0.0]).await;
    assert_eq!(nowhere.poll(&door).await.status, 400);

    // An upgrade that fails leaves its session where it was.
    let failing = Poller::connect(&door).await;
    gauges.reach([1.0, 0.0, 1.0]).await;
    drop(Client::begin_upgrade(&door, &failing.sid).await);
    failing.post(&door, r#"42["mirror",1]"#).await;
    failing.until(&door, r#"["mirror",1]"#).await;
    gauges.reach([1.0, 0.0, 1.0]).await;
}
