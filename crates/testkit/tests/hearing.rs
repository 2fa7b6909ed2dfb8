//! What a node hears is handed out by several tasks. Several threads, in real time.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use starling_kernel::{
    envelope::{Draft, Envelope},
    hub::Hub,
    ports::{Bus, Heard, Parcel, PortResult},
    topic::Topic,
    workers::Workers,
};
use starling_testkit::{Client, Cluster};
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, Sender},
    task::{JoinHandle, yield_now},
};

/// A relay that brings what a test says.
struct Script(Mutex<Option<mpsc::Receiver<Heard>>>);

#[async_trait]
impl Bus for Script {
    async fn subscribe(&self, _: &Topic) -> PortResult<()> {
        Ok(())
    }

    async fn unsubscribe(&self, _: &Topic) -> PortResult<()> {
        Ok(())
    }

    async fn publish(&self, _: &Topic, _: &Parcel) -> PortResult<()> {
        Ok(())
    }

    fn listen(&self) -> Option<mpsc::Receiver<Heard>> {
        self.0.lock().unwrap().take()
    }
}

struct Scene {
    cluster: Cluster,
    /// Hears what the test says; the cluster's own one does not.
    hub: Arc<Hub>,
    relay: Sender<Heard>,
    listening: JoinHandle<()>,
}

impl Scene {
    async fn begin() -> Self {
        let cluster = Cluster::start(1).await;
        let (relay, heard) = mpsc::channel(100_000);
        let mut backend = cluster.nodes[0].dispatcher.services().backend.clone();
        backend.bus = Arc::new(Script(Mutex::new(Some(heard))));
        let hub = Hub::new(backend, 10);
        let workers = Workers::with([Handle::current()]);
        let listening = hub.run(Vec::new(), &workers).await.unwrap();
        Self {
            cluster,
            hub,
            relay,
            listening,
        }
    }

    async fn listener(&self, user: &str, topic: &Topic) -> Client {
        let client = self.cluster.connect(0, user).await;
        let admission = self.hub.admit(&client.session, topic).await.unwrap();
        let log = &self.cluster.nodes[0].dispatcher.services().backend.log;
        admission.open_after(log.latest(topic, 0).await.unwrap().end());
        client
    }

    async fn tell(&self, topic: &Topic, n: u64) {
        let told = Heard::Parcel {
            topic: topic.clone(),
            position: None,
            parcel: Parcel::Message(Envelope::new("said", &json!({"n": n})).into()),
        };
        self.relay.send(told).await.unwrap();
    }
}

fn topic(n: usize) -> Topic {
    Topic::stream("/", "hearing", n)
}

/// So many numbers that a client was told.
async fn told(client: &Client, count: usize) -> Vec<u64> {
    let number = |(event, data): (String, Value)| (event == "said").then(|| data["n"].as_u64());
    let mut all = Vec::new();
    while all.len() < count {
        yield_now().await;
        all.extend(
            client
                .drain()
                .await
                .into_iter()
                .filter_map(number)
                .flatten(),
        );
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_topic_is_heard_in_its_order_to_the_end() {
    let scene = Scene::begin().await;
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(scene.listener(&format!("u{n}"), &topic(n)).await);
    }
    for round in 0..200 {
        for n in 0..clients.len() {
            scene.tell(&topic(n), round).await;
        }
    }
    scene.relay.send(Heard::Up(true)).await.unwrap();
    scene.relay.send(Heard::Ended).await.unwrap();
    scene.listening.await.unwrap();
    for client in &clients {
        let all: Vec<_> = (0..200).collect();
        assert_eq!(told(client, 200).await, all);
    }
    assert!(!scene.hub.hears(), "the end comes after all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_too_much_is_dropped_and_then_compared_with_the_log() {
    let scene = Scene::begin().await;
    let client = scene.listener("a", &topic(1)).await;
    scene.relay.send(Heard::Up(true)).await.unwrap();
    while !scene.hub.hears() {
        yield_now().await;
    }
    let held_up = client.hold_up();
    scene.tell(&topic(1), 0).await;
    held_up.reached().await;
    // The relay does not bring this one.
    let stored = Draft::new("said", &json!({"n": 1_000_000})).unwrap();
    scene.hub.store(&topic(1), &stored, None).await.unwrap();
    for n in 1..20_000 {
        scene.tell(&topic(1), n).await;
    }
    while scene.relay.capacity() < scene.relay.max_capacity() {
        yield_now().await;
    }
    drop(held_up);
    let mut all = Vec::new();
    while !all.contains(&1_000_000) {
        all.extend(told(&client, 1).await);
    }
    assert!(
        all.len() > 5_000,
        "what was there is not dropped: {}",
        all.len()
    );
    assert!(all.len() < 15_000, "nothing was dropped: {}", all.len());
}
