use std::time::Duration;

use futures_util::future::join_all;
use starling_kernel::ports::{Change, Entry, Known, Leave, PortError};
use tokio::time::{Instant, sleep};

use crate::support::ground::{CHAT, Ground, Node, ROOT, TIMES, draft, member, room, settle};

/// Beats until the other's life is over.
async fn outlive(survivor: &Node, other: &Node) {
    for _ in 0..20 {
        if survivor.beat().await.contains(&other.life) {
            return;
        }
        sleep(TIMES.lease / 3).await;
    }
    panic!("its lease never ended");
}

pub(crate) async fn a_life_that_stops_beating_is_dead_and_fenced(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    assert_eq!(one.beat().await, []);
    outlive(&one, &two).await;
    let presence = &two.backend.presence;
    assert_eq!(presence.beat(&two.life).await, Err(PortError::Fenced));
    one.reap(&two.life).await;
    assert_eq!(one.beat().await, [], "reaped");
    let still = presence.beat(&two.life).await;
    assert_eq!(still, Err(PortError::Fenced));
    two.begin_anew(&[]).await;
    assert_eq!(two.beat().await, []);
}

pub(crate) async fn a_retired_life_is_dead_at_once(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    let presence = &two.backend.presence;
    presence.retire(&two.life).await.unwrap();
    assert_eq!(one.beat().await, std::slice::from_ref(&two.life));
    assert_eq!(presence.beat(&two.life).await, Err(PortError::Fenced));
}

pub(crate) async fn a_silence_of_all_kills_nobody(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    sleep(TIMES.lease * 2).await;
    assert_eq!(one.beat().await, []);
    sleep(TIMES.lease / 3).await;
    assert_eq!(two.beat().await, []);
    one.beat_for(TIMES.lease / 2).await;
    two.beat().await;
    // And then the clock is on again.
    outlive(&one, &two).await;
}

pub(crate) async fn what_a_dead_life_held_is_reaped_as_lost(ground: Ground) {
    let (mut one, two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    let (one_beats, two_beats) = (one.beat(), two.backend.presence.beat(&two.life));
    assert_eq!(one_beats.await, []);
    two_beats.await.unwrap();
    one.create(&room("r"), "ben", "c0").await;
    two.join(&room("r"), "ann", "c1").await;
    two.register(&ROOT, "ann", "c1").await;
    two.register(&ROOT, "ann", "c2").await;
    one.subscribe(&room("r")).await;
    two.backend.presence.retire(&two.life).await.unwrap();
    one.reap(&two.life).await;
    one.hears_nothing().await;
    assert_eq!(one.total(&room("r")).await, 2, "the grace begins");
    one.sweep_until(async || one.total(&room("r")).await == 1)
        .await;
    one.sweep_until(async || one.total(&ROOT).await == 0).await;
    let left = one.hears_transition().await;
    assert_eq!((left.kind, left.member), (Change::Left, member("ann")));
    one.hears_nothing().await;
}

pub(crate) async fn reaping_leaves_those_alone_whom_another_life_holds(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    two.create(&room("r"), "ann", "c1").await;
    one.join(&room("r"), "ann", "c2").await;
    two.register(&ROOT, "ann", "c1").await;
    one.register(&ROOT, "ann", "c2").await;
    one.backend.presence.retire(&two.life).await.unwrap();
    one.reap(&two.life).await;
    let swept = one.sweep_for(TIMES.grace + Duration::from_millis(300));
    assert_eq!(swept.await, 0);
    assert_eq!(one.names(&room("r")).await, ["ann"]);
    assert_eq!(one.names(&ROOT).await, ["ann"]);
    assert!(one.exit(&ROOT, "ann", "c2", Leave::Now).await);
}

pub(crate) async fn a_reaped_life_cannot_enter(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ben", "c0").await;
    one.backend.presence.retire(&two.life).await.unwrap();
    one.reap(&two.life).await;
    let join = Entry::Join { granted: false };
    let late = two.enter(&room("r"), "ann", "c1", join).await;
    assert_eq!(late, Err(PortError::Fenced));
    for user in ["ann", "eve", "kim"] {
        let open = Entry::Open { announce: true };
        let late = two.enter(&ROOT, user, "c1", open).await;
        assert_eq!(late, Err(PortError::Fenced));
    }
    assert_eq!(one.total(&room("r")).await, 1);
    assert_eq!(one.total(&ROOT).await, 0);
}

pub(crate) async fn concurrent_reaping_removes_once(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    for n in 0..500 {
        two.register(&ROOT, &format!("user{n}"), "c").await;
    }
    let presence = &one.backend.presence;
    presence.retire(&two.life).await.unwrap();
    join_all((0..5).map(|_| one.reap(&two.life))).await;
    assert_eq!(one.beat().await, []);
    assert_eq!(one.total(&ROOT).await, 500);
    let swept = one.sweep_until(async || one.total(&ROOT).await == 0).await;
    assert_eq!(swept, 500);
}

pub(crate) async fn a_life_that_has_not_begun_may_do_nothing(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.unborn("two").await);
    one.create(&room("r"), "ben", "c0").await;
    let presence = &two.backend.presence;
    assert_eq!(presence.beat(&two.life).await, Err(PortError::Fenced));
    assert_eq!(presence.sweep().await, Err(PortError::Fenced));
    let join = Entry::Join { granted: false };
    let entered = two.enter(&room("r"), "ann", "c1", join).await;
    assert_eq!(entered, Err(PortError::Fenced));
    let open = Entry::Open { announce: true };
    let entered = two.enter(&ROOT, "ann", "c1", open).await;
    assert_eq!(entered, Err(PortError::Fenced));
    for topic in [room("r"), CHAT] {
        let appended = two.append(&topic, "a", None).await;
        assert_eq!(appended, Err(PortError::Fenced));
    }
    assert_eq!(
        (one.total(&room("r")).await, one.total(&ROOT).await),
        (1, 0)
    );
    let known = Known::default();
    presence.begin(&two.life, None, &known).await.unwrap();
    assert_eq!(two.beat().await, []);
    two.join(&room("r"), "ann", "c1").await;
    two.say(&room("r"), "a").await;
}

pub(crate) async fn a_former_life_is_over(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    one.create(&room("r"), "ben", "c0").await;
    two.join(&room("r"), "ann", "c1").await;
    let (former, held) = (two.life.clone(), two.holder("c1"));
    two.begin_anew(&[]).await;
    let presence = &two.backend.presence;
    assert_eq!(presence.beat(&former).await, Err(PortError::Fenced));
    let (ann, join) = (member("ann"), Entry::Join { granted: false });
    let entered = presence.enter(&room("r"), &ann, &held, &join, 9).await;
    assert_eq!(entered, Err(PortError::Fenced));
    // What it holds waits until it is declared dead and reaped.
    assert_eq!(one.total(&room("r")).await, 2);
    presence.retire(&former).await.unwrap();
    one.reap(&former).await;
    one.sweep_until(async || one.total(&room("r")).await == 1)
        .await;
}

pub(crate) async fn a_former_life_that_nobody_retires_is_dead_when_its_lease_is_over(
    ground: Ground,
) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    let former = two.life.clone();
    two.begin_anew(&[]).await;
    let give_up = Instant::now() + TIMES.lease * 4;
    while !one.beat().await.contains(&former) {
        assert!(Instant::now() < give_up, "its lease never ended");
        two.beat().await;
        sleep(TIMES.lease / 6).await;
    }
    two.beat().await;
}

pub(crate) async fn a_wiped_store_fences_those_who_had_begun(ground: Ground) {
    let mut node = ground.node("one").await;
    node.beat().await;
    ground.wipe().await;
    let presence = node.backend.presence.clone();
    assert_eq!(presence.beat(&node.life).await, Err(PortError::Fenced));
    assert_eq!(presence.sweep().await, Err(PortError::Fenced));
    let open = Entry::Open { announce: true };
    let entered = node.enter(&ROOT, "ann", "c1", open).await;
    assert_eq!(entered, Err(PortError::Fenced));
    let appended = node.backend.log.append(&CHAT, &draft("a"), None).await;
    assert_eq!(appended, Err(PortError::Fenced));
    node.begin_anew(&[]).await;
    assert_eq!(node.beat().await, []);
    node.say(&CHAT, "a").await;
}
