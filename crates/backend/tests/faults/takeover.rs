//! Another Redis stands where one was: a replica that was behind, or the same data after a restart.

use std::time::Duration;

use starling_backend::redis::RedisConfig;
use starling_kernel::{
    envelope::Position,
    ports::{Entry, Heard, Held, PortError},
    topic::Topic,
};
use tokio::time::{Instant, sleep};

use crate::support::{
    ground::{CHAT, Ground, Node, ROOT, draft, room},
    proxy::Proxy,
    server::Server,
};

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < give_up, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Until the node has found the other Redis, on which it has not begun.
async fn is_fenced(node: &Node) {
    until("it is not fenced", async || {
        node.backend.log.append(&CHAT, &draft("?"), None).await == Err(PortError::Fenced)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_behind_gives_no_place_twice() {
    let mut master = Server::start(&[]);
    let port = master.port.to_string();
    let of_master = ["--replicaof", "127.0.0.1", &port];
    let at_once = ["--repl-diskless-sync-delay", "0"];
    let replica = Server::start(&[&of_master[..], &at_once].concat());
    let proxy = Proxy::to(master.port).await;
    let url = format!("redis://127.0.0.1:{}", proxy.port);
    let ground = Ground::configured(RedisConfig::new(&url));
    let (mut a, mut b) = (ground.node("a").await, ground.node("b").await);
    a.create(&room("r"), "ann", "c1").await;
    let topics = [room("r"), CHAT];
    let mut given: Vec<(Topic, Position)> = Vec::new();
    let mut known = [Vec::new(), Vec::new()];
    for topic in &topics {
        given.push((topic.clone(), a.say(topic, "kept").await));
    }
    until("the replica gets nothing", async || {
        replica.cli(&["HGET", "starling:{p0}:head:/chat", "seq"]) == "1"
    })
    .await;
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
    for topic in &topics {
        for _ in 0..3 {
            given.push((topic.clone(), a.say(topic, "lost").await));
        }
        known[0].push((topic.clone(), a.say(topic, "lost, known to one").await));
        known[1].push((
            topic.clone(),
            b.say(topic, "lost, known to the other").await,
        ));
    }
    given.extend(known.iter().flatten().cloned());

    proxy.turn_to(replica.port);
    master.kill();
    is_fenced(&a).await;
    is_fenced(&b).await;
    let page = a.backend.log.latest(&CHAT, 9).await.unwrap();
    assert_eq!((page.head, page.unsettled), (1, true));
    a.begin_anew(&known[0]).await;
    for topic in &topics {
        let said = a.append(topic, "?", None).await;
        assert!(matches!(said, Err(PortError::NotSent(_))), "{said:?}");
        let page = a.backend.log.latest(topic, 9).await.unwrap();
        assert!(page.unsettled);
    }
    b.begin_anew(&known[1]).await;
    for (topic, last) in &known[1] {
        for node in [&a, &b, &a] {
            let at = node.say(topic, "after").await;
            assert!(at.seq > last.seq, "{topic}: {at:?} after {last:?}");
            assert!(!given.contains(&(topic.clone(), at.clone())));
            given.push((topic.clone(), at));
        }
        let page = b.backend.log.after(topic, 1, 9).await.unwrap();
        assert!(!page.unsettled && page.entries.len() == 3);
        assert!(!page.recovers(2), "what was lost is told");
        assert!(page.recovers(last.seq), "who has all of it has it all");
    }
}

/// Until `listener` hears what `sender` says.
async fn is_heard(sender: &Node, listener: &mut Node) {
    until("it does not hear again", async || {
        let said = sender.say(&CHAT, "?").await;
        sleep(Duration::from_millis(100)).await;
        let mut heard = std::iter::from_fn(|| listener.heard.try_recv().ok());
        heard.any(|heard| match heard {
            Heard::Parcel { position, .. } => position.as_ref() == Some(&said),
            _ => false,
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_with_its_data_goes_on() {
    let args = [
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ];
    let mut server = Server::start(&args);
    let ground = Ground::configured(RedisConfig::new(&server.url()));
    let (mut a, mut b) = (ground.node("a").await, ground.node("b").await);
    let private = Entry::Create { private: true };
    let in_room = a.enter(&room("r"), "ann", "c1", private).await.unwrap();
    let online = a.register(&ROOT, "ann", "c1").await;
    let topics = [room("r"), CHAT];
    let mut known = Vec::new();
    for topic in &topics {
        known.push((topic.clone(), a.say(topic, "before").await));
        b.subscribe(topic).await;
    }
    let presence = Topic::Presence(0);
    let told = b.backend.log.latest(&presence, 0).await.unwrap().end();
    known.push((presence.clone(), told.clone()));

    tokio::task::block_in_place(|| server.restart_with(&args));
    is_fenced(&a).await;
    is_fenced(&b).await;
    let formers = [a.life.clone(), b.life.clone()];
    a.begin_anew(&known).await;
    b.begin_anew(&known).await;
    for (place, entered) in [(&topics[0], &in_room), (&ROOT, &online)] {
        let held = Held {
            since: entered.at,
            created: entered.created,
            private: entered.private,
            granted: false,
            holds_grant: entered.holds_grant,
        };
        let restored = a.enter(place, "ann", "c1", Entry::Restore(held)).await;
        let restored = restored.unwrap();
        assert!(!restored.first);
        assert_eq!(restored.created, entered.created);
    }
    for former in &formers {
        a.backend.presence.retire(former).await.unwrap();
        a.reap(former).await;
    }
    is_heard(&a, &mut b).await;
    for (topic, last) in &known[..2] {
        let next = a.say(topic, "after").await;
        assert_eq!(next.epoch, last.epoch);
        let page = a.backend.log.after(topic, last.seq, 99).await.unwrap();
        assert!(page.follows(last) && page.recovers(last.seq) && !page.unsettled);
        assert_eq!(page.entries.len() as u64, next.seq - last.seq);
    }
    let page = b.backend.log.latest(&presence, 0).await.unwrap();
    assert_eq!(page.end(), told, "nobody came or went");
    assert_eq!(a.names(&room("r")).await, ["ann"]);
}
