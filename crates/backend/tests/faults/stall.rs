use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use starling_backend::redis::RedisConfig;
use starling_kernel::{
    ports::{Heard, Leave, PortError, PresenceTimes},
    topic::Topic,
};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    ground::{CHAT, Ground, Node, ROOT, draft},
    server::Server,
};

/// As in production: what is tested are the very times.
fn config(server: &Server) -> RedisConfig {
    let mut config = RedisConfig::new(&server.url());
    config.times = PresenceTimes::default();
    config
}

async fn try_to_say(node: &Node) -> (Duration, Outcome) {
    let began = Instant::now();
    let result = node.backend.log.append(&CHAT, &draft("x"), None).await;
    let outcome = match result {
        Ok(_) => Outcome::Done,
        Err(PortError::NotSent(_)) => Outcome::NotSent,
        Err(PortError::Unknown(_)) => Outcome::Unknown,
        Err(other) => panic!("{other}"),
    };
    (began.elapsed(), outcome)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Done,
    NotSent,
    Unknown,
}

/// Stops Redis for five seconds.
async fn stall(server: &Server, meanwhile: impl AsyncFnOnce()) {
    server.signal("STOP");
    let stopped = Instant::now();
    meanwhile().await;
    sleep(Duration::from_secs(5).saturating_sub(stopped.elapsed())).await;
    server.signal("CONT");
}

async fn works_again(node: &Node) -> Duration {
    let began = Instant::now();
    while try_to_say(node).await.1 != Outcome::Done {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it does not heal"
        );
        sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_in_time_while_redis_stalls_and_work_afterwards() {
    let server = Server::start(&[]);
    let ground = Ground::configured(config(&server));
    let (mut node, mut other) = (ground.node("a").await, ground.node("b").await);
    other.subscribe(&CHAT).await;
    let first = node.say(&CHAT, "before").await;
    assert_eq!(other.hears_message().await.0, first);

    stall(&server, async || {
        for (took, outcome) in join_all((0..50).map(|_| try_to_say(&node))).await {
            assert_eq!(outcome, Outcome::Unknown, "they are on their way");
            assert!(took < Duration::from_millis(2_600), "{took:?}");
        }
        // In a second it is known, and they do not even wait.
        sleep(Duration::from_millis(1_200)).await;
        for (took, outcome) in join_all((0..10_000).map(|_| try_to_say(&node))).await {
            assert_eq!(outcome, Outcome::NotSent);
            assert!(took < Duration::from_millis(900), "{took:?}");
        }
        let began = Instant::now();
        let result = node.backend.bus.subscribe(&Topic::Presence(0)).await;
        assert!(matches!(
            result,
            Err(PortError::NotSent(_) | PortError::Unknown(_))
        ));
        assert!(began.elapsed() < Duration::from_secs(5));
    })
    .await;
    println!("works again {:?} after the stall", works_again(&node).await);

    let up = async {
        while node.heard.recv().await != Some(Heard::Up(false)) {}
        while node.heard.recv().await != Some(Heard::Up(true)) {}
    };
    timeout(Duration::from_secs(10), up)
        .await
        .expect("it says so");
    other.subscribe(&Topic::Presence(0)).await;
    let last = node.say(&CHAT, "after").await;
    while other.hears_message().await.0 != last {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_takes_nobody_offline_who_comes_back() {
    let server = Server::start(&[]);
    let ground = Ground::configured(config(&server));
    let (node, other) = (ground.node("a").await, ground.node("b").await);
    node.sweep_for(PresenceTimes::default().lease + PresenceTimes::default().grace)
        .await;
    node.beat().await;
    let back = ground.node("b2").await;
    for user in ["ann", "ben"] {
        node.register(&ROOT, user, "c1").await;
        node.exit(&ROOT, user, "c1", Leave::AfterGrace).await;
    }
    other.follow_presence().await;
    let lost = Instant::now();
    stall(&server, async || {}).await;
    tokio::join!(works_again(&node), works_again(&back));
    // More than the grace has passed, but nobody could come back before.
    assert!(lost.elapsed() > PresenceTimes::default().grace);
    let (sweeps, _) = tokio::join!(node.sweep_for(Duration::from_secs(6)), async {
        sleep(Duration::from_millis(1_000)).await;
        back.register(&ROOT, "ann", "c2").await;
    });
    assert_eq!(sweeps, 1, "only ben is gone");
    assert_eq!(node.names(&ROOT).await, ["ann"]);
    let witness = ground.node("c").await;
    assert_eq!(witness.beat().await, [], "and no node is declared dead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_on_their_way_are_bounded() {
    let server = Server::start(&[]);
    let mut config = config(&server);
    config.in_flight = 10;
    let node = Ground::configured(config).node("a").await;
    stall(&server, async || {
        let tries = join_all((0..100).map(|_| try_to_say(&node))).await;
        let sent = tries.iter().filter(|(_, o)| *o == Outcome::Unknown).count();
        let refused = tries.iter().filter(|(_, o)| *o == Outcome::NotSent).count();
        // Where they give up, those who waited may have been let in.
        assert!((10..=20).contains(&sent), "{sent}");
        assert_eq!(sent + refused, 100);
        let longest = tries.iter().map(|(took, _)| *took).max().unwrap();
        assert!(longest < Duration::from_millis(4_600), "{longest:?}");
    })
    .await;
    works_again(&node).await;
    // Nothing leaked: all turns are over.
    let tries = join_all((0..10).map(|_| try_to_say(&node))).await;
    assert!(tries.iter().all(|(_, outcome)| *outcome == Outcome::Done));
}

#[tokio::test]
async fn what_redis_refuses_was_not_done() {
    let server = Server::start(&[]);
    let node = Ground::redis(&server).node("a").await;
    server.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(try_to_say(&node).await.1, Outcome::NotSent);
    server.cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    assert_eq!(node.say(&CHAT, "x").await.seq, 1);
}

#[tokio::test]
async fn more_than_may_be_on_their_way_wait_and_beats_do_not() {
    let server = Server::start(&[]);
    let mut config = config(&server);
    config.in_flight = 2;
    // However long it takes on a busy machine.
    config.command_timeout = Duration::from_secs(30);
    let node = Ground::configured(config).node("a").await;
    let presence = &node.backend.presence;
    let lists = join_all((0..400).map(|_| presence.members(&CHAT, 10)));
    let said = join_all((0..400).map(|_| try_to_say(&node)));
    let busy = join(lists, said);
    let (beat, busy) = match select(busy, presence.beat(&node.life)).await {
        Either::Right(first) => first,
        Either::Left(_) => panic!("the beat waited for all of the others"),
    };
    beat.unwrap();
    let (lists, said) = busy.await;
    assert!(lists.iter().all(Result::is_ok));
    assert!(said.iter().all(|(_, outcome)| *outcome == Outcome::Done));
}
