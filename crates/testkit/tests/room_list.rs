//! What `list-rooms` shows, and what it costs.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use futures_util::future::join_all;
use serde_json::{Value, json};
use starling_kernel::{error::Code, limits::Limits};
use starling_testkit::{Client, Cluster, claims};
use tokio::time::{advance, sleep};

/// The names that are listed, and how many rooms there are.
async fn list(client: &Client) -> (Vec<String>, u64) {
    let ack = client.call("list-rooms", Value::Null).await.unwrap();
    let list = client.next("room-list").await;
    let names = list.as_array().unwrap().iter();
    let names = names.map(|room| room["name"].as_str().unwrap().to_owned());
    (names.collect(), ack["total"].as_u64().unwrap())
}

async fn members(client: &Client, room: &str) -> u64 {
    client.call("list-rooms", Value::Null).await.unwrap();
    let list = client.next("room-list").await;
    let mut rooms = list.as_array().unwrap().iter();
    let found = rooms.find(|entry| entry["name"] == room);
    found.map_or(0, |entry| entry["memberCount"].as_u64().unwrap())
}

async fn room(client: &Client, event: &str, name: &str) {
    let private = name.starts_with("private");
    let data = json!({"roomName": name, "private": private});
    client.call(event, data).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_the_public_rooms_are_read_once_an_interval() {
    let cluster = Cluster::start(1).await;
    let owner = cluster.connect(0, "owner").await;
    room(&owner, "create-room", "r").await;
    let mut clients = Vec::new();
    for n in 0..50 {
        clients.push(cluster.connect(0, &format!("u{n}")).await);
    }
    let reads = || cluster.nodes[0].faults.public_reads();
    for round in 1..=3 {
        let lists = join_all(clients.iter().map(list)).await;
        assert!(lists.iter().all(|seen| *seen == (vec!["r".to_owned()], 1)));
        assert_eq!(reads(), round);
        list(&clients[0]).await;
        assert_eq!(reads(), round);
        sleep(Limits::default().list_interval).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_changed_shows_at_once_and_to_others_within_an_interval() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.connect(0, "ann").await;
    let phone = cluster.connect(0, "ann").await;
    let others = [
        cluster.connect(0, "ben").await,
        cluster.connect(1, "eve").await,
    ];
    for other in &others {
        assert_eq!(list(other).await, (vec![], 0));
    }
    room(&ann, "create-room", "r").await;
    for other in &others {
        assert_eq!(members(other, "r").await, 0);
    }
    assert_eq!(members(&phone, "r").await, 1);
    assert_eq!(members(&others[0], "r").await, 1, "it has been read anew");
    room(&others[0], "join-room", "r").await;
    assert_eq!(members(&ann, "r").await, 1);
    assert_eq!(members(&others[0], "r").await, 2);
    room(&others[0], "leave-room", "r").await;
    assert_eq!(members(&others[0], "r").await, 1);
    advance(Limits::default().list_interval).await;
    assert_eq!(members(&others[1], "r").await, 1);
    room(&ann, "leave-room", "r").await;
    assert_eq!(list(&ann).await, (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_failed_is_not_kept() {
    let cluster = Cluster::start(1).await;
    let (ann, ben) = (
        cluster.connect(0, "ann").await,
        cluster.connect(0, "ben").await,
    );
    room(&ann, "create-room", "r").await;
    cluster.nodes[0].faults.refuse(true);
    let failed = ben.call("list-rooms", Value::Null).await.unwrap_err();
    assert_eq!(failed.code, Code::Unavailable);
    cluster.nodes[0].faults.refuse(false);
    assert_eq!(list(&ben).await, (vec!["r".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn ones_own_private_rooms_are_listed_among_hundreds_of_others() {
    let cluster = Cluster::start(1).await;
    for n in 0..6 {
        let owner = cluster.connect(0, &format!("owner{n}")).await;
        for m in 0..50 {
            room(&owner, "create-room", &format!("private-{n}-{m}")).await;
        }
    }
    let ann = cluster.connect(0, "ann").await;
    room(&ann, "create-room", "private-anns").await;
    room(&ann, "create-room", "public").await;
    let both = vec!["private-anns".to_owned(), "public".to_owned()];
    assert_eq!(list(&ann).await, (both, 2));
    let stranger = cluster.connect(0, "stranger").await;
    assert_eq!(list(&stranger).await, (vec!["public".to_owned()], 1));

    let vouched = |rooms: &[&str]| {
        let mut claims = claims("guest");
        claims.rooms = rooms.iter().map(ToString::to_string).collect();
        cluster.nodes[0].connect(claims)
    };
    let (list_of_three, total) = list(&vouched(&["private-5-49", "*anns"]).await).await;
    assert_eq!(list_of_three, ["private-5-49", "private-anns", "public"]);
    assert_eq!(total, 3);
    let (all, total) = list(&vouched(&["*"]).await).await;
    assert_eq!((all.len(), total), (200, 302));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_listed_once_though_a_public_room_has_become_a_private_one() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.connect(1, "ann").await;
    room(&ann, "create-room", "private").await;
    room(&ann, "leave-room", "private").await;
    ann.call("create-room", json!({"roomName": "private"}))
        .await
        .unwrap();
    let mut claims = claims("ben");
    claims.rooms = vec!["private".to_owned()];
    let ben = cluster.nodes[0].connect(claims).await;
    let once = (vec!["private".to_owned()], 1);
    assert_eq!(list(&ben).await, once);
    room(&ann, "leave-room", "private").await;
    room(&ann, "create-room", "private").await;
    assert_eq!(list(&ben).await, once);
}
