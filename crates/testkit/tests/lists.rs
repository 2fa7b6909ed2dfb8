//! Where single comings and goings are not told of, or were missed for good, the lists tell how it is.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use serde_json::{Value, json};
use starling_kernel::{ports::Status, topic::Topic};
use starling_testkit::{Client, Cluster};
use tokio::time::sleep;

/// What tells of one coming or going.
const SINGLE: [&str; 5] = [
    "user-online",
    "user-offline",
    "user-joined-room",
    "user-left-room",
    "user-status",
];

type Events = Vec<(String, Value)>;

async fn online(cluster: &Cluster, node: usize, user: &str) -> Client {
    let client = cluster.connect(node, user).await;
    client.call("register", json!({})).await.unwrap();
    client
}

async fn call(client: &Client, event: &str, data: Value) {
    client.call(event, data).await.unwrap();
}

/// Everything that was on its way is there, and nothing more is to come.
async fn settled() {
    sleep(Duration::from_secs(60)).await;
}

fn single(events: &Events) -> Events {
    let told = events
        .iter()
        .filter(|(event, _)| SINGLE.contains(&event.as_str()));
    told.cloned().collect()
}

fn last<'a>(events: &'a Events, event: &str, fits: impl Fn(&Value) -> bool) -> &'a Value {
    let mut latest = events.iter().rev();
    let found = latest.find(|(name, data)| name == event && fits(data));
    &found.unwrap_or_else(|| panic!("no {event}")).1
}

/// Who is online by the last list.
fn presence(events: &Events) -> Vec<String> {
    let list = last(events, "presence-list", |_| true).as_array().unwrap();
    let ids = list.iter().map(|user| user["userId"].as_str().unwrap());
    let mut all: Vec<_> = ids.map(str::to_owned).collect();
    all.sort();
    all
}

/// Who is in the room by the last list.
fn members(events: &Events, room: &str) -> Vec<String> {
    let list = last(events, "room-members", |data| data["roomName"] == room);
    let mut all: Vec<String> = serde_json::from_value(list["members"].clone()).unwrap();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn after_a_wipe_nobody_who_was_there_is_announced_and_the_lists_tell_all() {
    nobody_who_was_there_is_announced(Duration::from_secs(3)).await;
}

/// As where it has very much to restore.
#[tokio::test(start_paused = true)]
async fn nor_is_anybody_whose_node_takes_long_to_restore_it() {
    nobody_who_was_there_is_announced(Duration::from_secs(30)).await;
}

async fn nobody_who_was_there_is_announced(until: Duration) {
    let cluster = Cluster::start(3).await;
    settled().await;
    let clients = [
        online(&cluster, 0, "ann").await,
        online(&cluster, 2, "ann").await,
        online(&cluster, 1, "ben").await,
        online(&cluster, 2, "eve").await,
    ];
    call(&clients[0], "create-room", json!({"roomName": "r"})).await;
    for other in &clients[1..] {
        call(other, "join-room", json!({"roomName": "r"})).await;
    }
    let private = json!({"roomName": "p", "private": true});
    call(&clients[2], "create-room", private).await;
    settled().await;
    for client in &clients {
        client.drain().await;
    }

    // One of them finds out later than the others, who have restored theirs by then.
    let late = &cluster.nodes[2].faults;
    late.cut();
    cluster.store.wipe();
    sleep(until).await;
    late.mend().await;
    settled().await;
    let heard = [
        clients[0].drain().await,
        clients[1].drain().await,
        clients[2].drain().await,
        clients[3].drain().await,
    ];
    for events in &heard {
        assert_eq!(single(events), Events::new());
        assert_eq!(presence(events), ["ann", "ben", "eve"]);
        assert_eq!(members(events, "r"), ["ann", "ben", "eve"]);
    }
    assert_eq!(members(&heard[2], "p"), ["ben"]);
    let lives_ended = cluster.nodes[0].faults.lives_ended();
    assert_eq!(lives_ended, 1, "one new life has restored everything");

    // They are not deaf: whoever comes and goes from now on is announced.
    let new = online(&cluster, 0, "new").await;
    call(&new, "join-room", json!({"roomName": "r"})).await;
    call(&new, "logout", json!({})).await;
    settled().await;
    for client in &clients {
        let told = single(&client.drain().await);
        let told: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
        let all = [
            "user-online",
            "user-joined-room",
            "user-left-room",
            "user-offline",
        ];
        assert!(
            all.iter().all(|event| told.contains(event)) && told.len() == 4,
            "{told:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_missed_more_than_the_presence_log_holds_tells_by_lists() {
    let cluster = Cluster::start(2).await;
    settled().await;
    let near = online(&cluster, 0, "near").await;
    let far = online(&cluster, 1, "far").await;
    let goes = online(&cluster, 1, "goes").await;
    let device = online(&cluster, 0, "goes").await;
    let room = json!({"roomName": "r"});
    call(&near, "create-room", room.clone()).await;
    for client in [&far, &goes] {
        call(client, "join-room", room.clone()).await;
    }
    settled().await;
    near.drain().await;

    cluster.nodes[0].faults.cut();
    call(&goes, "logout", json!({})).await;
    let comes = online(&cluster, 1, "comes").await;
    call(&comes, "join-room", room).await;
    outgrow_the_presence_log(&cluster, &far).await;
    cluster.nodes[0].faults.mend().await;
    settled().await;

    let events = near.drain().await;
    let all = ["comes", "far", "near"];
    let told = single(&events);
    let told = told
        .iter()
        .map(|(_, data)| data["userId"].as_str().unwrap());
    assert!(
        told.clone().all(|user| user == "far"),
        "not trimmed: {:?}",
        told.collect::<Vec<_>>()
    );
    assert_eq!(presence(&events), all);
    assert_eq!(members(&events, "r"), all);
    // The order to put it out was missed as well.
    assert!(device.disconnected());
}

/// Changes of somebody's status until the log holds nothing else.
async fn outgrow_the_presence_log(cluster: &Cluster, client: &Client) {
    let backend = &cluster.nodes[1].dispatcher.services().backend;
    let (online, user) = (Topic::Namespace("/"), client.session.identity().user);
    for _ in 0..10_000 {
        let set = backend
            .presence
            .set_status(&online, &user, &client.session.conn, Status::Online);
        set.await.unwrap();
    }
}

/// A node that has heard of nobody who came, and knows them from a list that was asked for.
#[tokio::test(start_paused = true)]
async fn who_is_gone_with_all_data_is_taken_from_the_lists_of_a_node_that_never_heard_of_it() {
    let cluster = Cluster::start(2).await;
    cluster.nodes[0].faults.lag(true);
    let near = cluster.connect(0, "near").await;
    let far = online(&cluster, 1, "far").await;
    call(&near, "list-presence", json!({})).await;
    assert_eq!(presence(&near.drain().await), ["far"]);
    cluster.store.wipe();
    far.drop_connection().await;
    settled().await;
    assert_eq!(presence(&near.drain().await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn joining_once_more_brings_the_list_of_members_once_more() {
    let cluster = Cluster::start(2).await;
    let ann = online(&cluster, 0, "ann").await;
    let ben = online(&cluster, 1, "ben").await;
    call(&ann, "create-room", json!({"roomName": "r"})).await;
    call(&ben, "join-room", json!({"roomName": "r"})).await;
    settled().await;
    ben.drain().await;
    call(&ben, "join-room", json!({"roomName": "r"})).await;
    settled().await;
    let events = ben.drain().await;
    assert_eq!(members(&events, "r"), ["ann", "ben"]);
    assert_eq!(single(&events), Events::new());
}
