//! Who is there, through all that happens to nodes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use starling_features::{FeaturesConfig, PresenceScope};
use starling_kernel::error::Code;
use starling_testkit::{Client, Cluster};
use tokio::time::{Instant, sleep};

async fn online(cluster: &Cluster, node: usize, user: &str) -> Client {
    let client = cluster.connect(node, user).await;
    client.call("register", json!({})).await.unwrap();
    client
}

async fn count(client: &Client, event: &str, user: &str) -> usize {
    let events = client.drain().await;
    events
        .iter()
        .filter(|(name, data)| name == event && data["userId"] == user)
        .count()
}

#[tokio::test(start_paused = true)]
async fn others_on_all_nodes_hear_who_comes_and_the_comer_does_not() {
    let cluster = Cluster::start(3).await;
    let (a, b) = (cluster.connect(0, "a").await, cluster.connect(1, "b").await);
    let c = online(&cluster, 2, "c").await;
    assert_eq!(
        b.next("user-online").await,
        json!({"userId": "c", "username": "C"})
    );
    assert_eq!(a.next("user-online").await["userId"], "c");
    assert_eq!(count(&c, "user-online", "c").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_offline_once_after_the_grace() {
    let cluster = Cluster::start(3).await;
    sleep(Duration::from_secs(20)).await;
    let watchers = [
        online(&cluster, 0, "w0").await,
        online(&cluster, 1, "w1").await,
    ];
    let gone = online(&cluster, 2, "gone").await;
    let left = Instant::now();
    gone.drop_connection().await;
    let offline = watchers[0].next("user-offline").await;
    assert_eq!(
        (&offline["userId"], &offline["username"]),
        (&json!("gone"), &json!("GONE"))
    );
    let took = left.elapsed();
    assert!((5.0..=6.5).contains(&took.as_secs_f64()), "{took:?}");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(count(&watchers[0], "user-offline", "gone").await, 0);
    assert_eq!(count(&watchers[1], "user-offline", "gone").await, 1);
}

#[tokio::test(start_paused = true)]
async fn coming_back_within_the_grace_on_another_node_is_never_seen_as_leaving() {
    let cluster = Cluster::start(2).await;
    let watcher = online(&cluster, 0, "w").await;
    let user = online(&cluster, 0, "u").await;
    user.call("create-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    watcher
        .call("join-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    user.drop_connection().await;
    sleep(Duration::from_secs(3)).await;
    for text in ["x", "y"] {
        watcher
            .call("room-message", json!({"roomName": "r", "text": text}))
            .await
            .unwrap();
    }
    let back = cluster.connect(1, "u").await;
    back.call(
        "reconnect-session",
        json!({"userId": "u", "lastSeq": {"r": 1}}),
    )
    .await
    .unwrap();
    let restored = back.next("session-restored").await;
    assert_eq!(restored["rooms"], json!(["r"]));
    assert_eq!(restored["recovered"], json!({"r": true}));
    assert_eq!(restored["missed"]["r"][0]["text"], "y");
    sleep(Duration::from_secs(30)).await;
    let events = watcher.drain().await;
    assert!(
        events
            .iter()
            .all(|(event, _)| event != "user-offline" && event != "user-left-room")
    );
    watcher
        .call("room-message", json!({"roomName": "r", "text": "z"}))
        .await
        .unwrap();
    assert_eq!(back.next("room-message").await["text"], "z");
}

#[tokio::test(start_paused = true)]
async fn after_the_grace_there_is_nothing_to_come_back_to() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    online(&cluster, 0, "u").await.drop_connection().await;
    sleep(Duration::from_secs(8)).await;
    let back = cluster.connect(1, "u").await;
    let error = back.call("reconnect-session", json!({})).await.unwrap_err();
    assert_eq!(
        (error.code, error.message.as_ref()),
        (Code::SessionNotFound, "User not found")
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_with_another_device_stays() {
    let cluster = Cluster::start(2).await;
    let watcher = online(&cluster, 0, "w").await;
    let phone = online(&cluster, 0, "u").await;
    let laptop = online(&cluster, 1, "u").await;
    phone.drop_connection().await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(count(&watcher, "user-offline", "u").await, 0);
    laptop.drop_connection().await;
    assert_eq!(watcher.next("user-offline").await["userId"], "u");
}

#[tokio::test(start_paused = true)]
async fn users_of_a_dead_node_go_offline_once_between_5_and_12_seconds() {
    let cluster = Cluster::start(3).await;
    sleep(Duration::from_secs(20)).await;
    let watcher = online(&cluster, 0, "w").await;
    watcher
        .call("create-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    let lost = online(&cluster, 2, "lost").await;
    lost.call("join-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    let saved = online(&cluster, 2, "saved").await;
    let died = Instant::now();
    cluster.nodes[2].faults.cut();
    sleep(Duration::from_secs(2)).await;
    let back = cluster.connect(1, "saved").await;
    back.call("reconnect-session", json!({})).await.unwrap();
    assert_eq!(watcher.next("user-offline").await["userId"], "lost");
    let took = died.elapsed().as_secs_f64();
    assert!((5.0..=12.0).contains(&took), "{took}");
    sleep(Duration::from_secs(30)).await;
    let events = watcher.drain().await;
    let offline: Vec<&Value> = events
        .iter()
        .filter(|(e, _)| e == "user-offline")
        .map(|(_, data)| data)
        .collect();
    assert_eq!(offline, Vec::<&Value>::new());
    let (_, members) = events
        .iter()
        .rev()
        .find(|(e, _)| e == "room-members")
        .unwrap();
    assert_eq!(members["members"], json!(["w"]));
    drop(saved);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_node_that_wakes_registers_its_users_anew() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    let watcher = online(&cluster, 0, "w").await;
    let frozen = online(&cluster, 1, "f").await;
    cluster.nodes[1].faults.cut();
    assert_eq!(watcher.next("user-offline").await["userId"], "f");
    cluster.nodes[1].faults.mend().await;
    assert_eq!(watcher.next("user-online").await["userId"], "f");
    frozen.drop_connection().await;
    assert_eq!(watcher.next("user-offline").await["userId"], "f");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_that_the_backend_did_not_hear_of_leaves_no_ghost() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    let watcher = online(&cluster, 0, "w").await;
    let user = online(&cluster, 1, "u").await;
    let stays = online(&cluster, 1, "stays").await;
    cluster.nodes[1].faults.cut();
    user.drop_connection().await;
    sleep(Duration::from_secs(1)).await;
    cluster.nodes[1].faults.mend().await;
    assert_eq!(watcher.next("user-offline").await["userId"], "u");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(count(&watcher, "user-offline", "stays").await, 0);
    drop(stays);
}

#[tokio::test(start_paused = true)]
async fn logout_ends_all_devices_at_once() {
    let cluster = Cluster::start(2).await;
    let watcher = online(&cluster, 0, "w").await;
    watcher
        .call("create-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    let phone = online(&cluster, 0, "u").await;
    let laptop = online(&cluster, 1, "u").await;
    laptop
        .call("join-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    let at = Instant::now();
    phone.call("logout", json!({})).await.unwrap();
    assert_eq!(watcher.next("user-left-room").await["userId"], "u");
    sleep(Duration::from_millis(500)).await;
    assert!(phone.disconnected() && laptop.disconnected());
    assert!(at.elapsed() < Duration::from_secs(1));
    phone.drop_connection().await;
    laptop.drop_connection().await;
    sleep(Duration::from_secs(30)).await;
    let again = watcher.call("list-presence", json!({})).await.unwrap();
    assert_eq!(again["total"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_lives_through_the_grace_of_its_last_member_and_not_longer() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    let (a, b) = (
        online(&cluster, 0, "a").await,
        online(&cluster, 1, "b").await,
    );
    let room = json!({"roomName": "r"});
    a.call("create-room", room.clone()).await.unwrap();
    assert_eq!(
        b.call("create-room", room.clone()).await.unwrap_err().code,
        Code::RoomExists
    );
    a.drop_connection().await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        b.call("create-room", room.clone()).await.unwrap_err().code,
        Code::RoomExists
    );
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        b.call("join-room", room.clone()).await.unwrap_err().code,
        Code::RoomNotFound
    );
    b.call("create-room", room.clone()).await.unwrap();
    b.call("leave-room", room.clone()).await.unwrap();
    assert_eq!(
        b.call("join-room", room).await.unwrap_err().code,
        Code::RoomNotFound
    );
}

#[tokio::test(start_paused = true)]
async fn a_join_that_races_a_logout_leaves_no_ghost() {
    let cluster = Cluster::start(2).await;
    let watcher = online(&cluster, 0, "w").await;
    let room = json!({"roomName": "r"});
    watcher.call("create-room", room.clone()).await.unwrap();
    let (phone, laptop) = (
        online(&cluster, 1, "u").await,
        online(&cluster, 1, "u").await,
    );
    let (_, logout) = tokio::join!(
        laptop.call("join-room", room),
        phone.call("logout", json!({}))
    );
    logout.unwrap();
    let late = laptop.call("register", json!({})).await.unwrap_err();
    assert_eq!(late.code, Code::SessionNotFound);
    phone.drop_connection().await;
    laptop.drop_connection().await;
    sleep(Duration::from_secs(30)).await;
    watcher.drain().await;
    let late = online(&cluster, 0, "late").await;
    late.call("join-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    assert_eq!(
        watcher.next("room-members").await["members"],
        json!(["w", "late"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_join_costs_no_life_and_one_without_an_answer_does() {
    let cluster = Cluster::start(1).await;
    let faults = &cluster.nodes[0].faults;
    let (a, b) = (
        online(&cluster, 0, "a").await,
        online(&cluster, 0, "b").await,
    );
    a.call("create-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    let join = || b.call("join-room", json!({"roomName": "r"}));

    faults.refuse(true);
    let refused = join().await.unwrap_err();
    faults.refuse(false);
    sleep(Duration::from_secs(5)).await;
    assert_eq!((refused.code, faults.lives_ended()), (Code::JoinFailed, 0));

    faults.cut();
    let unknown = join().await.unwrap_err();
    faults.mend().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!((unknown.code, faults.lives_ended()), (Code::JoinFailed, 1));
    join().await.unwrap();
}

/// Steps of the old life are answered while, and after, the new one begins.
#[tokio::test(start_paused = true)]
async fn a_life_that_is_over_is_followed_by_one_however_many_steps_find_it_out() {
    let cluster = Cluster::start(1).await;
    let mut clients = Vec::new();
    for n in 0..50 {
        clients.push(online(&cluster, 0, &format!("u{n}")).await);
    }
    sleep(Duration::from_secs(10)).await;
    cluster.store.wipe();
    let began = Instant::now();
    let all = clients.iter().enumerate().map(async |(n, client)| {
        let room = json!({"roomName": format!("r{n}")});
        while began.elapsed() < Duration::from_secs(5) {
            let _ = client.call("create-room", room.clone()).await;
            let _ = client.call("leave-room", room.clone()).await;
            sleep(Duration::from_millis(7)).await;
        }
    });
    join_all(all).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.nodes[0].faults.lives_ended(), 1);
}

#[tokio::test(start_paused = true)]
async fn those_who_share_a_room_hear_of_a_logout_where_only_they_are_told() {
    let features = FeaturesConfig {
        presence_scope: PresenceScope::Rooms,
        ..FeaturesConfig::default()
    };
    let cluster = Cluster::with(2, &features).await;
    let (near, far) = (
        online(&cluster, 0, "near").await,
        online(&cluster, 0, "far").await,
    );
    let room = json!({"roomName": "r"});
    near.call("create-room", room.clone()).await.unwrap();
    let user = cluster.connect(1, "u").await;
    user.call("join-room", room).await.unwrap();
    user.call("register", json!({})).await.unwrap();
    assert_eq!(near.next("user-online").await["userId"], "u");
    user.call("logout", json!({})).await.unwrap();
    assert_eq!(near.next("user-offline").await["userId"], "u");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(count(&near, "user-offline", "u").await, 0, "once");
    assert_eq!(count(&far, "user-offline", "u").await, 0);
}
