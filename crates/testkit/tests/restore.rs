//! Coming back while the backend fails: at whichever step, nothing is lost and nothing comes twice.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};
use starling_kernel::error::{AppError, Code};
use starling_testkit::{Client, Cluster, Faults};
use tokio::time::{sleep, timeout};

const ROOMS: [&str; 2] = ["r", "s"];

/// The owner of all rooms, on the first of two nodes.
async fn owner(cluster: &Cluster) -> Client {
    let owner = cluster.connect(0, "owner").await;
    for room in ROOMS {
        let room = json!({"roomName": room});
        owner.call("create-room", room).await.unwrap();
    }
    owner
}

/// A registered user in all rooms.
async fn member(cluster: &Cluster, node: usize) -> Client {
    let member = cluster.connect(node, "u").await;
    member.call("register", json!({})).await.unwrap();
    for room in ROOMS {
        let room = json!({"roomName": room});
        member.call("join-room", room).await.unwrap();
    }
    member
}

/// The owner, and on the second node a member who has heard one message of each room.
async fn scene() -> (Cluster, Client, Client, Seen) {
    let cluster = Cluster::start(2).await;
    let owner = owner(&cluster).await;
    let (member, mut seen) = (member(&cluster, 1).await, Seen::default());
    say(&owner).await;
    sleep(Duration::from_millis(100)).await;
    seen.take(&member).await;
    (cluster, owner, member, seen)
}

async fn say(owner: &Client) {
    for room in ROOMS {
        let message = json!({"roomName": room, "text": "x"});
        owner.call("room-message", message).await.unwrap();
    }
}

/// What a client was given of each room.
#[derive(Default)]
struct Seen(BTreeMap<String, Vec<u64>>);

impl Seen {
    /// Takes what came; returns the last `session-restored`.
    async fn take(&mut self, client: &Client) -> Option<Value> {
        let mut restored = None;
        for (event, data) in client.drain().await {
            match event.as_str() {
                "room-message" => self.note(data["roomName"].as_str().unwrap(), &data),
                "room-history" => assert_ne!(data["recovered"], false, "nothing was lost"),
                "session-restored" => {
                    for (room, missed) in data["missed"].as_object().unwrap() {
                        let missed = missed.as_array().unwrap();
                        missed.iter().for_each(|message| self.note(room, message));
                    }
                    restored = Some(data);
                }
                _ => {}
            }
        }
        restored
    }

    fn note(&mut self, room: &str, message: &Value) {
        let seen = self.0.entry(room.to_owned()).or_default();
        seen.push(message["seq"].as_u64().unwrap());
    }

    fn last(&self) -> Value {
        let last = |seen: &Vec<u64>| *seen.last().unwrap();
        json!(
            ROOMS
                .map(|room| (room, self.0.get(room).map_or(0, last)))
                .into_iter()
                .collect::<BTreeMap<_, _>>()
        )
    }

    fn is_all(&self, until: u64, when: &str) {
        let all: Vec<u64> = (1..=until).collect();
        for room in ROOMS {
            assert_eq!(self.0.get(room), Some(&all), "{room}, {when}");
        }
    }
}

type Answer = Result<Map<String, Value>, AppError>;

async fn restore(client: &Client, last_seq: Value) -> Answer {
    let asked = json!({"lastSeq": last_seq});
    client.call("reconnect-session", asked).await
}

fn names(of: &Value) -> Vec<&str> {
    let of = of.as_array().into_iter().flatten();
    of.map(|name| name.as_str().unwrap()).collect()
}

/// Comes back to a backend that fails after `steps`, and once more when it works. Whether all was
/// well the first time, and whether it failed for some rooms only.
async fn come_back_twice(fail: fn(&Faults, usize), steps: usize) -> (bool, bool) {
    let (cluster, owner, former, mut seen) = scene().await;
    let faults = &cluster.nodes[1].faults;
    former.drop_connection().await;
    say(&owner).await;

    let back = cluster.connect(1, "u").await;
    fail(faults, steps);
    let first = restore(&back, seen.last()).await;
    faults.refuse(false);
    let restored = seen.take(&back).await;
    let (mut whole, mut partly) = (false, false);
    match &first {
        Err(error) => assert!(error.code.retryable() && restored.is_none(), "{error:?}"),
        Ok(answer) => {
            let restored = restored.unwrap();
            let failed = names(&answer["failed"]);
            assert_eq!(names(&restored["failed"]), failed);
            let mut all = [names(&answer["rooms"]), failed.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, ROOMS, "each is back or failed, after {steps}");
            assert_eq!(
                restored["recovered"].as_object().unwrap().len(),
                ROOMS.len() - failed.len()
            );
            (whole, partly) = (failed.is_empty(), !failed.is_empty());
        }
    }
    say(&owner).await;
    sleep(Duration::from_millis(100)).await;
    seen.take(&back).await;
    let answer = restore(&back, seen.last()).await.unwrap();
    assert_eq!(names(&answer["rooms"]), ROOMS);
    assert_eq!(names(&answer["failed"]), [""; 0]);
    sleep(Duration::from_secs(30)).await;
    say(&owner).await;
    sleep(Duration::from_secs(5)).await;
    seen.take(&back).await;
    seen.is_all(4, &format!("after {steps} steps: {first:?}"));
    (whole, partly)
}

#[tokio::test(start_paused = true)]
async fn a_room_that_a_passing_fault_keeps_one_out_of_is_named_and_a_repeat_misses_nothing() {
    for fail in Faults::FROM_A_STEP_ON {
        let mut some_failed = 0;
        for steps in 0.. {
            let (whole, partly) = come_back_twice(fail, steps).await;
            some_failed += usize::from(partly);
            if whole {
                break;
            }
        }
        assert!(some_failed >= 2, "{some_failed}");
    }
}

/// Restores a connection that is in its rooms already, on a backend that fails after `steps`, while
/// the relay is behind with a message; `true` where all was well. Nothing is repeated.
async fn restore_in_place(fail: fn(&Faults, usize), steps: usize, ask: bool) -> bool {
    let (cluster, owner, client, mut seen) = scene().await;
    let faults = &cluster.nodes[1].faults;
    faults.lag(true);
    say(&owner).await;
    fail(faults, steps);
    let last_seq = if ask { seen.last() } else { json!({}) };
    let answer = restore(&client, last_seq).await;
    faults.refuse(false);
    say(&owner).await;
    faults.lag(false);
    sleep(Duration::from_secs(30)).await;
    say(&owner).await;
    sleep(Duration::from_secs(5)).await;
    seen.take(&client).await;
    seen.is_all(4, &format!("after {steps} steps: {answer:?}"));
    assert_eq!(client.session.rooms().len(), ROOMS.len());
    answer.is_ok_and(|answer| names(&answer["failed"]).is_empty())
}

#[tokio::test(start_paused = true)]
async fn a_restore_of_a_connection_that_is_in_leaves_it_hearing_wherever_it_fails() {
    for fail in Faults::FROM_A_STEP_ON {
        for ask in [true, false] {
            let mut steps = 0;
            while !restore_in_place(fail, steps, ask).await {
                steps += 1;
            }
            // Whose whereabouts, being online, and what was missed in each room it asks about.
            assert_eq!(steps, if ask { 4 } else { 2 });
            assert!(restore_in_place(fail, usize::MAX, ask).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_what_it_is_given_is_answered_when_it_does_or_never() {
    let cluster = Cluster::start(2).await;
    let _owner = owner(&cluster).await;
    let client = member(&cluster, 1).await;
    let dear = [
        (
            "reconnect-session",
            json!({"lastSeq": {"r": 0}}),
            "session-restored",
        ),
        ("join-room", json!({"roomName": "r"}), "room-history"),
    ];
    for (event, data, given) in &dear {
        client.leave_untaken(1_000_000);
        let is_given = async || client.drain().await.iter().any(|(event, _)| event == given);
        is_given().await;
        let taken = async {
            sleep(Duration::from_secs(60)).await;
            assert!(!is_given().await, "{event} is answered");
            client.leave_untaken(0);
        };
        let (answer, ()) = tokio::join!(client.call(event, data.clone()), taken);
        answer.unwrap();
        assert!(is_given().await, "{event}");
    }
    client.leave_untaken(1_000_000);
    client.close().await;
    let codes = [Code::Unavailable, Code::JoinFailed];
    for ((event, data, _), code) in dear.into_iter().zip(codes) {
        let answer = timeout(Duration::from_secs(60), client.call(event, data));
        let error = answer.await.expect("an end of waiting").unwrap_err();
        assert_eq!(error.code, code, "{event}");
    }
}
