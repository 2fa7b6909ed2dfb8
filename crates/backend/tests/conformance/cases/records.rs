use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use starling_kernel::{
    envelope::Envelope,
    ports::{Parcel, PortError, PortResult, Record, Swapped, Told},
    topic::Topic,
};
use tokio::time::sleep;

use crate::support::ground::{CHAT, Ground, Node};

const LONG: Duration = Duration::from_secs(600);

/// Names that a careless key would mix up, or break.
pub(super) const HOSTILE: &[&str] = &[
    "a",
    "a:b",
    "a:b:votes",
    "a}b",
    "{p1}:a",
    "a\nb",
    "a#b",
    "a@b",
    "*",
    "ü \"'\\",
    "",
];

fn name(id: &str) -> Topic {
    Topic::stream("/chat", "game", id)
}

async fn read(node: &Node, name: &Topic) -> Option<Record> {
    node.backend.records.record(name).await.unwrap()
}

async fn swap(node: &Node, name: &Topic, expected: u64, next: Option<&str>) -> Swapped {
    let records = &node.backend.records;
    let swapped = records.swap(name, expected, next, LONG, &[]).await;
    swapped.unwrap()
}

/// The version after a swap that is done.
async fn done(node: &Node, name: &Topic, expected: u64, next: Option<&str>) -> u64 {
    match swap(node, name, expected, next).await {
        Swapped::Done(version) => version,
        other => panic!("not done: {other:?}"),
    }
}

fn told(text: &str) -> Envelope {
    Envelope::new("game-state", &text)
}

/// Swaps and says so on `topic`.
async fn swap_aloud(
    node: &Node,
    name: &Topic,
    expected: u64,
    next: &str,
    topic: &Topic,
) -> PortResult<Swapped> {
    let envelope = told(next);
    let tell = Told {
        topic,
        envelope: &envelope,
    };
    let records = &node.backend.records;
    records
        .swap(name, expected, Some(next), LONG, &[tell])
        .await
}

pub(crate) async fn a_record_is_swapped_by_whoever_knows_its_version(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    let game = name("g");
    assert_eq!(read(&one, &game).await, None);
    let value = "{\"board\":\"ü\\n\"}\n";
    let version = done(&one, &game, 0, Some(value)).await;
    let first = Record {
        version,
        value: value.to_owned(),
    };
    assert_eq!(read(&two, &game).await, Some(first.clone()));
    for wrong in [0, 1, version - 1, version + 1, u64::MAX] {
        let swapped = swap(&two, &game, wrong, Some("no")).await;
        assert_eq!(swapped, Swapped::Changed(Some(first.clone())));
        let swapped = swap(&two, &game, wrong, None).await;
        assert_eq!(swapped, Swapped::Changed(Some(first.clone())));
    }
    let next = done(&two, &game, version, Some("")).await;
    assert!(next > version);
    assert_eq!(read(&one, &game).await.unwrap().value, "");
    let late = swap(&one, &game, version, Some("late")).await;
    assert!(matches!(late, Swapped::Changed(Some(now)) if now.version == next));
    assert!(done(&one, &game, next, None).await > next);
    assert_eq!(read(&two, &game).await, None);
    let gone = swap(&two, &game, next, Some("late")).await;
    assert_eq!(gone, Swapped::Changed(None));
}

pub(crate) async fn of_two_swaps_at_once_one_is_done(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    let game = name("g");
    let mut version = 0;
    for round in 0..20 {
        let values: Vec<_> = (0..6).map(|n| format!("{round} {n}")).collect();
        let swaps = values.iter().enumerate().map(async |(n, value)| {
            let node = [&one, &two][n % 2];
            (value, swap(node, &game, version, Some(value)).await)
        });
        let swapped = join_all(swaps).await;
        let done: Vec<_> = swapped
            .iter()
            .filter_map(|(value, swapped)| match swapped {
                Swapped::Done(version) => Some((*version, value.as_str())),
                Swapped::Changed(_) => None,
            })
            .collect();
        let now = read(&one, &game).await.unwrap();
        assert_eq!(done, [(now.version, now.value.as_str())]);
        version = now.version;
    }
}

pub(crate) async fn a_version_never_comes_again(ground: Ground) {
    let mut node = ground.node("one").await;
    let game = name("g");
    let (mut seen, mut last) = (HashSet::new(), 0);
    for round in 0..20 {
        let put = done(&node, &game, 0, Some("a")).await;
        let changed = done(&node, &game, put, Some("b")).await;
        let removed = done(&node, &game, changed, None).await;
        assert!(last < put && put < changed && changed < removed);
        seen.extend([put, changed, removed]);
        last = removed;
        if round == 10 {
            ground.wipe().await;
            node.begin_anew(&[]).await;
        }
    }
    assert_eq!(seen.len(), 60);
}

pub(crate) async fn a_record_ends_when_nobody_changes_it(ground: Ground) {
    let node = ground.node("one").await;
    let records = &node.backend.records;
    let (kept, lost) = (name("kept"), name("lost"));
    // Long enough for a busy machine to change one of them before it ends.
    let short = Duration::from_secs(2);
    let mut versions = Vec::new();
    for game in [&kept, &lost] {
        match records.swap(game, 0, Some("a"), short, &[]).await.unwrap() {
            Swapped::Done(version) => versions.push(version),
            other => panic!("not done: {other:?}"),
        }
    }
    let kept_at = done(&node, &kept, versions[0], Some("b")).await;
    while let Some(there) = read(&node, &lost).await {
        assert_eq!(there.version, versions[1]);
        sleep(Duration::from_millis(100)).await;
    }
    let late = swap(&node, &lost, versions[1], Some("late")).await;
    assert_eq!(late, Swapped::Changed(None));
    assert!(done(&node, &lost, 0, Some("a")).await > versions[1]);
    assert_eq!(read(&node, &kept).await.unwrap().version, kept_at);
}

pub(crate) async fn a_swap_is_heard_by_all_nodes_in_one_order(ground: Ground) {
    const EACH: usize = 10;
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let game = name("g");
    one.subscribe(&game).await;
    two.subscribe(&game).await;
    let count = async |node: &Node| {
        let mut done = 0;
        while done < EACH {
            let now = read(node, &game).await.unwrap_or_default();
            let next = now.value.parse().unwrap_or(0) + 1;
            let swapped = swap_aloud(node, &game, now.version, &next.to_string(), &game).await;
            done += usize::from(matches!(swapped.unwrap(), Swapped::Done(_)));
        }
    };
    tokio::join!(count(&one), count(&two), count(&one), count(&two));
    for n in 1..=4 * EACH {
        let parcel = Parcel::Message(told(&n.to_string()).into());
        let expected = (game.clone(), None, parcel);
        assert_eq!(one.hears().await, expected);
        assert_eq!(two.hears().await, expected);
    }
    one.hears_nothing().await;
}

pub(crate) async fn a_swap_tells_several_in_order(ground: Ground) {
    let (mut one, two) = (ground.node("one").await, ground.node("two").await);
    let (game, ann, ben) = (name("g"), name("ann"), name("ben"));
    for topic in [&ann, &ben] {
        one.subscribe(topic).await;
    }
    let said: Vec<_> = (0..3).map(|n| told(&n.to_string())).collect();
    let to = [&ann, &ann, &ben];
    let tell = to.iter().zip(&said);
    let tell: Vec<_> = tell
        .map(|(topic, envelope)| Told { topic, envelope })
        .collect();
    let records = &two.backend.records;
    let swapped = records.swap(&game, 0, Some("x"), LONG, &tell).await;
    assert!(matches!(swapped, Ok(Swapped::Done(_))));
    for (topic, envelope) in to.into_iter().zip(said) {
        let expected = (topic.clone(), None, Parcel::Message(envelope.into()));
        assert_eq!(one.hears().await, expected);
    }
}

/// The topics are spread over all partitions.
pub(crate) async fn a_swap_is_told_wherever_it_is_told(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.subscribe(&CHAT).await;
    let mut envelope = told("x").newest_of("k\n");
    envelope.attachments = vec![vec![0, 10, 255].into()];
    let tell = Told {
        topic: &CHAT,
        envelope: &envelope,
    };
    for n in 0..20 {
        let game = name(&n.to_string());
        let records = &one.backend.records;
        let swapped = records.swap(&game, 0, Some("x"), LONG, &[tell]).await;
        assert!(matches!(swapped, Ok(Swapped::Done(_))));
        let expected = (CHAT, None, Parcel::Message(envelope.clone().into()));
        assert_eq!(two.hears().await, expected);
    }
}

pub(crate) async fn a_refused_swap_tells_nothing(ground: Ground) {
    let mut node = ground.node("one").await;
    let game = name("g");
    let version = done(&node, &game, 0, Some("a")).await;
    node.subscribe(&game).await;
    let swapped = swap_aloud(&node, &game, version + 1, "b", &game).await;
    assert!(matches!(swapped, Ok(Swapped::Changed(Some(_)))));
    node.hears_nothing().await;
}

pub(crate) async fn a_life_that_is_over_swaps_nothing(ground: Ground) {
    let (mut node, other) = (ground.node("one").await, ground.unborn("other").await);
    let game = name("g");
    let version = done(&node, &game, 0, Some("a")).await;
    node.subscribe(&game).await;
    for expected in [0, version] {
        let swapped = swap_aloud(&other, &game, expected, "b", &game).await;
        assert_eq!(swapped, Err(PortError::Fenced));
    }
    assert_eq!(read(&other, &game).await.unwrap().value, "a", "may be read");
    node.hears_nothing().await;
    ground.wipe().await;
    let swapped = swap_aloud(&node, &game, 0, "b", &game).await;
    assert_eq!(swapped, Err(PortError::Fenced));
    assert_eq!(read(&node, &game).await, None);
    node.begin_anew(&[]).await;
    done(&node, &game, 0, Some("b")).await;
}

pub(crate) async fn records_with_hostile_names_do_not_mix(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    let mut versions = Vec::new();
    for id in HOSTILE {
        let value = format!("of {id}");
        versions.push(done(&one, &name(id), 0, Some(&value)).await);
    }
    for (id, version) in HOSTILE.iter().zip(versions) {
        let value = format!("of {id}");
        let expected = Record { version, value };
        assert_eq!(read(&two, &name(id)).await, Some(expected));
        done(&two, &name(id), version, None).await;
        assert_eq!(read(&one, &name(id)).await, None);
    }
}
