use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use starling_kernel::{
    id::UserId,
    ports::{Cast, Parcel, PortError, Tally, TellCounts},
    topic::Topic,
};
use tokio::time::sleep;

use super::records::HOSTILE;
use crate::support::ground::{Ground, Node};

const LONG: Duration = Duration::from_secs(600);

fn poll(id: &str) -> Topic {
    Topic::stream("/chat", "poll", id)
}

/// Where the results of all polls are told.
fn all() -> Topic {
    Topic::stream("/chat", "all", "polls")
}

fn results(id: &str) -> TellCounts {
    TellCounts::new(all(), "poll-results", &json!({ "pollId": id })).unwrap()
}

async fn open(node: &Node, id: &str, choices: u32) {
    let tallies = &node.backend.tallies;
    assert_eq!(
        tallies.open(&poll(id), "data", choices, LONG).await,
        Ok(true)
    );
}

async fn cast(node: &Node, id: &str, user: &str, choice: u32) -> Cast {
    let (tallies, user) = (&node.backend.tallies, UserId::trusted(user));
    let cast = tallies.cast(&poll(id), &user, choice, &results(id)).await;
    cast.unwrap()
}

async fn tally(node: &Node, id: &str, user: Option<&str>) -> Option<Tally> {
    let user = user.map(UserId::trusted);
    let tallies = &node.backend.tallies;
    tallies.tally(&poll(id), user.as_ref()).await.unwrap()
}

async fn counts(node: &Node, id: &str) -> Vec<u64> {
    tally(node, id, None).await.unwrap().counts
}

/// The next counts: of which poll, and all of them.
async fn hears_counts(node: &mut Node) -> (String, Vec<u64>) {
    let (topic, position, parcel) = node.hears().await;
    let Parcel::Message(envelope) = parcel else {
        panic!("not a message: {parcel:?}");
    };
    assert_eq!((topic, position), (all(), None));
    let args: (String, Value) = serde_json::from_str(envelope.as_str()).unwrap();
    assert_eq!(args.0, envelope.event);
    let counts: Vec<u64> = serde_json::from_value(args.1["counts"].clone()).unwrap();
    assert_eq!(args.1["total"], json!(counts.iter().sum::<u64>()));
    (args.1["pollId"].as_str().unwrap().to_owned(), counts)
}

pub(crate) async fn a_tally_is_opened_once(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    assert_eq!(tally(&one, "p", None).await, None);
    assert_eq!(cast(&one, "p", "ann", 0).await, Cast::Missing);
    let data = ["{\"q\":\"ü\"}\n0", "{\"q\":\"ü\"}\n1", "{\"q\":\"ü\"}\n2"];
    let opened = data.iter().enumerate().map(async |(n, data)| {
        let tallies = &[&one, &two][n % 2].backend.tallies;
        tallies.open(&poll("p"), data, 2, LONG).await.unwrap()
    });
    let opened = join_all(opened).await;
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 1);
    let first = opened.iter().position(|opened| *opened).unwrap();
    assert_eq!(cast(&one, "p", "ann", 1).await, Cast::Counted(vec![0, 1]));
    let again = two.backend.tallies.open(&poll("p"), "again", 3, LONG).await;
    assert_eq!(again, Ok(false));
    let expected = Tally {
        data: data[first].to_owned(),
        closed: false,
        counts: vec![0, 1],
        own: None,
    };
    assert_eq!(tally(&two, "p", None).await, Some(expected));
}

pub(crate) async fn a_member_is_counted_once_whatever_the_concurrency(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    open(&one, "p", 3).await;
    let users: Vec<_> = (0..20).map(|n| format!("user{n}")).collect();
    for user in &users {
        let casts = (0..6).map(|n| cast([&one, &two][n % 2], "p", user, n as u32 % 3));
        let casts = join_all(casts).await;
        let counted = casts.iter().filter(|c| matches!(c, Cast::Counted(_)));
        assert_eq!(counted.count(), 1, "{casts:?}");
        let already = casts.iter().filter(|c| **c == Cast::Already);
        assert_eq!(already.count(), 5, "{casts:?}");
    }
    let mut expected = [0; 3];
    for user in &users {
        let own = tally(&two, "p", Some(user)).await.unwrap().own.unwrap();
        expected[own as usize] += 1;
    }
    assert_eq!(counts(&one, "p").await, expected);
    assert_eq!(expected.iter().sum::<u64>(), 20);
}

pub(crate) async fn ones_own_choice_is_seen_by_oneself_only(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    open(&one, "p", 2).await;
    cast(&one, "p", "ann", 1).await;
    cast(&one, "p", "ben", 0).await;
    for (user, own) in [
        (Some("ann"), Some(1)),
        (Some("ben"), Some(0)),
        (Some("eve"), None),
        (None, None),
    ] {
        let seen = tally(&two, "p", user).await.unwrap();
        assert_eq!((seen.own, seen.counts), (own, vec![1, 1]), "{user:?}");
    }
}

pub(crate) async fn a_closed_tally_counts_nobody(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    open(&one, "p", 2).await;
    cast(&one, "p", "ann", 1).await;
    let closed = one.backend.tallies.close(&poll("p"), &results("p")).await;
    assert_eq!(closed, Ok(Some(true)));
    two.subscribe(&all()).await;
    assert_eq!(cast(&two, "p", "ben", 0).await, Cast::Closed);
    assert_eq!(cast(&two, "p", "ann", 0).await, Cast::Closed, "was counted");
    assert_eq!(cast(&two, "p", "ben", 2).await, Cast::NoSuchChoice);
    let seen = tally(&two, "p", Some("ann")).await.unwrap();
    assert_eq!(
        (seen.closed, seen.own, seen.counts),
        (true, Some(1), vec![0, 1])
    );
    assert_eq!(tally(&two, "p", Some("ben")).await.unwrap().own, None);
    two.hears_nothing().await;
}

pub(crate) async fn a_choice_that_is_none_is_refused(ground: Ground) {
    let mut node = ground.node("one").await;
    open(&node, "p", 2).await;
    node.subscribe(&all()).await;
    for choice in [2, 3, u32::MAX] {
        assert_eq!(cast(&node, "p", "ann", choice).await, Cast::NoSuchChoice);
    }
    node.hears_nothing().await;
    assert_eq!(counts(&node, "p").await, [0, 0]);
    assert_eq!(cast(&node, "p", "ann", 0).await, Cast::Counted(vec![1, 0]));
}

/// Also to a topic that is in another partition than most of the tallies.
pub(crate) async fn what_is_told_comes_in_the_order_of_the_counts(ground: Ground) {
    const USERS: usize = 20;
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    one.subscribe(&all()).await;
    two.subscribe(&all()).await;
    let polls = ["a", "b", "c", "d", "e", "f"];
    for id in polls {
        open(&one, id, 2).await;
    }
    let users: Vec<_> = (0..USERS).map(|n| format!("user{n}")).collect();
    let casts = polls.iter().flat_map(|id| {
        let nodes = [&one, &two];
        let users = users.iter().enumerate();
        users.map(move |(n, user)| cast(nodes[n % 2], id, user, n as u32 % 2))
    });
    join_all(casts).await;
    for node in [&mut one, &mut two] {
        let mut last = std::collections::HashMap::new();
        for _ in 0..USERS * polls.len() {
            let (id, counts) = hears_counts(node).await;
            let before = last.entry(id).or_insert(vec![0, 0]);
            assert_eq!(counts.iter().sum::<u64>(), before.iter().sum::<u64>() + 1);
            assert!(before[0] <= counts[0] && before[1] <= counts[1]);
            *before = counts;
        }
        assert!(last.values().all(|counts| *counts == [10, 10]), "{last:?}");
        node.hears_nothing().await;
    }
}

pub(crate) async fn a_tally_is_closed_once_and_tells_what_was_counted(ground: Ground) {
    let (mut one, two) = (ground.node("one").await, ground.node("two").await);
    let topic = poll("p");
    let tell = results("p");
    assert_eq!(one.backend.tallies.close(&topic, &tell).await, Ok(None));
    open(&one, "p", 2).await;
    cast(&one, "p", "ann", 1).await;
    one.subscribe(&all()).await;
    let nodes = [&one, &two, &one, &two];
    let closed = nodes.map(|node| node.backend.tallies.close(&topic, &tell));
    let closed = join_all(closed).await;
    let first = closed.iter().filter(|closed| **closed == Ok(Some(true)));
    assert_eq!(first.count(), 1, "{closed:?}");
    let later = closed.iter().filter(|closed| **closed == Ok(Some(false)));
    assert_eq!(later.count(), 3, "{closed:?}");
    let told = hears_counts(&mut one).await;
    assert_eq!(told, ("p".to_owned(), vec![0, 1]));
    one.hears_nothing().await;
}

pub(crate) async fn a_tally_ends_with_all_that_was_counted(ground: Ground) {
    let node = ground.node("one").await;
    let tallies = &node.backend.tallies;
    // Long enough for a busy machine to count somebody before it ends.
    let keep = Duration::from_secs(2);
    assert_eq!(tallies.open(&poll("p"), "", 2, keep).await, Ok(true));
    open(&node, "other", 2).await;
    for id in ["p", "other"] {
        assert_eq!(cast(&node, id, "ann", 1).await, Cast::Counted(vec![0, 1]));
    }
    while tally(&node, "p", None).await.is_some() {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(cast(&node, "p", "ann", 1).await, Cast::Missing);
    assert_eq!(tallies.close(&poll("p"), &results("p")).await, Ok(None));
    assert_eq!(counts(&node, "other").await, [0, 1]);
    open(&node, "p", 3).await;
    let anew = tally(&node, "p", Some("ann")).await.unwrap();
    assert_eq!((anew.own, anew.counts), (None, vec![0, 0, 0]));
    assert_eq!(
        cast(&node, "p", "ann", 0).await,
        Cast::Counted(vec![1, 0, 0])
    );
    assert!(!ground.keys().await.iter().any(|key| key.contains("!poll:")));
}

pub(crate) async fn a_life_that_is_over_counts_nothing(ground: Ground) {
    let (mut node, other) = (ground.node("one").await, ground.unborn("other").await);
    open(&node, "p", 2).await;
    node.subscribe(&all()).await;
    let (topic, tell, ann) = (poll("p"), results("p"), UserId::trusted("ann"));
    let tallies = &other.backend.tallies;
    let fenced = Some(PortError::Fenced);
    assert_eq!(tallies.open(&poll("q"), "", 2, LONG).await.err(), fenced);
    assert_eq!(tallies.cast(&topic, &ann, 0, &tell).await.err(), fenced);
    assert_eq!(tallies.close(&topic, &tell).await.err(), fenced);
    let seen = tally(&other, "p", Some("ann")).await.unwrap();
    assert_eq!(
        (seen.closed, seen.own, seen.counts),
        (false, None, vec![0, 0])
    );
    node.hears_nothing().await;
    ground.wipe().await;
    let tallies = &node.backend.tallies;
    assert_eq!(tallies.open(&topic, "", 2, LONG).await.err(), fenced);
    assert_eq!(tally(&node, "p", None).await, None);
}

pub(crate) async fn tallies_with_hostile_names_do_not_mix(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    for id in HOSTILE {
        open(&one, id, 2).await;
    }
    let names = ["data", "choices", "closed", "ends", "0", "a\nb", "ü \"{}"];
    for (n, id) in HOSTILE.iter().enumerate() {
        for user in &names[..n % names.len()] {
            assert!(matches!(cast(&one, id, user, 1).await, Cast::Counted(_)));
            assert_eq!(cast(&two, id, user, 0).await, Cast::Already);
        }
    }
    for (n, id) in HOSTILE.iter().enumerate() {
        let seen = tally(&two, id, Some("data")).await.unwrap();
        let n = n % names.len();
        assert_eq!((seen.data.as_str(), seen.closed), ("data", false));
        assert_eq!(
            (seen.counts, seen.own),
            (vec![0, n as u64], (n > 0).then_some(1))
        );
    }
}
