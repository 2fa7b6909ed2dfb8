use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use starling_backend::redis::RedisConfig;
use starling_kernel::{
    envelope::Envelope,
    ports::{Change, Entry, Heard, Held, Parcel, PortError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    follower::Follower,
    support::{
        data,
        ground::{CHAT, Ground, Node, ROOT, TIMES, draft, room, settle},
        proxy::Proxy,
        server::Server,
    },
};

fn follower(node: Node) -> Follower {
    Follower {
        backend: node.backend,
        heard: node.heard,
        topic: CHAT,
        seen: Vec::new(),
        lost: 0,
    }
}

/// Waits until all of these were heard, in whichever order.
async fn hears(node: &mut Node, mut expected: Vec<Heard>) {
    let wait = async {
        while !expected.is_empty() {
            let heard = node.heard.recv().await;
            expected.retain(|one| Some(one) != heard.as_ref());
        }
    };
    let waited = timeout(Duration::from_secs(10), wait).await;
    assert!(waited.is_ok(), "{expected:?} was not heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_whose_connection_is_killed_again_and_again_misses_nothing() {
    let server = Server::start(&[]);
    let ground = Ground::configured(RedisConfig::new(&server.url()));
    let (sender, listener) = (ground.node("a").await, ground.node("b").await);
    listener.subscribe(&CHAT).await;
    let mut follower = follower(listener);
    let done = AtomicBool::new(false);
    let send = async {
        for n in 0..900 {
            sender.say(&CHAT, &n.to_string()).await;
            sleep(Duration::from_millis(5)).await;
        }
        done.store(true, Ordering::SeqCst);
    };
    let kill = async {
        while !done.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(400)).await;
            server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        }
    };
    tokio::join!(send, kill, follower.until(900));
    assert!(follower.lost >= 3, "it was killed {} times", follower.lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_noticed_and_replaced() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.port).await;
    let sender = Ground::redis(&server).node("a").await;
    let config = RedisConfig::new(&format!("redis://127.0.0.1:{}", proxy.port));
    let mut listener = Ground::configured(config).node("b").await;
    listener.subscribe(&CHAT).await;
    hears(&mut listener, vec![Heard::Up(true)]).await;

    let cut = Instant::now();
    assert_eq!(proxy.cut(true), 1);
    hears(&mut listener, vec![Heard::Up(false), Heard::Lost]).await;
    let noticed = cut.elapsed();
    sender.say(&CHAT, "again").await;
    listener.hears_message().await;
    println!("a half-open connection was replaced after {noticed:?}");
    assert!(noticed < Duration::from_secs(9), "{noticed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_for_commands_is_replaced_too() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.port).await;
    let config = RedisConfig::new(&format!("redis://127.0.0.1:{}", proxy.port));
    let mut node = Ground::configured(config).node("a").await;
    hears(&mut node, vec![Heard::Up(true)]).await;
    node.say(&CHAT, "before").await;

    let cut = Instant::now();
    assert!(proxy.cut(false) >= 1);
    while node
        .backend
        .log
        .append(&CHAT, &draft("x"), None)
        .await
        .is_err()
    {
        assert!(cut.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(50)).await;
    }
    println!("commands pass again after {:?}", cut.elapsed());
}

#[tokio::test]
async fn what_is_not_ours_on_a_channel_is_dropped() {
    let server = Server::start(&[]);
    let mut node = Ground::redis(&server).node("a").await;
    node.subscribe(&CHAT).await;
    let channel = "starling:{p0}:ch:/chat";
    for garbage in [
        "",
        "garbage",
        "\n{}\n[]",
        "e-1\n{\"k\":\"m\",\"a\":[9]}\n[]",
    ] {
        assert_eq!(server.cli(&["PUBLISH", channel, garbage]), "1");
    }
    let position = node.say(&CHAT, "hi").await;
    assert_eq!(node.hears_message().await.0, position);
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again() {
    let server = Server::start(&[]);
    let node = Ground::redis(&server).node("a").await;
    node.say(&CHAT, "one").await;
    server.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(node.say(&CHAT, "two").await.seq, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_is_filled_again() {
    let mut server = Server::start(&[]);
    let ground = Ground::redis(&server);
    let (mut a, mut b) = (ground.node("a").await, ground.node("b").await);
    settle(&a).await;
    a.create(&room("r"), "ann", "c1").await;
    b.subscribe(&room("r")).await;
    a.beat().await;

    tokio::task::block_in_place(|| server.restart_after(Duration::from_secs(1)));
    for node in [&mut a, &mut b] {
        hears(node, vec![Heard::Up(false)]).await;
        hears(node, vec![Heard::Up(true), Heard::Lost]).await;
    }
    let presence = a.backend.presence.clone();
    assert_eq!(presence.beat(&a.life).await, Err(PortError::Fenced));
    a.begin_anew(&[]).await;
    b.begin_anew(&[]).await;
    let restore = Entry::Restore(Held::default());
    a.enter(&room("r"), "ann", "c1", restore).await.unwrap();
    assert_eq!(b.hears_transition().await.kind, Change::Restored);
    assert_eq!(b.names(&room("r")).await, ["ann"]);
    a.say(&room("r"), "hi").await;
    assert_eq!(b.hears().await.0, room("r"), "still subscribed");
    assert_eq!(b.sweep_for(TIMES.grace).await, 0);

    let parcel = Parcel::Message(Envelope::new("room-event", &"hi").into());
    let bus = &a.backend.bus;
    bus.publish(&room("r"), &parcel).await.unwrap();
    assert_eq!(b.hears().await.2, parcel);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_reconnected_to_the_same_redis_goes_on() {
    let server = Server::start(&[]);
    let mut node = Ground::redis(&server).node("a").await;
    hears(&mut node, vec![Heard::Up(true)]).await;
    let ids = || server.cli(&["CLIENT", "LIST", "TYPE", "normal"]);
    let id = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let before: Vec<_> = ids().lines().filter_map(id).collect();
    server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    let presence = &node.backend.presence;
    let give_up = Instant::now() + Duration::from_secs(5);
    loop {
        assert!(Instant::now() < give_up);
        match presence.beat(&node.life).await {
            Ok(_) => break,
            Err(PortError::Fenced) => panic!("it is the same server"),
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
    let after: Vec<_> = ids().lines().filter_map(id).collect();
    assert!(!after.iter().any(|id| before.contains(id)), "{after:?}");
    node.register(&ROOT, "ann", "c1").await;
}

#[tokio::test]
async fn a_dropped_node_lets_its_connections_go() {
    let server = Server::start(&[]);
    let ground = Ground::redis(&server);
    let stays = ground.node("a").await;
    let connections = || server.cli(&["CLIENT", "LIST"]).lines().count();
    let before = connections();
    for _ in 0..3 {
        drop(ground.node("b").await);
    }
    let give_up = Instant::now() + Duration::from_secs(5);
    while connections() > before {
        assert!(
            Instant::now() < give_up,
            "{} are left",
            connections() - before
        );
        sleep(Duration::from_millis(50)).await;
    }
    stays.say(&CHAT, "undisturbed").await;
}

/// How many lives are under way in the partition, and how many of them have a lease.
const LIVES: &str = "
    local p = ARGV[1] .. '{p0}:'
    local nodes = ARGV[1] .. '{nodes}:'
    local lives, leased = redis.call('HKEYS', p .. 'lives'), 0
    for _, life in ipairs(lives) do
      if redis.call('ZSCORE', nodes .. 'leases', life) then
        leased = leased + 1
      end
    end
    return { #lives, leased }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_life_goes_on_without_a_lease_after_a_wipe_while_it_began() {
    let server = Server::start(&[]);
    let ground = Ground::redis(&server);
    let mut node = ground.node("a").await;
    let mut raw = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .unwrap();
    for n in 0..200 {
        let wipe = async {
            sleep(Duration::from_micros(n * 5)).await;
            raw.write_all(b"FLUSHALL\r\n").await.unwrap();
            raw.read_exact(&mut [0; 5]).await.unwrap();
        };
        let ((), ()) = tokio::join!(wipe, node.begin_anew(&[]));
        let lives = data::eval(&[server.port], LIVES, "starling:");
        assert_eq!(lives[0], lives[1], "after {n} wipes");
    }
}
