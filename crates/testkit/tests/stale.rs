//! A node that was frozen or cut off may hold members of rooms that are somebody else's by now.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use starling_testkit::{Client, Cluster, claims};
use tokio::time::{Duration, sleep};

/// What came of the room.
async fn heard(client: &Client) -> Vec<(String, Value)> {
    let all = client.drain().await.into_iter();
    all.filter(|(_, data)| data["roomName"] == "r").collect()
}

async fn call(client: &Client, event: &str, data: Value) {
    client.call(event, data).await.unwrap();
}

/// A member of a public room on a node that is cut off until the room is a private one of somebody else.
/// What the relay brought meanwhile is kept, as it is in the buffers of a frozen process.
async fn overtaken() -> (Cluster, Client, Client) {
    let cluster = Cluster::start(2).await;
    let (there, stale) = (&cluster.nodes[0], &cluster.nodes[1]);
    let ben = stale.connect(claims("ben")).await;
    call(&ben, "create-room", json!({"roomName": "r"})).await;
    stale.faults.lag(true);
    stale.faults.cut();
    sleep(Duration::from_secs(60)).await;
    let ann = there.connect(claims("ann")).await;
    call(
        &ann,
        "create-room",
        json!({"roomName": "r", "private": true}),
    )
    .await;
    tell(&ann).await;
    heard(&ann).await;
    heard(&ben).await;
    (cluster, ann, ben)
}

/// A stored message, a live one, and one of which the latest counts.
async fn tell(client: &Client) {
    let _ = client
        .call("room-message", json!({"roomName": "r", "text": "m"}))
        .await;
    let _ = client
        .call("room-event", json!({"roomName": "r", "event": "e"}))
        .await;
    let _ = client
        .call("typing", json!({"roomName": "r", "typing": true}))
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_said_in_a_room_that_took_the_name_of_theirs_is_not_for_them() {
    let (cluster, ann, ben) = overtaken().await;
    let stale = &cluster.nodes[1].faults;
    stale.mend().await;
    stale.lag(false);
    tell(&ann).await;
    sleep(Duration::from_secs(60)).await;
    tell(&ann).await;
    let all = heard(&ben).await;
    assert!(
        all.iter().all(|(event, _)| event == "user-left-room"),
        "{all:?}"
    );
    assert_eq!(all.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nor_is_what_they_say_heard_there() {
    let (cluster, ann, ben) = overtaken().await;
    let stale = &cluster.nodes[1].faults;
    for _ in 0..3 {
        tell(&ben).await;
    }
    stale.mend().await;
    stale.lag(false);
    for _ in 0..50 {
        tell(&ben).await;
        sleep(Duration::from_millis(20)).await;
    }
    let all = heard(&ann).await;
    assert!(all.is_empty(), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn nor_is_the_log_of_a_room_that_a_failover_brought_back() {
    let cluster = Cluster::start(2).await;
    let (ann, ben) = (
        cluster.connect(0, "ann").await,
        cluster.connect(1, "ben").await,
    );
    let room = json!({"roomName": "r", "private": true});
    call(&ann, "create-room", room).await;
    tell(&ann).await;
    let kept = cluster.store.snapshot();
    call(&ann, "leave-room", json!({"roomName": "r"})).await;
    call(&ben, "create-room", json!({"roomName": "r"})).await;
    sleep(Duration::from_secs(1)).await;
    heard(&ben).await;
    cluster.store.rewind(&kept);
    for node in &cluster.nodes {
        node.faults.mend().await;
    }
    sleep(Duration::from_secs(60)).await;
    let all = heard(&ben).await;
    assert!(
        all.iter().all(|(event, _)| event == "user-left-room"),
        "{all:?}"
    );
}
