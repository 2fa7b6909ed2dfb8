//! A room dies and another of its name is made while a node does not know of it yet: whoever was in
//! the one neither hears the other nor is heard in it, until it has been let in.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use serde_json::{Value, json};
use starling_kernel::{
    error::Code,
    id::{RoomName, UserId},
};
use starling_testkit::{Client, Cluster};
use tokio::time::sleep;

async fn call(client: &Client, event: &str, data: Value) {
    client.call(event, data).await.unwrap();
}

async fn create(client: &Client, private: bool) {
    let room = json!({"roomName": "r", "private": private});
    call(client, "create-room", room).await;
}

/// All that can be said to a room; returns what became of the message.
async fn speak(client: &Client, text: &str) -> Result<(), Code> {
    let said = json!({"roomName": "r", "text": text});
    let said = client.call("room-message", said).await;
    let event = json!({"roomName": "r", "event": "drawn", "data": text});
    let _ = client.call("room-event", event).await;
    let _ = client.call("typing", json!({"roomName": "r"})).await;
    said.map(drop).map_err(|error| error.code)
}

/// What the client was sent that has one of the words in it.
async fn traces(client: &Client, words: &[&str]) -> Vec<(String, Value)> {
    let mut all = client.drain().await;
    let says = |data: &Value| words.iter().any(|word| data.to_string().contains(word));
    all.retain(|(_, data)| says(data));
    all
}

/// "intruder" is in a private room on the second node, and nobody else.
async fn scene() -> (Cluster, Client) {
    let cluster = Cluster::start(2).await;
    // A new store removes nobody at first.
    sleep(Duration::from_secs(20)).await;
    let intruder = cluster.connect(1, "intruder").await;
    create(&intruder, true).await;
    sleep(Duration::from_millis(200)).await;
    (cluster, intruder)
}

/// Both speak in what each thinks is its room; neither hears the other.
async fn they_are_apart(stranger: &Client, intruder: &Client) {
    speak(stranger, "secret").await.unwrap();
    assert!(speak(intruder, "whisper").await.is_err());
    sleep(Duration::from_secs(3)).await;
    assert_eq!(traces(stranger, &["intruder", "whisper"]).await, []);
    assert_eq!(traces(intruder, &["stranger", "secret"]).await, []);
}

async fn is_put_out(intruder: &Client) {
    let asked = intruder.call("room-message", json!({"roomName": "r", "text": "?"}));
    assert_eq!(asked.await.unwrap_err().code, Code::NotAMember);
    assert!(intruder.session.rooms().is_empty());
}

/// Somebody else makes a private room of that name, and speaks there.
async fn stranger(cluster: &Cluster) -> Client {
    let stranger = cluster.connect(0, "stranger").await;
    create(&stranger, true).await;
    speak(&stranger, "secret").await.unwrap();
    stranger
}

/// The node that was cut off finds the stranger's room in the place of its own.
async fn it_comes_back_to_a_strangers_room(cluster: &Cluster, intruder: &Client) {
    let stranger = stranger(cluster).await;
    cluster.nodes[1].faults.mend().await;
    they_are_apart(&stranger, intruder).await;
    is_put_out(intruder).await;
}

/// The same, evicted while its node is late, and another has made a private room of that name.
async fn evicted() -> (Cluster, Client, Client) {
    let (cluster, intruder) = scene().await;
    cluster.nodes[1].faults.lag(true);
    let membership = &cluster.nodes[0].dispatcher.services().membership;
    let (room, user) = (RoomName::trusted("r"), UserId::trusted("intruder"));
    membership.evict(&room, &user).await.unwrap();
    let stranger = stranger(&cluster).await;
    (cluster, intruder, stranger)
}

#[tokio::test(start_paused = true)]
async fn one_who_is_about_to_be_logged_out_neither_hears_the_next_room_nor_is_heard() {
    let (cluster, intruder, stranger) = evicted().await;
    assert_eq!(speak(&intruder, "whisper").await, Err(Code::NotAMember));
    // What was on its way is heard in order, and the order to go among it.
    cluster.nodes[1].faults.lag(false);
    they_are_apart(&stranger, &intruder).await;
    is_put_out(&intruder).await;
}

#[tokio::test(start_paused = true)]
async fn nor_does_one_on_a_node_that_was_away_too_long() {
    let (cluster, intruder) = scene().await;
    cluster.nodes[1].faults.cut();
    sleep(Duration::from_secs(30)).await;
    it_comes_back_to_a_strangers_room(&cluster, &intruder).await;
}

#[tokio::test(start_paused = true)]
async fn nor_does_one_whose_node_is_late_after_everything_was_lost() {
    let (cluster, intruder) = scene().await;
    cluster.nodes[1].faults.cut();
    cluster.store.wipe();
    sleep(Duration::from_secs(2)).await;
    it_comes_back_to_a_strangers_room(&cluster, &intruder).await;
}

#[tokio::test(start_paused = true)]
async fn one_who_joins_again_meanwhile_is_not_shown_what_was_said_in_the_next_room() {
    let (_cluster, intruder, _stranger) = evicted().await;
    let again = intruder.call("join-room", json!({"roomName": "r"})).await;
    assert!(again.is_err());
    let back = json!({"lastSeq": {"r": 0}});
    let _ = intruder.call("reconnect-session", back).await;
    assert_eq!(traces(&intruder, &["stranger", "secret"]).await, []);
}

#[tokio::test(start_paused = true)]
async fn where_the_next_room_is_open_to_all_it_is_begun_anew() {
    let (cluster, member) = scene().await;
    call(&member, "leave-room", json!({"roomName": "r"})).await;
    create(&member, false).await;
    speak(&member, "before").await.unwrap();
    let late = &cluster.nodes[1].faults;
    late.cut();
    cluster.store.wipe();
    sleep(Duration::from_secs(2)).await;
    let other = cluster.connect(0, "other").await;
    create(&other, false).await;
    speak(&other, "first").await.unwrap();
    member.drain().await;
    late.mend().await;
    sleep(Duration::from_secs(3)).await;
    speak(&other, "second").await.unwrap();
    speak(&member, "third").await.unwrap();
    let texts = |data: &Value| -> Vec<String> {
        let all = data["messages"].as_array().unwrap().iter();
        all.map(|said| said["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut heard = Vec::new();
    for (event, data) in member.drain().await {
        match event.as_str() {
            "room-history" => {
                assert_eq!(data["recovered"], false);
                heard.extend(texts(&data));
            }
            "room-message" => heard.push(data["text"].as_str().unwrap().to_owned()),
            _ => {}
        }
    }
    assert_eq!(heard, ["first", "second", "third"]);
    assert!(!traces(&other, &["third"]).await.is_empty());
}
