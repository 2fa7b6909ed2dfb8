//! What comes back is older than what the nodes remember.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use starling_kernel::{
    id::{NodeId, RoomName, UserId},
    ports::PresenceTimes,
    topic::Topic,
};
use starling_testkit::{Client, Cluster, Node};
use tokio::time::{Duration, sleep};

/// Topics without listeners that a node remembers at most.
const MOST: usize = 16_384;

/// Says something; returns its place.
async fn say(node: &Node, topic: &Topic) -> u64 {
    node.say(topic, "x").await.unwrap().seq
}

/// Somebody in the room `r`.
async fn enter(cluster: &Cluster, event: &str) -> Client {
    let client = cluster.connect(0, "ann").await;
    client.call(event, json!({"roomName": "r"})).await.unwrap();
    client
}

fn room() -> Topic {
    Topic::room(&RoomName::parse("r").unwrap())
}

fn user(n: usize) -> Topic {
    Topic::User("/", UserId::parse(&n.to_string()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn no_place_of_a_room_is_given_twice_that_died_longer_ago_than_is_remembered() {
    let cluster = Cluster::start(2).await;
    let client = enter(&cluster, "create-room").await;
    let node = &cluster.nodes[0];
    assert_eq!(say(node, &room()).await, 1);
    sleep(Duration::from_secs(1)).await;
    let dump = cluster.store.snapshot();
    say(node, &room()).await;
    let given = say(node, &room()).await;
    client.drop_connection().await;
    sleep(Duration::from_secs(120)).await;
    cluster.store.rewind(&dump);
    sleep(Duration::from_secs(10)).await;
    let _client = enter(&cluster, "create-room").await;
    let next = say(node, &room()).await;
    assert!(next > given, "{next} after {given}");
}

#[tokio::test(start_paused = true)]
async fn nor_of_a_log_that_is_forgotten_among_many() {
    let cluster = Cluster::start(2).await;
    let node = &cluster.nodes[0];
    sleep(Duration::from_secs(1)).await;
    let copy = cluster.store.snapshot();
    say(node, &user(0)).await;
    let given = say(node, &user(0)).await;
    for n in 1..=MOST {
        say(node, &user(n)).await;
    }
    cluster.store.rewind(&copy);
    sleep(Duration::from_secs(10)).await;
    let next = say(node, &user(0)).await;
    assert!(next > given, "{next} after {given}");
}

/// A node comes so long after the copy was made, and so long later it says something and dies.
async fn what_is_said_after_the_only_witness_died(after: Duration, later: Duration) {
    let cluster = Cluster::start(2).await;
    let node = &cluster.nodes[0];
    sleep(Duration::from_secs(1)).await;
    let copy = cluster.store.snapshot();
    sleep(after).await;
    let (name, times) = (NodeId::parse("gw3").unwrap(), PresenceTimes::default());
    let backend = cluster.store.node(&name);
    let third = Node::start(backend, name, times, &Default::default()).await;
    let third = third.unwrap();
    sleep(later).await;
    say(&third, &user(0)).await;
    let given = say(&third, &user(0)).await;
    third.faults.die();
    cluster.store.rewind(&copy);
    sleep(Duration::from_secs(10)).await;
    let next = say(node, &user(0)).await;
    assert!(next > given, "{next} after {given}");
}

#[tokio::test(start_paused = true)]
async fn nor_where_only_a_node_gave_it_that_the_copy_does_not_know() {
    let (at_once, soon) = (Duration::ZERO, Duration::from_secs(1));
    what_is_said_after_the_only_witness_died(at_once, soon).await;
}

/// Then nobody has heard yet that it came.
#[tokio::test(start_paused = true)]
async fn nor_from_a_dump_where_the_node_gave_it_at_once() {
    let (at_once, late) = (Duration::ZERO, Duration::from_millis(20_100));
    what_is_said_after_the_only_witness_died(late, at_once).await;
}

#[tokio::test(start_paused = true)]
async fn from_a_copy_that_lacks_nothing_the_logs_go_on_whatever_was_forgotten() {
    let cluster = Cluster::start(2).await;
    let node = &cluster.nodes[0];
    let client = enter(&cluster, "create-room").await;
    say(node, &room()).await;
    for n in 0..100 {
        say(node, &user(n)).await;
        sleep(Duration::from_secs(2)).await;
    }
    let copy = cluster.store.snapshot();
    // Redis is away, and meanwhile people go.
    for node in &cluster.nodes {
        node.faults.cut();
    }
    sleep(Duration::from_secs(90)).await;
    client.drop_connection().await;
    sleep(Duration::from_secs(90)).await;
    cluster.store.rewind(&copy);
    for node in &cluster.nodes {
        node.faults.mend().await;
    }
    sleep(Duration::from_secs(3)).await;
    assert_eq!(say(node, &user(99)).await, 2);
}

/// A room with a member on the first of two nodes, who has one message; a second is said on the other,
/// which dies with the store that comes back without it. Nobody speaks afterwards.
async fn a_quiet_room_that_lost_a_message() -> (Cluster, Client) {
    let cluster = Cluster::start(2).await;
    let client = enter(&cluster, "create-room").await;
    client.call("register", json!({})).await.unwrap();
    say(&cluster.nodes[0], &room()).await;
    sleep(Duration::from_secs(1)).await;
    let copy = cluster.store.snapshot();
    cluster.nodes[0].faults.lag(true);
    say(&cluster.nodes[1], &room()).await;
    cluster.nodes[1].faults.die();
    cluster.nodes[0].faults.cut();
    cluster.nodes[0].faults.lag(false);
    sleep(Duration::from_millis(10)).await;
    client.drain().await;
    cluster.store.rewind(&copy);
    cluster.nodes[0].faults.mend().await;
    (cluster, client)
}

#[tokio::test(start_paused = true)]
async fn what_nobody_lived_to_tell_is_told_as_lost_also_where_nobody_speaks() {
    let (_cluster, client) = a_quiet_room_that_lost_a_message().await;
    sleep(Duration::from_secs(10)).await;
    let heard = client.drain().await.into_iter();
    let told =
        |(event, data): &(String, Value)| event == "room-history" && data["recovered"] == false;
    assert_eq!(heard.filter(told).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_to_it_is_told_as_well() {
    let (cluster, client) = a_quiet_room_that_lost_a_message().await;
    client.drop_connection().await;
    let again = cluster.connect(0, "ann").await;
    sleep(Duration::from_secs(4)).await;
    let back = json!({"lastSeq": {"r": 1}});
    let back = again.call("reconnect-session", back).await.unwrap();
    assert_eq!(back["recovered"], json!({"r": false}), "{back:?}");
}

/// The other node dies with the store, which lost nothing.
#[tokio::test(start_paused = true)]
async fn the_first_to_go_afterwards_is_told_as_any_other() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    let witness = cluster.connect(0, "witness").await;
    let leaves = cluster.connect(0, "leaves").await;
    let lost = cluster.connect(1, "lost").await;
    for client in [&witness, &leaves, &lost] {
        client.call("register", json!({})).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    cluster.nodes[1].faults.die();
    cluster.store.rewind(&cluster.store.snapshot());
    sleep(Duration::from_millis(1_100)).await;
    witness.drain().await;
    leaves.call("logout", json!({})).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    let mut gone = Vec::new();
    for (event, data) in witness.drain().await {
        if event == "user-offline" {
            gone.push(data["userId"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(gone, ["leaves", "lost"]);
}
