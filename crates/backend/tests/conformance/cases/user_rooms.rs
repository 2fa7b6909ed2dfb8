//! The rooms of a user, and where it is.

use starling_kernel::{
    id::{RoomName, UserId},
    ports::{Entry, Leave, PortError},
};
use tokio::time::{Duration, Instant, sleep};

use crate::support::ground::{CHAT, Ground, Node, ROOT, TIMES, member, room, settle};

const JOIN: Entry = Entry::Join { granted: false };
const CREATE: Entry = Entry::Create { private: false };

/// Enters with no more than `most` rooms.
async fn enter(
    node: &Node,
    name: &str,
    conn: &str,
    entry: Entry,
    most: usize,
) -> Result<bool, PortError> {
    let (presence, holder) = (&node.backend.presence, node.holder(conn));
    let entered = presence
        .enter(&room(name), &member("ann"), &holder, &entry, most)
        .await;
    entered.map(|entered| entered.first)
}

async fn sweep_until_in(node: &Node, rooms: &[&str]) {
    node.sweep_until(async || node.rooms_of("ann").await == rooms)
        .await;
}

pub(crate) async fn a_users_rooms_are_those_that_it_has_entered(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    assert_eq!(one.rooms_of("ann").await, [""; 0]);
    for name in ["s", "r", "a:b.c"] {
        one.create(&room(name), "ann", "c1").await;
    }
    two.join(&room("r"), "ann", "c2").await;
    two.join(&room("r"), "ben", "c3").await;
    assert_eq!(two.rooms_of("ann").await, ["a:b.c", "r", "s"]);
    assert_eq!(two.rooms_of("ben").await, ["r"]);
    let ann = UserId::trusted("ann");
    let presence = &two.backend.presence;
    let found = presence.whereabouts(&ROOT, &ann).await.unwrap();
    assert_eq!(found.member, None, "she is not announced anywhere");
    two.register(&ROOT, "ann", "c2").await;
    let found = presence.whereabouts(&ROOT, &ann).await.unwrap();
    assert_eq!(found.member, Some(member("ann")));
    assert_eq!(found.rooms.len(), 3);
    let elsewhere = presence.whereabouts(&CHAT, &ann).await.unwrap();
    assert_eq!(elsewhere.member, None);
}

pub(crate) async fn a_users_rooms_shrink_however_it_leaves(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    for name in ["a", "b", "c", "d"] {
        one.create(&room(name), "ann", "c1").await;
    }
    two.join(&room("a"), "ann", "c2").await;
    one.exit(&room("a"), "ann", "c1", Leave::Now).await;
    one.exit(&room("b"), "ann", "c1", Leave::Now).await;
    sweep_until_in(&two, &["a", "c", "d"]).await;
    let ann = UserId::trusted("ann");
    let presence = &two.backend.presence;
    presence.evict(&room("c"), &ann, &[]).await.unwrap();
    sweep_until_in(&two, &["a", "d"]).await;
    one.exit(&room("d"), "ann", "c1", Leave::AfterGrace).await;
    assert_eq!(two.rooms_of("ann").await, ["a", "d"]);
    sweep_until_in(&one, &["a"]).await;
    two.exit(&room("a"), "ann", "c2", Leave::Now).await;
    sweep_until_in(&one, &[]).await;
}

pub(crate) async fn one_room_too_many_is_not_entered(ground: Ground) {
    let node = ground.node("one").await;
    node.create(&room("full"), "ben", "c0").await;
    for name in ["a", "b"] {
        assert_eq!(enter(&node, name, "c1", CREATE, 2).await, Ok(true));
    }
    let refused = enter(&node, "new", "c1", CREATE, 2).await;
    assert_eq!(refused, Err(PortError::TooManyRooms));
    for name in ["full", "not there"] {
        let refused = enter(&node, name, "c1", JOIN, 2).await;
        assert_eq!(refused, Err(PortError::TooManyRooms));
    }
    assert_eq!(node.rooms_of("ann").await, ["a", "b"]);
    assert_eq!(node.total(&room("new")).await, 0);
    let rooms = &node.backend.rooms;
    let public = rooms.public(9).await.unwrap();
    assert_eq!((public.rooms.len(), public.total), (3, 3), "not created");
    assert_eq!(node.names(&room("full")).await, ["ben"]);

    // What she is in already does not count, and what she leaves makes room at once.
    assert_eq!(enter(&node, "a", "c2", JOIN, 2).await, Ok(false));
    assert_eq!(enter(&node, "a", "c3", Entry::Return, 0).await, Ok(false));
    node.exit(&room("b"), "ann", "c1", Leave::Now).await;
    assert_eq!(enter(&node, "full", "c1", JOIN, 2).await, Ok(true));
    assert_eq!(node.rooms_of("ann").await, ["a", "full"]);
}

pub(crate) async fn one_room_too_many_is_not_told_of(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.create(&room("r"), "ben", "c0").await;
    two.subscribe(&room("r")).await;
    let refused = enter(&one, "r", "c1", JOIN, 0).await;
    assert_eq!(refused, Err(PortError::TooManyRooms));
    two.hears_nothing().await;
}

pub(crate) async fn who_comes_back_before_it_was_taken_out_stays_in(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ben", "c0").await;
    for _ in 0..5 {
        one.join(&room("r"), "ann", "c1").await;
        one.exit(&room("r"), "ann", "c1", Leave::Now).await;
    }
    two.join(&room("r"), "ann", "c2").await;
    two.sweep_for(Duration::from_millis(300)).await;
    one.sweep_for(Duration::from_millis(300)).await;
    assert_eq!(one.rooms_of("ann").await, ["r"]);
    two.exit(&room("r"), "ann", "c2", Leave::Now).await;
    sweep_until_in(&one, &[]).await;
}

pub(crate) async fn of_two_rooms_at_once_no_more_are_entered_than_may_be(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    for n in 0..5 {
        let names = [format!("a{n}"), format!("b{n}")];
        let entered = tokio::join!(
            enter(&one, &names[0], "c1", CREATE, 1),
            enter(&two, &names[1], "c2", CREATE, 1)
        );
        let (node, conn, name) = match entered {
            (Ok(true), Err(PortError::TooManyRooms)) => (&one, "c1", &names[0]),
            (Err(PortError::TooManyRooms), Ok(true)) => (&two, "c2", &names[1]),
            other => panic!("{other:?}"),
        };
        assert_eq!(one.rooms_of("ann").await, [name.as_str()]);
        let rooms = &one.backend.rooms;
        assert_eq!(rooms.public(9).await.unwrap().total, 1);
        node.exit(&room(name), "ann", conn, Leave::Now).await;
    }
}

pub(crate) async fn who_is_evicted_while_it_enters_is_in_its_rooms_only(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ben", "c0").await;
    let (ann, r) = (UserId::trusted("ann"), room("r"));
    for _ in 0..20 {
        let (entered, evicted, swept) = tokio::join!(
            enter(&one, "r", "c1", JOIN, 9),
            two.backend.presence.evict(&r, &ann, &[]),
            two.backend.presence.sweep(),
        );
        assert!(entered.is_ok() && evicted.is_ok() && swept.is_ok());
    }
    one.join(&r, "ann", "c1").await;
    two.sweep_for(Duration::from_millis(300)).await;
    assert_eq!(two.rooms_of("ann").await, ["r"]);
    two.backend.presence.evict(&r, &ann, &[]).await.unwrap();
    sweep_until_in(&two, &[]).await;
}

pub(crate) async fn nothing_remains_of_those_who_left(ground: Ground) {
    let (mut one, two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    let before = ground.keys().await;
    for n in 0..20 {
        let (user, name) = (format!("user{n}"), room(&format!("r{}", n % 7)));
        let private = Entry::Create {
            private: n % 2 == 0,
        };
        let entered = one.enter(&name, &user, "c1", private).await;
        if entered.is_err() {
            let vouched = Entry::Join { granted: true };
            one.enter(&name, &user, "c1", vouched).await.unwrap();
        }
        one.say(&name, "hi").await;
        one.register(&ROOT, &user, "c1").await;
        two.register(&CHAT, &user, "c2").await;
    }
    let rooms = one.backend.rooms.clone();
    let ann = UserId::trusted("ann");
    for name in ["r1", "r2"] {
        let name = RoomName::trusted(name);
        rooms.grant(&name, &ann, true).await.unwrap();
    }
    let former = one.life.clone();
    // Some leave, some are evicted, some are lost, and the rest goes with its node.
    for n in 0..15 {
        let (user, name) = (format!("user{n}"), room(&format!("r{}", n % 7)));
        let id = UserId::trusted(&user);
        match n % 3 {
            0 => drop(one.exit(&name, &user, "c1", Leave::Now).await),
            1 => one.backend.presence.evict(&name, &id, &[]).await.unwrap(),
            _ => drop(one.exit(&name, &user, "c1", Leave::AfterGrace).await),
        }
        two.exit(&CHAT, &user, "c2", Leave::AfterGrace).await;
    }
    one.begin_anew(&[]).await;
    for life in [&former, &two.life] {
        one.backend.presence.retire(life).await.unwrap();
        one.reap(life).await;
    }
    one.sweep_until(async || one.total(&ROOT).await + one.total(&CHAT).await == 0)
        .await;
    let give_up = Instant::now() + TIMES.lease * 8;
    while ground.keys().await != before {
        let left = ground.keys().await;
        assert!(Instant::now() < give_up, "{left:#?}");
        one.sweep_for(Duration::from_millis(100)).await;
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(one.rooms_of("user3").await, [""; 0]);
}
