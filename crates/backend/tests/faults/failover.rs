use std::time::{Duration, Instant};

use starling_backend::redis::RedisConfig;
use starling_kernel::{
    envelope::{Envelope, Position},
    id::UserId,
    ports::{Heard, Parcel, PortError, PortResult},
    topic::Topic,
};
use tokio::time::sleep;

use crate::support::{
    ground::{CHAT, Ground, Node, room},
    server::{Cluster, Server},
};

/// How long it may take until a replica has taken over and the node has found it.
const TAKEOVER: Duration = Duration::from_secs(30);

/// Says something. A node that is fenced begins a new life, as the membership does.
async fn try_to_say(node: &mut Node, topic: &Topic) -> PortResult<Position> {
    let appended = node.append(topic, "again", None).await;
    if appended == Err(PortError::Fenced) {
        node.try_to_begin_anew(&[]).await?;
    }
    match appended {
        Ok(appended) => Ok(appended.position),
        Err(PortError::Fenced) => Err(PortError::NotSent("a new life".to_owned())),
        Err(other) => Err(other),
    }
}

/// Until a master's replica has all that it was given.
async fn are_replicated(master: &Server) {
    let began = Instant::now();
    loop {
        let info = master.cli(&["INFO", "replication"]);
        let after = |name: &str| {
            let (_, rest) = info.split_once(name)?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        };
        if let (Some(given), Some(got)) = (after("master_repl_offset:"), after("offset="))
            && got >= given
        {
            return;
        }
        assert!(began.elapsed() < TAKEOVER, "{info}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Until something said on `topic` is stored again.
async fn works_again(node: &mut Node, topic: &Topic) -> Duration {
    let began = Instant::now();
    loop {
        match try_to_say(node, topic).await {
            Ok(_) => return began.elapsed(),
            Err(PortError::NotSent(error) | PortError::Unknown(error)) => {
                assert!(began.elapsed() < TAKEOVER, "{error}");
                sleep(Duration::from_millis(100)).await;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// Until what is said is also heard: the subscription has moved, too.
async fn is_heard_again(sender: &mut Node, listener: &mut Node, topic: &Topic) -> Duration {
    let began = Instant::now();
    while listener.heard.try_recv().is_ok() {}
    loop {
        assert!(began.elapsed() < TAKEOVER);
        let said = try_to_say(sender, topic).await;
        sleep(Duration::from_millis(100)).await;
        while let Ok(heard) = listener.heard.try_recv() {
            let is_it = |at| said.as_ref().is_ok_and(|said| *said == at);
            if let Heard::Parcel {
                position: Some(at), ..
            } = heard
                && is_it(at)
            {
                return began.elapsed();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_moves_everything_to_the_replica() {
    let mut master = Server::start(&[]);
    let port = master.port.to_string();
    let replica = Server::start(&[
        "--replicaof",
        "127.0.0.1",
        &port,
        "--repl-diskless-sync-delay",
        "0",
    ]);
    let sentinel = Server::sentinel(master.port);
    while !replica
        .cli(&["INFO", "replication"])
        .contains("master_link_status:up")
    {
        sleep(Duration::from_millis(50)).await;
    }
    let known = replica.port.to_string();
    while !sentinel
        .cli(&["SENTINEL", "REPLICAS", "main"])
        .contains(&known)
    {
        sleep(Duration::from_millis(50)).await;
    }
    let url = format!(
        "redis-sentinel://127.0.0.1:{}?sentinelServiceName=main",
        sentinel.port
    );
    let ground = Ground::configured(RedisConfig::new(&url));
    let (mut sender, mut listener) = (ground.node("a").await, ground.node("b").await);
    listener.subscribe(&CHAT).await;
    let before = sender.say(&CHAT, "before").await;
    listener.hears_message().await;
    while !replica
        .cli(&["GET", "starling:{nodes}:beat"])
        .starts_with('1')
    {
        sleep(Duration::from_millis(20)).await;
    }

    master.kill();
    let (stored, _) = tokio::join!(
        works_again(&mut sender, &CHAT),
        works_again(&mut listener, &CHAT)
    );
    let heard = is_heard_again(&mut sender, &mut listener, &CHAT).await;
    println!("sentinel: stored again after {stored:?}, heard after {heard:?} more");
    let page = sender.backend.log.latest(&CHAT, 1).await.unwrap();
    assert_eq!(page.epoch, before.epoch, "the replica knew it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_goes_on_when_a_master_dies() {
    let mut cluster = Cluster::start_with(1);
    let ground = Ground::configured(RedisConfig::new(&cluster.url()));
    let (mut sender, mut listener) = (ground.node("a").await, ground.node("b").await);
    // Rooms all over the cluster.
    let rooms: Vec<_> = (0..12).map(|n| room(&format!("r{n}"))).collect();
    for room in &rooms {
        sender.create(room, "ann", "c1").await;
        listener.subscribe(room).await;
    }
    for victim in 0..2 {
        // What a replica has not got yet is lost with its master, rooms too.
        are_replicated(&cluster.servers[victim]).await;
        cluster.servers[victim].kill();
        let mut longest = Duration::ZERO;
        for room in &rooms {
            longest = longest.max(works_again(&mut sender, room).await);
        }
        let mut heard = Duration::ZERO;
        for room in &rooms {
            heard = heard.max(is_heard_again(&mut sender, &mut listener, room).await);
        }
        println!("cluster: stored again after {longest:?}, heard after {heard:?} more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_masters_change_loses_and_doubles_nothing_afterwards() {
    let cluster = Cluster::start_with(1);
    let ground = Ground::configured(RedisConfig::new(&cluster.url()));
    let (mut sender, mut listener) = (ground.node("a").await, ground.node("b").await);
    let topics: Vec<_> = (0..6)
        .map(|n| Topic::User("/", UserId::trusted(&n.to_string())))
        .collect();
    for topic in &topics {
        listener.subscribe(topic).await;
    }
    for replica in &cluster.servers[3..] {
        assert_eq!(replica.cli(&["CLUSTER", "FAILOVER"]), "OK");
    }
    for topic in &topics {
        works_again(&mut sender, topic).await;
        is_heard_again(&mut sender, &mut listener, topic).await;
    }
    sleep(Duration::from_secs(5)).await;
    let late = Topic::User("/", UserId::trusted("late"));
    listener.subscribe(&late).await;
    while listener.heard.try_recv().is_ok() {}
    for topic in topics.iter().chain([&late]) {
        let parcel = Parcel::Message(Envelope::new("once", &topic.to_string()).into());
        sender.backend.bus.publish(topic, &parcel).await.unwrap();
        assert_eq!(listener.hears().await.2, parcel);
    }
    listener.hears_nothing().await;
}
