//! What a node that holds something puts back.

use starling_kernel::{
    id::{RoomName, UserId},
    ports::{Change, Entered, Entry, Held, Leave, PortError, Status},
    time::Stamp,
};
use tokio::time::sleep;

use crate::support::ground::{CHAT, Ground, Node, ROOT, TIMES, room, settle};

const JOIN: Entry = Entry::Join { granted: false };

/// What the node notes of a place that it entered.
fn held(entered: &Entered) -> Held {
    Held {
        since: entered.at,
        created: entered.created,
        private: entered.private,
        granted: false,
        holds_grant: entered.holds_grant,
    }
}

async fn create(node: &Node, name: &str, user: &str, private: bool) -> Held {
    let create = Entry::Create { private };
    let conn = format!("c-{user}");
    held(&node.enter(&room(name), user, &conn, create).await.unwrap())
}

async fn restore(node: &Node, name: &str, user: &str, held: &Held) -> Result<Entered, PortError> {
    let restore = Entry::Restore(held.clone());
    let conn = format!("c-{user}");
    node.enter(&room(name), user, &conn, restore).await
}

pub(crate) async fn a_restored_room_is_the_room_that_it_was(ground: Ground) {
    let mut node = ground.node("one").await;
    let ann = create(&node, "r", "ann", true).await;
    let eve = Entry::Join { granted: true };
    let eve = held(&node.enter(&room("r"), "eve", "c-eve", eve).await.unwrap());
    let rooms = node.backend.rooms.clone();
    let look = async || {
        let (name, ann) = (RoomName::trusted("r"), UserId::trusted("ann"));
        rooms.room(&name, &ann).await.unwrap().unwrap()
    };
    let before = look().await;
    ground.wipe().await;
    node.begin_anew(&[]).await;
    let entered = restore(&node, "r", "ann", &ann).await.unwrap();
    assert!(entered.first && entered.private);
    assert_eq!(entered.created, ann.created);
    assert_eq!(look().await.created, before.created);
    let refused = node.enter(&room("r"), "ben", "c2", JOIN).await;
    assert_eq!(refused, Err(PortError::NotAuthorized));
    // Whoever was in it is let in, too, and what it says of the room does not count any more.
    let as_known = Held {
        private: false,
        ..eve
    };
    let entered = restore(&node, "r", "eve", &as_known).await.unwrap();
    assert!(entered.private, "it exists, and stays as it is");
    for user in ["ann", "eve"] {
        let user = UserId::trusted(user);
        let listed = rooms.private(&user, &[], 9).await.unwrap().rooms;
        assert_eq!(listed.len(), 1);
        assert!(listed[0].private && listed[0].members == 2);
    }
}

pub(crate) async fn a_restored_room_has_the_grants_of_its_members(ground: Ground) {
    let mut node = ground.node("one").await;
    let ann = create(&node, "r", "ann", true).await;
    let eve = Entry::Join { granted: true };
    let eve = held(&node.enter(&room("r"), "eve", "c-eve", eve).await.unwrap());
    assert!(ann.holds_grant && !eve.holds_grant);
    ground.wipe().await;
    node.begin_anew(&[]).await;
    // Whoever comes first.
    restore(&node, "r", "eve", &eve).await.unwrap();
    assert!(restore(&node, "r", "ann", &ann).await.unwrap().holds_grant);
    for (user, again) in [("ann", Ok(())), ("eve", Err(PortError::NotAuthorized))] {
        let conn = format!("c-{user}");
        node.exit(&room("r"), user, &conn, Leave::Now).await;
        let entered = node.enter(&room("r"), user, &conn, JOIN).await;
        assert_eq!(entered.map(drop), again, "{user}");
    }
}

pub(crate) async fn a_grant_that_was_taken_does_not_come_back_while_the_room_is_there(
    ground: Ground,
) {
    let mut node = ground.node("one").await;
    let ann = create(&node, "r", "ann", true).await;
    let (name, user) = (RoomName::trusted("r"), UserId::trusted("ann"));
    let rooms = node.backend.rooms.clone();
    rooms.grant(&name, &user, false).await.unwrap();
    node.begin_anew(&[]).await;
    assert!(!restore(&node, "r", "ann", &ann).await.unwrap().holds_grant);
}

pub(crate) async fn what_is_there_is_restored_without_a_change(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let ann = create(&one, "r", "ann", false).await;
    let online = one.register(&ROOT, "ann", "c-ann").await;
    let at = one.say(&room("r"), "hi").await;
    two.subscribe(&room("r")).await;
    two.follow_presence().await;
    one.begin_anew(&[]).await;
    let entered = restore(&one, "r", "ann", &ann).await.unwrap();
    assert!(!entered.first);
    assert_eq!((entered.created, entered.log), (ann.created, at));
    let restore = Entry::Restore(held(&online));
    let entered = one.enter(&ROOT, "ann", "c-ann", restore).await.unwrap();
    assert!(!entered.first);
    two.hears_nothing().await;
}

pub(crate) async fn another_room_of_that_name_is_joined_under_its_own_rules(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let ann = create(&one, "r", "ann", true).await;
    let open = create(&one, "s", "ann", false).await;
    ground.wipe().await;
    one.begin_anew(&[]).await;
    two.begin_anew(&[]).await;
    let other = create(&two, "r", "ben", true).await;
    assert_ne!(other.created, ann.created);
    create(&two, "s", "ben", false).await;
    let refused = restore(&one, "r", "ann", &ann).await;
    assert_eq!(refused, Err(PortError::NotAuthorized));
    assert_eq!(one.names(&room("r")).await, ["ben"]);
    assert_eq!(one.rooms_of("ann").await, [""; 0]);
    let vouched = Held {
        granted: true,
        ..ann.clone()
    };
    let entered = restore(&one, "r", "ann", &vouched).await.unwrap();
    assert_eq!((entered.created, entered.private), (other.created, true));
    restore(&one, "r", "ann", &ann).await.expect("a member");
    one.exit(&room("r"), "ann", "c-ann", Leave::Now).await;
    let (name, user) = (RoomName::trusted("r"), UserId::trusted("ann"));
    let rooms = &two.backend.rooms;
    rooms.grant(&name, &user, true).await.unwrap();
    restore(&one, "r", "ann", &ann).await.expect("a grant");
    let entered = restore(&one, "s", "ann", &open).await.unwrap();
    assert!(!entered.private, "a public one takes in everybody");
}

pub(crate) async fn nobody_is_brought_from_a_private_room_into_a_public_one(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let ann = create(&one, "r", "ann", true).await;
    ground.wipe().await;
    one.begin_anew(&[]).await;
    two.begin_anew(&[]).await;
    create(&two, "r", "ben", false).await;
    for granted in [false, true] {
        let held = Held {
            granted,
            ..ann.clone()
        };
        let refused = restore(&one, "r", "ann", &held).await;
        assert_eq!(refused, Err(PortError::NotAuthorized));
    }
    assert_eq!(one.names(&room("r")).await, ["ben"]);
    one.join(&room("r"), "ann", "c-ann").await;
}

pub(crate) async fn who_was_evicted_is_not_restored_until_it_enters_anew(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    let (presence, user) = (&two.backend.presence, UserId::trusted("ann"));
    create(&two, "r", "ben", false).await;
    let ann = held(&one.enter(&room("r"), "ann", "c-ann", JOIN).await.unwrap());
    presence.evict(&room("r"), &user, &[]).await.unwrap();
    let refused = restore(&one, "r", "ann", &ann).await;
    assert_eq!(refused, Err(PortError::NotAMember));
    assert_eq!(one.names(&room("r")).await, ["ben"]);

    let again = held(&one.enter(&room("r"), "ann", "c-ann", JOIN).await.unwrap());
    assert!(again.since > ann.since);
    restore(&one, "r", "ann", &again).await.expect("since then");
    let refused = restore(&one, "r", "ann", &ann).await;
    assert_eq!(refused, Err(PortError::NotAMember), "another connection");

    // And so it is with a namespace, and where there was nobody to evict.
    let online = one.register(&ROOT, "ann", "c1").await;
    let open = Entry::Restore(held(&online));
    presence.evict(&ROOT, &user, &[]).await.unwrap();
    presence.evict(&ROOT, &user, &[]).await.unwrap();
    let refused = one.enter(&ROOT, "ann", "c1", open).await;
    assert_eq!(refused, Err(PortError::NotAMember));
    let other = Entry::Restore(Held::default());
    let entered = one.enter(&CHAT, "ann", "c1", other).await;
    entered.expect("the namespaces are not one");
    let online = one.register(&ROOT, "ann", "c1").await;
    let open = Entry::Restore(held(&online));
    one.enter(&ROOT, "ann", "c1", open).await.unwrap();
}

pub(crate) async fn a_room_is_not_created_anew_by_who_was_evicted(ground: Ground) {
    let node = ground.node("one").await;
    let ann = create(&node, "r", "ann", false).await;
    let (presence, user) = (&node.backend.presence, UserId::trusted("ann"));
    presence.evict(&room("r"), &user, &[]).await.unwrap();
    let refused = restore(&node, "r", "ann", &ann).await;
    assert_eq!(refused, Err(PortError::NotAMember));
    let join = node.enter(&room("r"), "ben", "c2", JOIN).await;
    assert_eq!(join, Err(PortError::NoRoom));
}

pub(crate) async fn restoring_after_everything_was_lost_is_quiet(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    let ann = create(&one, "r", "ann", false).await;
    let online = one.register(&ROOT, "ann", "c-ann").await;
    two.subscribe(&room("r")).await;
    two.follow_presence().await;
    ground.wipe().await;
    two.begin_anew(&[]).await;
    one.begin_anew(&[]).await;
    restore(&one, "r", "ann", &ann).await.unwrap();
    let open = Entry::Restore(held(&online));
    let entered = one.enter(&ROOT, "ann", "c-ann", open).await;
    assert!(entered.unwrap().first);
    // Two places may be of two masters, and have no order then.
    let mut places = Vec::new();
    for _ in 0..2 {
        let heard = two.hears_transition().await;
        assert_eq!(heard.kind, Change::Restored);
        places.push(heard.place);
    }
    places.sort();
    assert_eq!(places, [ROOT, room("r")].map(|place| place.to_string()));
    assert_eq!(two.names(&room("r")).await, ["ann"]);
    assert_eq!(two.names(&ROOT).await, ["ann"]);
    assert_eq!(two.rooms_of("ann").await, ["r"]);
    // Who comes now is told of.
    two.join(&room("r"), "ben", "c2").await;
    assert_eq!(two.hears_transition().await.member.user.as_str(), "ben");
    two.register(&ROOT, "ben", "c2").await;
    assert_eq!(two.hears_transition().await.member.user.as_str(), "ben");
}

pub(crate) async fn nobody_is_gone_while_everything_is_restored(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    settle(&one).await;
    let ann = create(&one, "r", "ann", false).await;
    let ben = held(&two.enter(&room("r"), "ben", "c-ben", JOIN).await.unwrap());
    ground.wipe().await;
    one.begin_anew(&[]).await;
    two.begin_anew(&[]).await;
    restore(&one, "r", "ann", &ann).await.unwrap();
    restore(&two, "r", "ben", &ben).await.unwrap();
    assert_eq!(two.total(&room("r")).await, 2);
    one.exit(&room("r"), "ann", "c-ann", Leave::AfterGrace)
        .await;
    let paused = TIMES.grace + TIMES.lease / 2;
    assert_eq!(one.sweep_for(paused).await, 0);
    one.sweep_until(async || one.total(&room("r")).await == 1)
        .await;
}

pub(crate) async fn a_status_survives_what_was_lost(ground: Ground) {
    let mut node = ground.node("one").await;
    let online = node.register(&ROOT, "ann", "c1").await;
    ground.wipe().await;
    node.begin_anew(&[]).await;
    let mut away = crate::support::ground::member("ann");
    away.status = Status::Away;
    let (presence, holder) = (&node.backend.presence, node.holder("c1"));
    let open = Entry::Restore(held(&online));
    presence
        .enter(&ROOT, &away, &holder, &open, 9)
        .await
        .unwrap();
    let found = presence.whereabouts(&ROOT, &away.user).await.unwrap();
    assert_eq!(found.member, Some(away));
}

pub(crate) async fn stamps_tell_what_came_later(ground: Ground) {
    let node = ground.node("one").await;
    let user = UserId::trusted("ann");
    let mut last = Stamp::default();
    node.create(&room("r"), "ben", "c0").await;
    for _ in 0..50 {
        let entered = node.join(&room("r"), "ann", "c1").await;
        let presence = &node.backend.presence;
        presence.evict(&room("r"), &user, &[]).await.unwrap();
        assert!(last < entered.at);
        last = entered.at;
    }
    sleep(TIMES.grace).await;
    let now = node.backend.presence.beat(&node.life).await.unwrap().now;
    assert!(last < now.into() && last.0 > 1_600_000_000_000_000);
}
