//! Each listener gets each message of its time, once and in order, or is told of the hole.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use starling_kernel::{hub::Admission, id::RoomName, ports::Page, topic::Topic};
use starling_testkit::{Client, Cluster, Node};
use tokio::time::{Duration, sleep};

fn topic() -> Topic {
    Topic::room(&RoomName::parse("r").unwrap())
}

/// Keeps the room alive, on a connection that is left aside.
async fn room(node: &Node) -> Client {
    let client = node.connect(starling_testkit::claims("owner")).await;
    let room = json!({"roomName": "r"});
    client.call("create-room", room).await.unwrap();
    client
}

async fn say(node: &Node, n: usize) {
    node.say(&topic(), &n.to_string()).await.unwrap();
}

async fn history(node: &Node) -> Page {
    let log = &node.dispatcher.services().backend.log;
    log.latest(&topic(), 100).await.unwrap()
}

/// A member of the room on the cluster's first node, who does not hear it.
async fn member(cluster: &Cluster, user: &str) -> Client {
    let client = cluster.connect(0, user).await;
    let room = json!({"roomName": "r"});
    client.call("join-room", room).await.unwrap();
    let hub = &cluster.nodes[0].dispatcher.services().hub;
    hub.leave(&client.session, &topic());
    sleep(Duration::from_secs(1)).await;
    client.drain().await;
    client
}

async fn admit(node: &Node, client: &Client) -> Admission {
    let hub = &node.dispatcher.services().hub;
    hub.admit(&client.session, &topic()).await.unwrap()
}

/// Somebody on the cluster's first node who hears what comes from now on.
async fn listener(cluster: &Cluster) -> Client {
    let (node, client) = (&cluster.nodes[0], member(cluster, "a").await);
    let admission = admit(node, &client).await;
    admission.open_after(history(node).await.end());
    client
}

/// The `seq` of all messages that came until now; 0 where the client was told of a hole.
async fn received(client: &Client) -> Vec<u64> {
    sleep(Duration::from_secs(5)).await;
    let seq = |(event, data): &(String, Value)| match event.as_str() {
        "room-message" => data["seq"].as_u64(),
        "room-history" => Some(0),
        _ => None,
    };
    client.drain().await.iter().filter_map(seq).collect()
}

/// The texts that came until now, those of histories too, each of which follows a "hole".
async fn shown(client: &Client) -> Vec<String> {
    sleep(Duration::from_secs(5)).await;
    let mut all = Vec::new();
    for (event, data) in client.drain().await {
        match (event.as_str(), data["messages"].as_array()) {
            ("room-message", _) => all.push(data),
            ("room-history", Some(messages)) => {
                all.push(json!({"text": "hole"}));
                all.extend(messages.iter().cloned());
            }
            _ => {}
        }
    }
    let texts = all.iter().filter_map(|said| said["text"].as_str());
    texts.map(str::to_owned).collect()
}

/// That it misses something, once or more, and nothing else.
async fn is_told_of_holes_only(client: &Client) {
    let told = received(client).await;
    let holes = told.iter().filter(|seq| **seq == 0).count();
    assert!(holes > 0 && holes == told.len(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_begins_with_the_older_history_misses_nothing_while_the_relay_lags() {
    let cluster = Cluster::start(2).await;
    let (near, far) = (&cluster.nodes[0], &cluster.nodes[1]);
    let _owner = room(far).await;
    say(far, 1).await;
    let (older, newer) = (member(&cluster, "a").await, member(&cluster, "b").await);
    near.faults.lag(true);
    let (first, second) = (admit(near, &older).await, admit(near, &newer).await);
    let one = history(near).await;
    say(far, 2).await;
    say(far, 3).await;
    let three = history(near).await;
    second.open_after(three.end());
    first.open_after(one.end());
    near.faults.lag(false);
    assert_eq!(received(&older).await, [2, 3]);
    assert_eq!(received(&newer).await, [0u64; 0]);
    say(far, 4).await;
    assert_eq!(received(&older).await, [4]);
    assert_eq!(received(&newer).await, [4]);
}

#[tokio::test(start_paused = true)]
async fn the_same_holds_where_the_relay_loses_what_it_was_behind_with() {
    let cluster = Cluster::start(2).await;
    let (near, far) = (&cluster.nodes[0], &cluster.nodes[1]);
    let _owner = room(far).await;
    let (older, newer) = (member(&cluster, "a").await, member(&cluster, "b").await);
    near.faults.lose(2);
    let (first, second) = (admit(near, &older).await, admit(near, &newer).await);
    let none = history(near).await;
    say(far, 1).await;
    say(far, 2).await;
    let two = history(near).await;
    second.open_after(two.end());
    first.open_after(none.end());
    assert_eq!(received(&older).await, [1, 2]);
    assert_eq!(received(&newer).await, [0u64; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_first_parcel_of_a_new_topic_need_not_be_the_next() {
    let cluster = Cluster::start(2).await;
    let (near, far) = (&cluster.nodes[0], &cluster.nodes[1]);
    let _owner = room(far).await;
    say(far, 1).await;
    let client = member(&cluster, "a").await;
    let admission = admit(near, &client).await;
    let page = history(near).await;
    near.faults.lose(1);
    say(far, 2).await;
    say(far, 3).await;
    sleep(Duration::from_millis(100)).await;
    admission.open_after(page.end());
    assert_eq!(received(&client).await, [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_history_of_a_former_life_hides_nothing_of_the_next_one() {
    let cluster = Cluster::start(2).await;
    let (near, far) = (&cluster.nodes[0], &cluster.nodes[1]);
    let _owner = room(far).await;
    say(far, 1).await;
    say(far, 2).await;
    let (late, there) = (member(&cluster, "a").await, member(&cluster, "b").await);
    let first = admit(near, &there).await;
    first.open_after(history(near).await.end());
    let admission = admit(near, &late).await;
    let old = history(near).await;
    cluster.store.wipe();
    sleep(Duration::from_secs(10)).await;
    say(far, 1).await;
    sleep(Duration::from_millis(100)).await;
    admission.open_after(old.end());
    say(far, 2).await;
    say(far, 3).await;
    // It is told, and what it is told with and what follows are all three.
    assert_eq!(shown(&late).await, ["hole", "1", "2", "3"]);
    // Beyond all that was given before everything was lost.
    let there_got = received(&there).await;
    let first = there_got[1];
    assert!(first > 2, "a place was given twice: {there_got:?}");
    assert_eq!(there_got, [0, first, first + 1, first + 2]);
    say(far, 4).await;
    assert_eq!(received(&late).await, [first + 3]);
    assert_eq!(received(&there).await, [first + 3]);
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_with_a_failover_is_told_and_nothing_new_is_taken_for_old() {
    let cluster = Cluster::start(2).await;
    let far = &cluster.nodes[1];
    let _owner = room(far).await;
    let client = listener(&cluster).await;
    say(far, 1).await;
    let kept = cluster.store.snapshot();
    say(far, 2).await;
    say(far, 3).await;
    assert_eq!(received(&client).await, [1, 2, 3]);
    cluster.store.rewind(&kept);
    for node in &cluster.nodes {
        node.faults.mend().await;
    }
    let told = received(&client).await;
    assert_eq!(told, [0]);
    say(far, 4).await;
    let after = received(&client).await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(after[0] > 3, "a place was given twice: {after:?}");
}

#[tokio::test(start_paused = true)]
async fn what_one_node_alone_knew_before_a_failover_is_remembered_when_it_follows_the_others() {
    let cluster = Cluster::start(2).await;
    let (near, far) = (&cluster.nodes[0], &cluster.nodes[1]);
    let _owner = room(far).await;
    let client = listener(&cluster).await;
    say(far, 1).await;
    let kept = cluster.store.snapshot();
    say(far, 2).await;
    assert_eq!(received(&client).await, [1, 2]);
    near.faults.lose(1);
    far.faults.lose(1);
    say(near, 3).await;
    cluster.store.rewind(&kept);
    for node in [far, near] {
        node.faults.mend().await;
        sleep(Duration::from_millis(100)).await;
    }
    is_told_of_holes_only(&client).await;
    say(far, 4).await;
    let after = received(&client).await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(after[0] > 3, "a place was given twice: {after:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_of_a_node_that_died_is_remembered_as_well() {
    let cluster = Cluster::start(3).await;
    let [near, far, dead] = &cluster.nodes[..] else {
        unreachable!("three were started");
    };
    let _owner = room(far).await;
    let client = listener(&cluster).await;
    say(far, 1).await;
    let kept = cluster.store.snapshot();
    say(dead, 2).await;
    assert_eq!(received(&client).await, [1, 2]);
    far.faults.lose(1);
    say(dead, 3).await;
    dead.faults.die();
    assert_eq!(received(&client).await, [3]);
    sleep(Duration::from_secs(1)).await;
    near.faults.cut();
    cluster.store.rewind(&kept);
    for node in [far, near] {
        node.faults.mend().await;
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(60)).await;
    is_told_of_holes_only(&client).await;
    say(far, 4).await;
    // What is stored leaps over what the dead one may have known, of which it has been told.
    let after = history(far).await.head;
    assert!(after > 3, "a place was given twice: {after}");
    assert_eq!(received(&client).await, [after]);
}

#[tokio::test(start_paused = true)]
async fn an_admission_that_fails_leaves_no_channel_behind() {
    let cluster = Cluster::start(1).await;
    let node = &cluster.nodes[0];
    let client = cluster.connect(0, "a").await;
    let hub = &node.dispatcher.services().hub;
    let before = hub.topics().len();
    node.faults.refuse(true);
    assert!(hub.admit(&client.session, &topic()).await.is_err());
    node.faults.refuse(false);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(hub.topics().len(), before);
    admit(node, &client).await.open_live();
    assert_eq!(hub.topics().len(), before + 1);
}
