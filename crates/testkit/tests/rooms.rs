//! Rooms across nodes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use serde_json::json;
use starling_kernel::{error::Code, ports::Heard};
use starling_testkit::{Client, Cluster, claims};
use tokio::time::sleep;

async fn say(client: &Client, n: usize) -> u64 {
    let ack = client
        .call(
            "room-message",
            json!({"roomName": "r", "text": n.to_string()}),
        )
        .await;
    ack.unwrap()["seq"].as_u64().unwrap()
}

/// A room with a member on each node.
async fn room(cluster: &Cluster) -> Vec<Client> {
    let mut clients = Vec::new();
    for n in 0..cluster.nodes.len() {
        let client = cluster.connect(n, &format!("u{n}")).await;
        let event = if n == 0 { "create-room" } else { "join-room" };
        client.call(event, json!({"roomName": "r"})).await.unwrap();
        client.next("joined-room").await;
        clients.push(client);
    }
    clients
}

#[tokio::test(start_paused = true)]
async fn everybody_sees_one_order_without_a_gap() {
    let cluster = Cluster::start(3).await;
    let clients = room(&cluster).await;
    let (a, b, c) = (&clients[0], &clients[1], &clients[2]);
    let talk = async |client| {
        for n in 0..100 {
            say(client, n).await;
        }
    };
    tokio::join!(talk(a), talk(b), talk(c));
    let mut orders = Vec::new();
    for client in &clients {
        let mut order = Vec::new();
        for seq in 1..=300 {
            let message = client.next("room-message").await;
            assert_eq!(message["seq"], seq);
            order.push(message["id"].clone());
        }
        orders.push(order);
    }
    assert!(orders.iter().all(|order| *order == orders[0]));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_missed_messages_reads_them_from_the_log() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    say(&clients[0], 0).await;
    clients[1].next("room-message").await;
    cluster.nodes[1].faults.lose(5);
    for n in 1..=10 {
        say(&clients[0], n).await;
    }
    for seq in 2..=11 {
        assert_eq!(clients[1].next("room-message").await["seq"], seq);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_messages_before_a_silence_are_found_too() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    cluster.nodes[1].faults.lose(3);
    for n in 0..3 {
        say(&clients[0], n).await;
    }
    cluster.nodes[1].faults.mend().await;
    for seq in 1..=3 {
        assert_eq!(clients[1].next("room-message").await["seq"], seq);
    }
}

#[tokio::test(start_paused = true)]
async fn who_joins_amid_a_conversation_gets_each_message_once() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    let talk = async {
        for n in 0..150 {
            say(&clients[0], n).await;
            tokio::task::yield_now().await;
        }
    };
    let join = async {
        let late = cluster.connect(1, "late").await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        late.call("join-room", json!({"roomName": "r"}))
            .await
            .unwrap();
        late
    };
    let ((), late) = tokio::join!(talk, join);
    let history = late.next("room-history").await;
    let history = history["messages"].as_array().unwrap();
    let last = history.last().map_or(0, |m| m["seq"].as_u64().unwrap());
    assert!(last < 150, "the join came too late to tell anything");
    for seq in last + 1..=150 {
        assert_eq!(late.next("room-message").await["seq"], seq);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_acknowledged_with_the_first_ones_place() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    let message = json!({"roomName": "r", "text": "x", "clientId": "c1"});
    let first = clients[0]
        .call("room-message", message.clone())
        .await
        .unwrap();
    let second = clients[0]
        .call("room-message", message.clone())
        .await
        .unwrap();
    assert_eq!(
        (&first["id"], &first["seq"]),
        (&second["id"], &second["seq"])
    );
    let others = clients[1].call("room-message", message).await.unwrap();
    assert_ne!(first["id"], others["id"]);
    assert_eq!(clients[1].next("room-message").await["seq"], 1);
    assert_eq!(clients[1].next("room-message").await["seq"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_and_the_others_are_not() {
    let cluster = Cluster::start(1).await;
    let clients = room(&cluster).await;
    let slow = cluster.connect(0, "slow").await;
    slow.call("join-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    slow.take_only(0);
    for n in 0..3 {
        say(&clients[0], n).await;
    }
    for seq in 1..=3 {
        assert_eq!(clients[0].next("room-message").await["seq"], seq);
    }
    assert!(slow.killed() && !clients[0].killed());
}

#[tokio::test(start_paused = true)]
async fn with_the_backend_away_stored_events_fail_and_live_ones_stay_on_the_node() {
    let cluster = Cluster::start(1).await;
    let clients = room(&cluster).await;
    let near = cluster.connect(0, "near").await;
    near.call("join-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    cluster.nodes[0].faults.cut();
    let stored = clients[0]
        .call("room-message", json!({"roomName": "r", "text": "x"}))
        .await;
    let error = stored.unwrap_err();
    assert_eq!(
        (error.code, error.code.retryable()),
        (Code::Unavailable, true)
    );
    clients[0]
        .call("typing", json!({"roomName": "r"}))
        .await
        .unwrap();
    assert_eq!(near.next("user-typing").await["userId"], "u0");
}

#[tokio::test(start_paused = true)]
async fn typing_stops_by_itself() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    clients[0]
        .call("typing", json!({"roomName": "r"}))
        .await
        .unwrap();
    assert_eq!(clients[1].next("user-typing").await["username"], "U0");
    assert_eq!(clients[1].next("user-stop-typing").await["userId"], "u0");
    clients[0]
        .call("stop-typing", json!({"roomName": "r"}))
        .await
        .unwrap();
    clients[0]
        .call("room-message", json!({"roomName": "r", "text": "x"}))
        .await
        .unwrap();
    clients[1].next("room-message").await;
    assert!(
        clients[1]
            .drain()
            .await
            .iter()
            .all(|(event, _)| event != "user-stop-typing")
    );
}

#[tokio::test(start_paused = true)]
async fn many_changes_make_few_lists() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    clients[0].drain().await;
    for n in 0..50 {
        let client = cluster.connect(1, &format!("x{n}")).await;
        client
            .call("join-room", json!({"roomName": "r"}))
            .await
            .unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let events = clients[0].drain().await;
    let lists: Vec<_> = events
        .iter()
        .filter(|(event, _)| event == "room-members")
        .collect();
    assert!(lists.len() <= 3, "{}", lists.len());
    assert_eq!(lists.last().unwrap().1["total"], 52);
}

#[tokio::test(start_paused = true)]
async fn a_wiped_backend_is_told_and_not_hidden() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    say(&clients[0], 0).await;
    for client in &clients {
        client.call("register", json!({})).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    cluster.store.wipe();
    for node in &cluster.nodes {
        node.faults.mend().await;
    }
    let history = clients[1].next("room-history").await;
    assert_eq!(history["recovered"], false);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let seq = say(&clients[0], 1).await;
    assert_eq!(clients[1].next("room-message").await["seq"], seq);
    let list = clients[1].call("list-presence", json!({})).await.unwrap();
    assert_eq!(list["total"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_guest_is_the_same_on_every_node_after_a_wipe() {
    let cluster = Cluster::start(2).await;
    let register = async |node: usize| {
        let mut guest = claims("somebody");
        guest.guest = true;
        let guest = cluster.nodes[node].connect(guest).await;
        let key = json!({"userId": "a key", "username": "Gus"});
        let registered = guest.call("register", key).await.unwrap();
        registered["userId"].clone()
    };
    let before = register(0).await;
    cluster.store.wipe();
    sleep(Duration::from_secs(5)).await;
    // This node has never asked for the secret.
    assert_eq!(register(1).await, before);
    assert_eq!(register(0).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_session_outlives_a_wiped_backend() {
    let cluster = Cluster::start(2).await;
    let clients = room(&cluster).await;
    for client in &clients {
        client.call("register", json!({})).await.unwrap();
    }
    say(&clients[0], 0).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    cluster.store.wipe();
    // Nobody says anything: the nodes find out by their beats.
    assert_eq!(clients[1].next("room-history").await["recovered"], false);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let mut clients = clients.into_iter();
    clients.next().unwrap().drop_connection().await;
    let back = cluster.connect(1, "u0").await;
    let last = json!({"lastSeq": {"r": 1}});
    back.call("reconnect-session", last).await.unwrap();
    let restored = back.next("session-restored").await;
    assert_eq!(restored["rooms"], json!(["r"]));
    assert_eq!(restored["recovered"], json!({"r": false}));
}

#[tokio::test(start_paused = true)]
async fn a_node_knows_whether_it_hears_and_that_it_never_will_again() {
    let cluster = Cluster::start(1).await;
    let node = &cluster.nodes[0];
    let hub = &node.dispatcher.services().hub;
    for up in [true, false, true] {
        node.faults.tell(Heard::Up(up)).await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(hub.hears(), up);
    }
    node.faults.tell(Heard::Ended).await;
    sleep(Duration::from_millis(1)).await;
    assert!(node.listening.is_finished() && !hub.hears());
}

#[tokio::test(start_paused = true)]
async fn a_users_rate_holds_over_all_connections() {
    let cluster = Cluster::start(2).await;
    let mut clients = Vec::new();
    for n in 0..10 {
        clients.push(cluster.connect(n % 2, "u").await);
    }
    let mut passed = 0;
    for _ in 0..800 {
        for client in &clients {
            let error = client.call("no-such-event", json!({})).await.unwrap_err();
            passed += usize::from(error.code != Code::RateLimited);
        }
        sleep(Duration::from_millis(10)).await;
    }
    // Twice the rate at once, eight seconds of it, and what each connection is asked for afterwards.
    let most = 2 * 400 + 8 * 400 + 10 * 49;
    assert!(passed <= most, "{passed} of at most {most}");
}
