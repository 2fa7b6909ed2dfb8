//! Another server takes over that knows less than the nodes do.

use starling_kernel::{
    envelope::Position,
    ports::{Entry, Known, Leave, PortError},
    time::Timestamp,
    topic::Topic,
};
use tokio::time::{Duration, Instant, sleep};

use crate::support::ground::{CHAT, Ground, Node, ROOT, TIMES, room, settle};

/// A copy that is further behind is a dump.
const STALE: Duration = Duration::from_millis(10_500);

/// What becomes of something said now.
async fn try_to_say(node: &Node, topic: &Topic) -> Result<Position, PortError> {
    let appended = node.append(topic, "?", None).await;
    appended.map(|appended| appended.position)
}

async fn is_closed_to(node: &Node, topic: &Topic) -> bool {
    matches!(try_to_say(node, topic).await, Err(PortError::NotSent(_)))
}

async fn is_unsettled(node: &Node, topic: &Topic) -> bool {
    let log = &node.backend.log;
    let (latest, after) = (log.latest(topic, 1).await, log.after(topic, 0, 1).await);
    let unsettled = latest.unwrap().unsettled;
    assert_eq!(after.unwrap().unsettled, unsettled);
    unsettled
}

pub(crate) async fn logs_are_closed_until_every_life_has_begun_anew(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    let topics = [room("r"), CHAT];
    ground.snapshot().await;
    ground.fail_over().await;
    for topic in &topics {
        assert_eq!(try_to_say(&one, topic).await, Err(PortError::Fenced));
        assert!(is_unsettled(&one, topic).await, "before anybody has begun");
    }
    assert_eq!(one.backend.presence.sweep().await, Err(PortError::Fenced));
    one.begin_anew(&[]).await;
    for topic in &topics {
        assert!(is_closed_to(&one, topic).await);
        assert_eq!(try_to_say(&two, topic).await, Err(PortError::Fenced));
        assert!(is_unsettled(&one, topic).await);
    }
    two.begin_anew(&[]).await;
    for topic in &topics {
        assert_eq!(try_to_say(&one, topic).await.unwrap().seq, 1);
        assert_eq!(try_to_say(&two, topic).await.unwrap().seq, 2);
        assert!(!is_unsettled(&one, topic).await);
    }
}

pub(crate) async fn logs_are_closed_no_longer_than_a_lease(ground: Ground) {
    let (mut one, _two) = (ground.node("one").await, ground.node("two").await);
    ground.snapshot().await;
    ground.fail_over().await;
    let began = Instant::now();
    one.begin_anew(&[]).await;
    assert!(is_closed_to(&one, &CHAT).await);
    while is_closed_to(&one, &CHAT).await {
        assert!(began.elapsed() < TIMES.lease * 4);
        one.beat().await;
        sleep(TIMES.lease / 10).await;
    }
    assert!(began.elapsed() >= TIMES.lease);
    assert!(!is_unsettled(&one, &CHAT).await);
}

/// One node has said more than is kept, and is gone; `wait` is until the other one may say something.
async fn what_is_said_after_the_only_witness_died(
    ground: Ground,
    wait: impl AsyncFn(&Node, &Node),
) {
    let (mut one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    let topics = [room("r"), CHAT];
    for topic in &topics {
        one.say(topic, "kept").await;
    }
    ground.snapshot().await;
    let mut lost = Vec::new();
    for topic in &topics {
        two.say(topic, "lost").await;
        lost.push(two.say(topic, "lost").await);
    }
    ground.fail_over().await;
    one.begin_anew(&[]).await;
    wait(&one, &two).await;
    for (topic, lost) in topics.iter().zip(&lost) {
        let first = one.say(topic, "after").await;
        let second = one.say(topic, "after").await;
        assert!(first.seq > lost.seq, "{topic}: {first:?} after {lost:?}");
        assert_eq!(second.seq, first.seq + 1, "it leaps once");
        let page = one.backend.log.after(topic, lost.seq, 9).await.unwrap();
        assert!(!page.recovers(lost.seq), "what was lost is told");
        assert!(page.recovers(first.seq) && !page.unsettled);
    }
}

pub(crate) async fn what_nobody_lived_to_tell_is_not_given_again(ground: Ground) {
    let until_open = async |one: &Node, _: &Node| {
        while is_closed_to(one, &ROOT).await {
            one.beat().await;
            sleep(TIMES.lease / 10).await;
        }
    };
    what_is_said_after_the_only_witness_died(ground, until_open).await;
}

pub(crate) async fn nor_is_it_where_the_witness_was_known_to_be_dead(ground: Ground) {
    let reap = async |one: &Node, two: &Node| one.reap(&two.life).await;
    what_is_said_after_the_only_witness_died(ground, reap).await;
}

/// After a snapshot a life begins that it does not know, says something and is gone with the server.
/// `comes` makes its node, which is there already where it is one that comes back.
async fn what_is_said_after_a_life_died_that_the_copy_does_not_know(
    ground: Ground,
    comes: impl AsyncFn(&Ground, &Node, Node) -> Node,
) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let three = ground.node("three").await;
    one.create(&room("r"), "ann", "c1").await;
    let topics = [room("r"), CHAT];
    for topic in &topics {
        one.say(topic, "kept").await;
    }
    let lost = comes(&ground, &one, three).await;
    let mut given = Vec::new();
    for topic in &topics {
        lost.say(topic, "lost").await;
        given.push(lost.say(topic, "lost").await);
    }
    // One of the others has heard that it came.
    two.backend.presence.sweep().await.unwrap();
    drop(lost);
    ground.fail_over().await;
    // Of those that begin now the first ones know nothing of it.
    let _fresh = ground.node("fresh").await;
    one.begin_anew(&[]).await;
    two.begin_anew(&[]).await;
    for (topic, given) in topics.iter().zip(&given) {
        let first = one.say(topic, "after").await;
        assert!(first.seq > given.seq, "{topic}: {first:?} after {given:?}");
        let page = one.backend.log.after(topic, given.seq, 9).await.unwrap();
        assert!(!page.recovers(given.seq), "what was lost is told");
    }
}

pub(crate) async fn what_a_life_knew_that_the_copy_does_not_know_is_not_given_again(
    ground: Ground,
) {
    let comes = async |ground: &Ground, one: &Node, three: Node| {
        one.backend.presence.retire(&three.life).await.unwrap();
        one.reap(&three.life).await;
        ground.snapshot().await;
        ground.node("four").await
    };
    what_is_said_after_a_life_died_that_the_copy_does_not_know(ground, comes).await;
}

pub(crate) async fn nor_is_it_where_its_node_had_been_declared_dead(ground: Ground) {
    let comes = async |ground: &Ground, one: &Node, mut three: Node| {
        one.backend.presence.retire(&three.life).await.unwrap();
        one.reap(&three.life).await;
        ground.snapshot().await;
        three.begin_anew(&[]).await;
        three
    };
    what_is_said_after_a_life_died_that_the_copy_does_not_know(ground, comes).await;
}

/// Another server takes over again before all have told what they knew of the first one's loss.
pub(crate) async fn nor_is_it_after_two_failovers_in_a_row(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    ground.snapshot().await;
    let lost = ground.node("three").await;
    lost.say(&CHAT, "lost").await;
    let given = lost.say(&CHAT, "lost").await;
    two.backend.presence.sweep().await.unwrap();
    drop(lost);
    ground.fail_over().await;
    one.begin_anew(&[]).await;
    let mut fresh = ground.node("fresh").await;
    fresh.backend.presence.sweep().await.unwrap();
    ground.snapshot().await;
    ground.fail_over().await;
    fresh.begin_anew(&[]).await;
    one.begin_anew(&[]).await;
    two.begin_anew(&[]).await;
    let first = one.say(&CHAT, "after").await;
    assert!(first.seq > given.seq, "{first:?} after {given:?}");
}

/// Nobody has heard of the node that came last; but what comes back is no replica.
pub(crate) async fn nor_is_it_where_a_dump_comes_back(ground: Ground) {
    let mut one = ground.node("one").await;
    one.backend.presence.sweep().await.unwrap();
    ground.snapshot().await;
    sleep(STALE).await;
    one.backend.presence.sweep().await.unwrap();
    let lost = ground.node("two").await;
    lost.say(&CHAT, "lost").await;
    let given = lost.say(&CHAT, "lost").await;
    drop(lost);
    ground.fail_over().await;
    one.begin_anew(&[]).await;
    let first = one.say(&CHAT, "after").await;
    assert!(first.seq > given.seq, "{first:?} after {given:?}");
}

/// The time by the backend's clock, which goes on.
async fn now(node: &Node) -> Timestamp {
    let beat = node.backend.presence.beat(&node.life).await;
    sleep(Duration::from_millis(2)).await;
    beat.unwrap().now
}

pub(crate) async fn what_nobody_remembers_is_not_given_again(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    one.say(&room("r"), "kept").await;
    ground.snapshot().await;
    now(&two).await;
    one.say(&room("r"), "lost").await;
    let given = one.say(&room("r"), "lost").await;
    one.exit(&room("r"), "ann", "c1", Leave::Now).await;
    let known = Known {
        forgotten: Some(now(&two).await),
        ..Known::default()
    };
    ground.fail_over().await;
    // The room is there again.
    one.begin_anew(&[]).await;
    two.try_to_begin_with(&known).await.unwrap();
    let first = one.say(&room("r"), "after").await;
    assert!(first.seq > given.seq, "{first:?} after {given:?}");
}

/// Though nodes came and something was forgotten, before.
pub(crate) async fn from_a_copy_that_has_everything_the_logs_go_on(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    let last = one.say(&room("r"), "a").await;
    let known = Known {
        places: vec![(room("r"), last.clone())],
        forgotten: Some(now(&one).await),
    };
    for node in [&one, &two] {
        node.backend.presence.sweep().await.unwrap();
    }
    ground.snapshot().await;
    ground.fail_over().await;
    let mut fresh = ground.node("fresh").await;
    for node in [&mut one, &mut two] {
        node.try_to_begin_with(&known).await.unwrap();
        node.backend.presence.sweep().await.unwrap();
    }
    // Once more, and what it hears of now came later.
    one.try_to_begin_with(&known).await.unwrap();
    fresh.begin_anew(&[]).await;
    let next = two.say(&room("r"), "b").await;
    assert_eq!((next.seq, &next.epoch), (2, &last.epoch));
    let page = one.backend.log.after(&room("r"), 1, 9).await.unwrap();
    assert!(page.follows(&last) && page.recovers(1));
}

pub(crate) async fn no_place_is_given_twice_though_the_tail_is_lost(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    let topics = [room("r"), CHAT];
    for topic in &topics {
        one.say(topic, "kept").await;
    }
    ground.snapshot().await;
    let (mut of_one, mut of_two) = (Vec::new(), Vec::new());
    for topic in &topics {
        of_one.push((topic.clone(), one.say(topic, "lost, known to one").await));
        of_two.push((topic.clone(), one.say(topic, "lost, known to two").await));
    }
    ground.fail_over().await;
    one.begin_anew(&of_one).await;
    two.begin_anew(&of_two).await;
    for (topic, last) in &of_two {
        let page = two.backend.log.after(topic, 0, 9).await.unwrap();
        assert_eq!((page.entries.len(), page.head), (1, 3));
        assert!(!page.follows(last), "the loss is seen");
        let next = two.say(topic, "next").await;
        assert_eq!(next.seq, 4);
        assert_ne!(next.epoch, last.epoch);
    }
}

pub(crate) async fn with_nothing_lost_the_logs_go_on(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    let last = one.say(&room("r"), "a").await;
    ground.snapshot().await;
    ground.fail_over().await;
    let known = [(room("r"), last.clone())];
    one.begin_anew(&known).await;
    two.begin_anew(&known).await;
    let next = two.say(&room("r"), "b").await;
    assert_eq!((next.seq, &next.epoch), (2, &last.epoch));
    let page = one.backend.log.after(&room("r"), 1, 9).await.unwrap();
    assert!(page.follows(&last) && page.recovers(1));
}

/// The presence logs' ends.
async fn ends(node: &Node) -> Vec<(Topic, Position)> {
    let mut ends = Vec::new();
    for n in 0..node.backend.presence.partitions() {
        let topic = Topic::Presence(n);
        let page = node.backend.log.latest(&topic, 0).await.unwrap();
        ends.push((topic, page.end()));
    }
    ends
}

/// Comings and goings are told of also while other nodes may know more: in another life of the log.
pub(crate) async fn no_place_of_a_transition_is_given_twice(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    one.register(&ROOT, "ann", "c1").await;
    ground.snapshot().await;
    let known_to_one = ends(&one).await;
    two.exit(&ROOT, "ann", "c1", Leave::Now).await;
    one.exit(&ROOT, "ann", "c1", Leave::Now).await;
    let known_to_two = ends(&two).await;
    ground.fail_over().await;
    one.follow_presence().await;
    // A step that needs no life, and two by who has begun: as many as two knows, and more.
    assert!(one.exit(&ROOT, "ann", "c1", Leave::Now).await);
    one.begin_anew(&known_to_one).await;
    one.register(&ROOT, "ann", "c2").await;
    one.exit(&ROOT, "ann", "c2", Leave::Now).await;
    two.begin_anew(&known_to_two).await;
    one.register(&ROOT, "ann", "c3").await;
    for _ in 0..4 {
        let (topic, at, _) = one.hears().await;
        let at = at.unwrap();
        let known = known_to_two.iter().find(|(of, _)| *of == topic).unwrap();
        let is_new = at.epoch != known.1.epoch || at.seq > known.1.seq;
        assert!(is_new, "{at:?} {known:?}");
    }
}

/// That a life was reaped may be lost with the tail: then what it held is back, and its node is not.
pub(crate) async fn who_is_back_with_a_life_that_was_over_goes_again(ground: Ground) {
    let (mut one, two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    one.beat().await;
    one.create(&room("r"), "ben", "c0").await;
    two.join(&room("r"), "ann", "c1").await;
    two.register(&ROOT, "ann", "c1").await;
    one.backend.presence.retire(&two.life).await.unwrap();
    // One of several servers fails over: the others know that the life is over.
    ground.snapshot().await;
    one.reap(&two.life).await;
    one.sweep_until(async || one.total(&ROOT).await == 0).await;
    assert_eq!(one.beat().await, []);
    ground.fail_over_partitions().await;
    assert_eq!(one.total(&ROOT).await, 1);
    let (former, held) = (one.life.clone(), one.holder("c0"));
    one.begin_anew(&[]).await;
    one.join(&room("r"), "ben", "c0").await;
    one.backend.presence.retire(&former).await.unwrap();
    one.reap(&former).await;
    let give_up = Instant::now() + TIMES.lease * 8;
    while one.total(&room("r")).await + one.total(&ROOT).await > 1 {
        assert!(Instant::now() < give_up, "nobody reaps it");
        for dead in one.beat().await {
            one.reap(&dead).await;
        }
        one.backend.presence.sweep().await.unwrap();
        sleep(TIMES.lease / 10).await;
    }
    assert_eq!(one.names(&room("r")).await, ["ben"]);
    let refused = Entry::Join { granted: false };
    let presence = &one.backend.presence;
    let ben = crate::support::ground::member("ben");
    let entered = presence.enter(&room("r"), &ben, &held, &refused, 9).await;
    assert_eq!(entered, Err(PortError::Fenced));
}
