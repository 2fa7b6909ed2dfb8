//! What a connection asks for while it is given what it missed in parts: nothing comes twice or out of
//! order, whichever part it falls between.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use serde_json::{Map, Value, json, value::RawValue};
use starling_kernel::{envelope::Envelope, id::RoomName, topic::Topic};
use starling_testkit::{Client, Cluster};
use tokio::{
    task::yield_now,
    time::{Duration, sleep},
};

/// What was said while the user was away: some parts beyond what an answer carries.
const MISSED: u64 = 400;
/// How often others get their turn before a client asks again. More than a catching up takes.
const TURNS: usize = 60;

/// A room with a long history, kept alive on both nodes. `u` is a member on the first.
struct Scene {
    cluster: Cluster,
    /// Its highest `seq`.
    last: u64,
    _others: [Client; 2],
}

impl Scene {
    async fn begin() -> Self {
        let cluster = Cluster::start(2).await;
        let member = cluster.connect(0, "u").await;
        let witness = cluster.connect(1, "w").await;
        call(&member, "create-room", room()).await;
        call(&member, "register", json!({})).await;
        call(&witness, "join-room", room()).await;
        let mut scene = Self {
            cluster,
            last: 0,
            _others: [member, witness],
        };
        for _ in 0..=MISSED {
            scene.say().await;
        }
        scene
    }

    async fn say(&mut self) {
        let text = "x".repeat(4_096);
        let said = self.cluster.nodes[0].say(&topic(), &text).await;
        self.last = said.unwrap().seq;
    }

    /// The user on another connection, which has begun to catch up from the first message on.
    async fn catch_up(&self, turns: usize) -> Client {
        let client = self.cluster.connect(1, "u").await;
        restore(&client, 1).await;
        wait(turns).await;
        client
    }

    /// What came in all, once everybody is up to date and has heard one more message.
    async fn given(&mut self, client: &Client) -> Vec<Given> {
        sleep(Duration::from_secs(5)).await;
        self.say().await;
        sleep(Duration::from_secs(5)).await;
        client.drain().await.into_iter().filter_map(given).collect()
    }
}

/// Messages of the room that came together.
#[derive(Debug)]
enum Given {
    /// From where the client said it is.
    Restored(Vec<u64>),
    Part(Vec<u64>),
    History(Vec<u64>),
}

fn given((event, data): (String, Value)) -> Option<Given> {
    let seqs = |messages: &Value| {
        let all = messages.as_array().unwrap().iter();
        all.map(|message| message["seq"].as_u64().unwrap())
            .collect()
    };
    Some(match event.as_str() {
        "session-restored" => {
            assert_eq!(data["recovered"]["r"], true);
            Given::Restored(seqs(&data["missed"]["r"]))
        }
        "missed-messages" => Given::Part(seqs(&data["messages"])),
        "room-message" => Given::Part(vec![data["seq"].as_u64().unwrap()]),
        "room-history" => Given::History(seqs(&data["messages"])),
        _ => return None,
    })
}

/// Asserts that `all` is what comes after `at` up to `last`, in order and, but for what the client asked
/// for again, once; and that a history is sent in its place only: it ends where the client is. Returns
/// how many histories there were.
fn assert_in_order(all: &[Given], mut at: u64, last: u64) -> usize {
    let mut histories = 0;
    for given in all {
        let seqs = match given {
            Given::Restored(seqs) => {
                at = seqs.first().map_or(at, |first| at.min(first - 1));
                seqs
            }
            Given::Part(seqs) => seqs,
            Given::History(seqs) => {
                histories += 1;
                assert_eq!(seqs.last(), Some(&at), "{all:?}");
                continue;
            }
        };
        for seq in seqs {
            assert_eq!(*seq, at + 1, "{all:?}");
            at = *seq;
        }
    }
    assert_eq!(at, last, "{all:?}");
    histories
}

fn topic() -> Topic {
    Topic::room(&RoomName::parse("r").unwrap())
}

fn room() -> Value {
    json!({"roomName": "r"})
}

async fn call(client: &Client, event: &str, data: Value) -> Map<String, Value> {
    client.call(event, data).await.unwrap()
}

async fn restore(client: &Client, last_seq: u64) {
    let answer = call(
        client,
        "reconnect-session",
        json!({"lastSeq": {"r": last_seq}}),
    )
    .await;
    assert_eq!(answer["rooms"], json!(["r"]));
}

async fn wait(turns: usize) {
    for _ in 0..turns {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn joining_meanwhile_sends_no_history_before_all_of_it_is_through() {
    let mut scene = Scene::begin().await;
    let (mut with, mut without) = (0, 0);
    for turns in 0..TURNS {
        let client = scene.catch_up(turns).await;
        call(&client, "join-room", room()).await;
        let all = client.drain().await;
        let joined = all.iter().filter(|(event, _)| event == "joined-room");
        assert_eq!(joined.count(), 1, "after {turns} turns");
        let mut all: Vec<_> = all.into_iter().filter_map(given).collect();
        all.extend(scene.given(&client).await);
        match assert_in_order(&all, 1, scene.last) {
            0 => without += 1,
            _ => with += 1,
        }
        client.drop_connection().await;
    }
    assert!(without > 10 && with > 10, "{without}, {with}");
}

#[tokio::test(start_paused = true)]
async fn restoring_meanwhile_goes_on_from_where_it_is_or_begins_again() {
    let mut scene = Scene::begin().await;
    let (mut on, mut again) = (0, 0);
    for turns in 0..TURNS {
        let client = scene.catch_up(turns).await;
        restore(&client, 1).await;
        let all = scene.given(&client).await;
        assert_eq!(assert_in_order(&all, 1, scene.last), 0);
        match all.iter().filter(|given| is_restored(given)).count() {
            1 => on += 1,
            _ => again += 1,
        }
        client.drop_connection().await;
    }
    assert!(on > 10 && again > 10, "{on}, {again}");
}

fn is_restored(given: &Given) -> bool {
    matches!(given, Given::Restored(seqs) if !seqs.is_empty())
}

#[tokio::test(start_paused = true)]
async fn leaving_meanwhile_ends_it() {
    let mut scene = Scene::begin().await;
    for turns in 0..TURNS {
        let client = scene.catch_up(turns).await;
        call(&client, "leave-room", room()).await;
        client.drain().await;
        call(&client, "join-room", room()).await;
        let head = scene.last;
        let all = scene.given(&client).await;
        assert_eq!(assert_in_order(&all, head, scene.last), 1, "{turns}");
        assert!(matches!(all[0], Given::History(_)), "{turns}: {all:?}");
        client.drop_connection().await;
    }
}

/// The log begins anew, and what it brings is not taken over here yet: there is nothing to give.
#[tokio::test(start_paused = true)]
async fn who_has_all_there_is_before_the_node_has_waits_for_it() {
    let scene = Scene::begin().await;
    let store = &scene.cluster.store;
    let client = scene.catch_up(0).await;
    scene.cluster.nodes[1].faults.lag(true);
    store.wipe();
    sleep(Duration::from_secs(5)).await;
    let all = client.drain().await;
    let mut parts = all.iter().filter(|(event, _)| event == "missed-messages");
    let empty = |data: &Value| data["messages"] == json!([]) && data["more"] == true;
    assert!(parts.all(|(_, data)| !empty(data)), "{all:?}");
}

/// The same where the log is slower than everything else: a part that was read for a connection's
/// former stay reaches nobody.
#[tokio::test(start_paused = true)]
async fn a_part_that_is_late_is_not_for_whoever_has_come_again() {
    let mut scene = Scene::begin().await;
    let services = scene.cluster.nodes[1].dispatcher.services().clone();
    let (hub, log, topic) = (&services.hub, &services.backend.log, topic());
    let begin = log.latest(&topic, 1).await.unwrap().place(1);
    for turns in 0..20 {
        for behind in [false, true] {
            let client = scene.cluster.connect(1, "u").await;
            let room = json!({"roomName": "r"});
            client.call("join-room", room).await.unwrap();
            hub.leave(&client.session, &topic);
            let admit = || hub.admit(&client.session, &topic);
            let first = admit().await.unwrap();
            first.open_behind(begin.clone(), Arc::new(part));
            wait(turns).await;
            hub.leave(&client.session, &topic);
            client.drain().await;
            let second = admit().await.unwrap();
            wait(10).await;
            let early: Vec<_> = client.drain().await.into_iter().filter_map(given).collect();
            assert!(early.is_empty(), "after {turns} turns: {early:?}");
            let mut at = 1;
            if behind {
                second.open_behind(begin.clone(), Arc::new(part));
            } else {
                let page = log.latest(&topic, 1).await.unwrap();
                at = page.end().seq;
                second.open_after(page.end());
            }
            let all = scene.given(&client).await;
            assert_in_order(&all, at, scene.last);
            hub.leave(&client.session, &topic);
        }
    }
}

fn part(messages: &[Box<RawValue>], more: bool) -> Envelope {
    let part = json!({"roomName": "r", "messages": messages, "more": more});
    Envelope::new("missed-messages", &part)
}
