use std::time::Duration;

use futures_util::future::join_all;
use starling_kernel::{
    id::{RoomName, UserId},
    ports::{Change, Leave, Parcel, Transition},
    topic::Topic,
};
use tokio::time::sleep;

use crate::support::ground::{CHAT, Ground, Node, ROOT, TIMES, member, room, settle};

pub(crate) async fn a_member_stays_for_the_grace_and_leaves_once(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    two.create(&room("r"), "ben", "c0").await;
    one.join(&room("r"), "ann", "c1").await;
    two.subscribe(&room("r")).await;
    assert!(!one.exit(&room("r"), "ann", "c1", Leave::AfterGrace).await);
    assert_eq!(two.total(&room("r")).await, 2);
    one.sweep_until(async || two.total(&room("r")).await == 1)
        .await;
    let left = two.hears_transition().await;
    assert_eq!((left.kind, left.member), (Change::Left, member("ann")));
    assert_eq!(left.conn, None);
    assert_eq!(two.sweep_for(Duration::from_millis(300)).await, 0);
    two.hears_nothing().await;
}

pub(crate) async fn who_comes_back_within_the_grace_never_left(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    one.create(&room("r"), "ann", "c1").await;
    one.register(&ROOT, "ann", "c1").await;
    two.subscribe(&room("r")).await;
    one.exit(&room("r"), "ann", "c1", Leave::AfterGrace).await;
    one.exit(&ROOT, "ann", "c1", Leave::AfterGrace).await;
    assert!(!two.join(&room("r"), "ann", "c2").await.first);
    assert!(!two.register(&ROOT, "ann", "c2").await.first);
    assert_eq!(one.sweep_for(TIMES.grace * 2).await, 0);
    two.hears_nothing().await;
    assert_eq!(one.names(&room("r")).await, ["ann"]);
    assert_eq!(one.names(&ROOT).await, ["ann"]);
}

pub(crate) async fn who_left_says_when_the_connection_was_lost(ground: Ground) {
    let mut node = ground.node("one").await;
    settle(&node).await;
    node.follow_presence().await;
    node.register(&ROOT, "ann", "c1").await;
    let entered = node.hears_transition().await;
    node.sweep_for(Duration::from_millis(300)).await;
    node.exit(&ROOT, "ann", "c1", Leave::AfterGrace).await;
    let now = node.backend.presence.beat(&node.life).await.unwrap().now;
    node.sweep_until(async || node.total(&ROOT).await == 0)
        .await;
    let left = node.hears_transition().await;
    assert_eq!(left.kind, Change::Left);
    assert!(left.at.0 >= entered.at.0 + 290, "{left:?} {entered:?}");
    assert!(left.at <= now);
}

pub(crate) async fn who_leaves_a_namespace_names_the_rooms(ground: Ground) {
    let mut node = ground.node("one").await;
    settle(&node).await;
    node.register(&ROOT, "ann", "c1").await;
    let rooms = [RoomName::trusted("a:b.c"), RoomName::trusted("r")];
    for room in &rooms {
        node.create(&Topic::room(room), "ann", "c1").await;
    }
    node.follow_presence().await;
    node.exit(&ROOT, "ann", "c1", Leave::AfterGrace).await;
    node.register(&ROOT, "ann", "c2").await;
    let back = node.hears_transition().await;
    assert_eq!((back.kind, &back.rooms[..]), (Change::Entered, &rooms[..]));
    node.exit(&ROOT, "ann", "c2", Leave::AfterGrace).await;
    node.sweep_until(async || node.total(&ROOT).await == 0)
        .await;
    let left = node.hears_transition().await;
    assert_eq!((left.kind, &left.rooms[..]), (Change::Left, &rooms[..]));
}

pub(crate) async fn the_rooms_are_named_although_they_were_swept_first(ground: Ground) {
    let mut node = ground.node("one").await;
    settle(&node).await;
    node.register(&ROOT, "ann", "c1").await;
    node.create(&room("r"), "ann", "c1").await;
    node.follow_presence().await;
    node.exit(&ROOT, "ann", "c1", Leave::AfterGrace).await;
    node.exit(&room("r"), "ann", "c1", Leave::Now).await;
    node.sweep_until(async || node.rooms_of("ann").await.is_empty())
        .await;
    assert_eq!(node.total(&ROOT).await, 1, "still within the grace");
    node.sweep_until(async || node.total(&ROOT).await == 0)
        .await;
    let left = node.hears_transition().await;
    assert_eq!(left.kind, Change::Left);
    assert_eq!(left.rooms, [RoomName::trusted("r")]);
}

pub(crate) async fn the_rooms_are_named_although_it_was_put_out_of_them_first(ground: Ground) {
    let mut node = ground.node("one").await;
    settle(&node).await;
    node.register(&ROOT, "ann", "c1").await;
    node.create(&room("r"), "ann", "c1").await;
    node.follow_presence().await;
    let (presence, ann) = (node.backend.presence.clone(), UserId::trusted("ann"));
    let rooms = [RoomName::trusted("r")];
    presence.evict(&room("r"), &ann, &[]).await.unwrap();
    node.sweep_until(async || node.rooms_of("ann").await.is_empty())
        .await;
    presence.evict(&ROOT, &ann, &rooms).await.unwrap();
    let left = hears_change(&mut node).await;
    assert_eq!((left.kind, &left.rooms[..]), (Change::Left, &rooms[..]));
    // And nothing is kept of it.
    presence.evict(&ROOT, &ann, &rooms).await.unwrap();
    node.register(&ROOT, "ann", "c2").await;
    assert_eq!(hears_change(&mut node).await.rooms, []);
    presence.evict(&ROOT, &ann, &[]).await.unwrap();
    assert_eq!(hears_change(&mut node).await.rooms, []);
}

/// The next transition, whatever orders come before it.
async fn hears_change(node: &mut Node) -> Transition {
    loop {
        if let (_, _, Parcel::Transition(transition)) = node.hears().await {
            return transition;
        }
    }
}

pub(crate) async fn concurrent_sweeps_claim_each_member_once(ground: Ground) {
    let mut node = ground.node("one").await;
    settle(&node).await;
    node.follow_presence().await;
    let users: Vec<_> = (0..40).map(|n| format!("user{n:02}")).collect();
    for user in &users {
        node.register(&ROOT, user, "c").await;
        node.exit(&ROOT, user, "c", Leave::AfterGrace).await;
        node.hears_transition().await;
    }
    let mut others = Vec::new();
    for n in 0..4 {
        others.push(ground.node(&format!("n{n}")).await);
    }
    let all_gone = async || others[0].total(&ROOT).await == 0;
    let swept = join_all((0..20).map(|n| others[n % 4].sweep_until(all_gone))).await;
    assert_eq!(swept.iter().sum::<usize>(), users.len());
    let mut left = Vec::new();
    for _ in &users {
        let transition = node.hears_transition().await;
        assert_eq!(transition.kind, Change::Left);
        left.push(transition.member.user.to_string());
    }
    left.sort();
    assert_eq!(left, users);
    node.hears_nothing().await;
}

pub(crate) async fn a_room_goes_with_its_last_member_after_the_grace(ground: Ground) {
    let node = ground.node("one").await;
    settle(&node).await;
    node.create(&room("r"), "ann", "c1").await;
    node.say(&room("r"), "hi").await;
    node.exit(&room("r"), "ann", "c1", Leave::AfterGrace).await;
    let (rooms, name) = (&node.backend.rooms, RoomName::trusted("r"));
    let ann = UserId::trusted("ann");
    let lingering = rooms.room(&name, &ann).await.unwrap().unwrap();
    assert_eq!(lingering.members, 1);
    node.say(&room("r"), "still there").await;
    node.sweep_until(async || rooms.room(&name, &ann).await == Ok(None))
        .await;
    let page = node.backend.log.latest(&room("r"), 10).await.unwrap();
    assert_eq!(page, Default::default());
}

pub(crate) async fn a_pause_of_all_sweeps_puts_deadlines_off(ground: Ground) {
    let node = ground.node("one").await;
    settle(&node).await;
    node.register(&ROOT, "ann", "c1").await;
    node.exit(&ROOT, "ann", "c1", Leave::AfterGrace).await;
    sleep(TIMES.lease).await;
    // Her grace is over, but nobody was there to see her come back.
    assert_eq!(node.backend.presence.sweep().await.unwrap().removed, 0);
    node.register(&ROOT, "ann", "c2").await;
    assert_eq!(node.sweep_for(TIMES.lease + TIMES.grace).await, 0);
    assert_eq!(node.names(&ROOT).await, ["ann"]);
}

pub(crate) async fn an_application_is_told_who_was_lost_and_came_back(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.register(&ROOT, "ann", "c0").await;
    one.register(&CHAT, "ann", "c1").await;
    one.register(&CHAT, "ann", "c2").await;
    two.follow_presence().await;
    one.exit(&ROOT, "ann", "c0", Leave::AfterGrace).await;
    one.exit(&CHAT, "ann", "c1", Leave::AfterGrace).await;
    two.hears_nothing().await;
    one.exit(&CHAT, "ann", "c2", Leave::AfterGrace).await;
    let lost = two.hears_transition().await;
    assert_eq!((lost.kind, lost.place.as_str()), (Change::Lost, "/chat"));
    assert_eq!((lost.member, lost.total), (member("ann"), 1));
    two.register(&CHAT, "ann", "c3").await;
    let back = two.hears_transition().await;
    assert_eq!((back.kind, back.again), (Change::Entered, true));
    one.register(&CHAT, "ben", "c4").await;
    let first = two.hears_transition().await;
    assert_eq!((first.kind, first.again), (Change::Entered, false));
}
