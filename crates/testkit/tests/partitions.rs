//! What is one step with one partition and several with more: rooms are noted with their users.
#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]

#[path = "../../backend/tests/support/server.rs"]
#[allow(dead_code, reason = "the backend's tests use the rest")]
mod server;

use std::time::Duration;

use serde_json::json;
use server::Server;
use starling_backend::redis::{self, RedisConfig};
use starling_features::{FeaturesConfig, NAMESPACES};
use starling_kernel::{
    error::Code,
    id::{NodeId, RoomName, UserId},
    ports::PresenceTimes,
    topic::Topic,
};
use starling_testkit::{Node, claims};
use tokio::time::{Instant, sleep};

const PARTITIONS: u16 = 16;

/// Short, but long enough for a busy machine.
const TIMES: PresenceTimes = PresenceTimes {
    grace: Duration::from_millis(700),
    lease: Duration::from_millis(1_500),
};

async fn node(server: &Server, name: &str) -> Node {
    let name = NodeId::parse(name).unwrap();
    let mut config = RedisConfig::new(&server.url());
    (config.times, config.partitions) = (TIMES, Some(PARTITIONS));
    let backend = redis::connect(config, &name, NAMESPACES).await.unwrap();
    let features = FeaturesConfig::default();
    Node::start(backend, name, TIMES, &features).await.unwrap()
}

/// The rooms of `u`, wherever it is kept, hold something that cannot be: noting `r` fails, after it
/// was asked whether it may be.
fn spoil_notes(server: &Server, spoil: bool) {
    for n in 0..PARTITIONS {
        let key = format!("starling:{{p{n}}}:rooms:/\nu");
        match spoil {
            true => server.cli(&["HSET", &key, "r", "x"]),
            false => server.cli(&["DEL", &key]),
        };
    }
}

#[tokio::test]
async fn who_entered_a_room_that_could_not_be_noted_is_no_ghost_after_a_logout() {
    let server = Server::start(&[]);
    let (near, far) = (node(&server, "near").await, node(&server, "far").await);
    let watcher = near.connect(claims("w")).await;
    let room = json!({"roomName": "r"});
    watcher.call("register", json!({})).await.unwrap();
    watcher.call("create-room", room.clone()).await.unwrap();
    let phone = far.connect(claims("u")).await;
    phone.call("register", json!({})).await.unwrap();
    let tablet = far.connect(claims("u")).await;

    spoil_notes(&server, true);
    let error = tablet.call("join-room", room.clone()).await.unwrap_err();
    spoil_notes(&server, false);
    assert_eq!(error.code, Code::JoinFailed);
    assert_eq!(tablet.session.rooms(), []);
    // It was entered all the same: this is what is to be mended.
    assert_eq!(watcher.next("user-joined-room").await["userId"], "u");
    phone.call("logout", json!({})).await.unwrap();

    let in_room = Topic::room(&RoomName::parse("r").unwrap());
    let give_up = Instant::now() + Duration::from_secs(40);
    for place in [in_room, Topic::Namespace("/")] {
        while near.members(&place).await.unwrap() != ["w"] {
            assert!(Instant::now() < give_up, "a ghost in {place}");
            sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(watcher.next("user-left-room").await["userId"], "u");
    let presence = &near.dispatcher.services().backend.presence;
    let user = UserId::parse("u").unwrap();
    let online = Topic::Namespace("/");
    let rooms = async || presence.whereabouts(&online, &user).await.unwrap().rooms;
    while !rooms().await.is_empty() {
        assert!(Instant::now() < give_up, "the room is noted");
        sleep(Duration::from_millis(50)).await;
    }
}
