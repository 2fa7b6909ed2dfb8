//! A logout while the backend fails: at whichever step, a repeat leaves nobody behind.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use serde_json::json;
use starling_kernel::{
    id::{RoomName, UserId},
    topic::Topic,
};
use starling_testkit::{Client, Cluster, Faults};
use tokio::time::sleep;

const ROOMS: [&str; 3] = ["r", "s", "t"];

async fn call(client: &Client, event: &str, room: &str) {
    let room = json!({"roomName": room});
    client.call(event, room).await.unwrap();
}

/// That nobody but `w` is in any view of who is where.
async fn only_w_is_left(cluster: &Cluster, watcher: &Client, when: &str) {
    let members = async |place: &Topic| cluster.nodes[0].members(place).await.unwrap();
    for room in ROOMS {
        let topic = Topic::room(&RoomName::parse(room).unwrap());
        assert_eq!(members(&topic).await, ["w"], "{room}, {when}");
        for (node, hearing) in cluster.nodes.iter().zip([1, 0]) {
            let hub = &node.dispatcher.services().hub;
            assert_eq!(hub.listeners(&topic).len(), hearing, "{room}, {when}");
        }
        call(watcher, "join-room", room).await;
        let list = watcher.next("room-members").await;
        assert_eq!(list["members"], json!(["w"]), "{room}, {when}");
    }
    let online = Topic::Namespace("/");
    assert_eq!(members(&online).await, ["w"], "{when}");
    let presence = &cluster.nodes[0].dispatcher.services().backend.presence;
    let user = UserId::parse("u").unwrap();
    let rooms = presence.whereabouts(&online, &user).await.unwrap().rooms;
    assert_eq!(rooms, [], "{when}");
}

/// Logs out where the backend fails after `steps`, and again where it works; `true` where the first
/// time worked.
async fn log_out_twice(fail: fn(&Faults, usize), steps: usize) -> bool {
    let cluster = Cluster::start(2).await;
    // A new store removes nobody at first.
    sleep(Duration::from_secs(20)).await;
    let faults = &cluster.nodes[1].faults;
    let watcher = cluster.connect(0, "w").await;
    watcher.call("register", json!({})).await.unwrap();
    let phone = cluster.connect(1, "u").await;
    phone.call("register", json!({})).await.unwrap();
    // Two that never registered, on both nodes.
    let (tablet, laptop) = (cluster.connect(1, "u").await, cluster.connect(0, "u").await);
    for room in ROOMS {
        call(&watcher, "create-room", room).await;
        for client in [&phone, &laptop] {
            call(client, "join-room", room).await;
        }
    }
    call(&tablet, "join-room", "t").await;

    fail(faults, steps);
    let first = phone.call("logout", json!({})).await;
    faults.refuse(false);
    let when = format!("after {steps} steps: {first:?}");
    if let Err(error) = &first {
        assert!(error.code.retryable(), "{when}");
    }
    // Where nothing but its answer was missing, the connection is ended already.
    if first.is_err() && !phone.session.ended() {
        let again = phone.call("logout", json!({})).await;
        assert!(again.is_ok() || phone.session.ended(), "{again:?}, {when}");
    }
    sleep(Duration::from_secs(1)).await;
    for client in [&phone, &tablet, &laptop] {
        assert!(client.disconnected(), "{when}");
    }
    // Before they notice, and without waiting for any grace.
    only_w_is_left(&cluster, &watcher, &when).await;
    for client in [phone, tablet, laptop] {
        client.drop_connection().await;
    }
    sleep(Duration::from_secs(30)).await;
    only_w_is_left(&cluster, &watcher, &when).await;
    first.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_logout_that_fails_at_any_step_and_is_repeated_leaves_no_ghost() {
    for fail in Faults::FROM_A_STEP_ON {
        let mut steps = 0;
        while !log_out_twice(fail, steps).await {
            steps += 1;
        }
        // Where the user is, out of each room, and out of who is online, at least.
        assert!(steps >= 2 + ROOMS.len(), "{steps}");
    }
}
