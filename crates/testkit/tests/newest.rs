//! Of what is the newest of a key, connections get the newest only, and that surely.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use starling_kernel::{
    envelope::Envelope,
    topic::{Namespace, Topic},
};
use starling_testkit::{Client, Cluster};
use tokio::time::{Duration, Instant, sleep};

const ROOT: Namespace = "/";

fn results(key: &str, n: usize) -> Envelope {
    Envelope::new("results", &json!({"n": n})).newest_of(key)
}

/// A connection to each node that hears the topic.
async fn listeners(cluster: &Cluster, topic: &Topic) -> Vec<Client> {
    let mut all = Vec::new();
    for (n, node) in cluster.nodes.iter().enumerate() {
        let client = cluster.connect(n, "ann").await;
        let hub = &node.dispatcher.services().hub;
        let admission = hub.admit(&client.session, topic).await.unwrap();
        admission.open_live();
        all.push(client);
    }
    sleep(Duration::from_secs(1)).await;
    for client in &all {
        client.drain().await;
    }
    all
}

/// What has come until now, by its number.
async fn numbers(client: &Client) -> Vec<u64> {
    let got = client.drain().await;
    let number = |(event, data): &(String, Value)| match event.as_str() {
        "results" | "plain" => data["n"].as_u64(),
        _ => None,
    };
    got.iter().filter_map(number).collect()
}

async fn publish(cluster: &Cluster, node: usize, topic: &Topic, envelope: Envelope) {
    let hub = &cluster.nodes[node].dispatcher.services().hub;
    hub.publish(topic, envelope).await;
}

#[tokio::test(start_paused = true)]
async fn the_newest_of_each_key_reaches_all_nodes_and_nothing_older_after_it() {
    let cluster = Cluster::start(2).await;
    let topic = Topic::stream(ROOT, "poll", 1);
    let clients = listeners(&cluster, &topic).await;
    for n in 1..=20 {
        publish(&cluster, 0, &topic, results("a", n)).await;
        publish(&cluster, 0, &topic, results("b", 100 + n)).await;
    }
    // What is no such thing does not wait.
    let plain = Envelope::new("plain", &json!({"n": 1_000}));
    publish(&cluster, 0, &topic, plain).await;
    sleep(Duration::from_millis(10)).await;
    for client in &clients {
        assert_eq!(numbers(client).await, [1_000]);
    }
    sleep(Duration::from_millis(60)).await;
    for client in &clients {
        let mut got = numbers(client).await;
        got.sort_unstable();
        assert_eq!(got, [20, 120]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_has_its_turn_every_fifty_milliseconds() {
    let cluster = Cluster::start(2).await;
    let topic = Topic::stream(ROOT, "poll", 1);
    let clients = listeners(&cluster, &topic).await;
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(1) {
        sent += 1;
        publish(&cluster, sent % 2, &topic, results("a", sent)).await;
        sleep(Duration::from_millis(3)).await;
    }
    sleep(Duration::from_secs(1)).await;
    for client in &clients {
        let got = numbers(client).await;
        assert!(got.is_sorted(), "{got:?}");
        assert_eq!(got.last(), Some(&(sent as u64)));
        assert!((10..=21).contains(&got.len()), "{got:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_cannot_take_it_is_cut_and_comes_back() {
    let cluster = Cluster::start(1).await;
    let topic = Topic::stream(ROOT, "poll", 1);
    let clients = listeners(&cluster, &topic).await;
    clients[0].take_only(0);
    let volatile = Envelope::new("results", &json!({"n": 1}));
    let hub = &cluster.nodes[0].dispatcher.services().hub;
    hub.publish_latest(&topic, "a", volatile);
    sleep(Duration::from_secs(1)).await;
    assert!(!clients[0].killed());
    publish(&cluster, 0, &topic, results("a", 2)).await;
    sleep(Duration::from_secs(1)).await;
    assert!(clients[0].killed());
}
