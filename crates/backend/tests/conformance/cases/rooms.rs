use starling_kernel::{
    id::{RoomName, UserId},
    ports::{Entry, Leave, Parcel, PortError, Room},
    time::Stamp,
};

use crate::support::ground::{Ground, Node, draft, room};

const PRIVATE: Entry = Entry::Create { private: true };
const JOIN: Entry = Entry::Join { granted: false };

async fn look(node: &Node, name: &str, user: &str) -> Option<Room> {
    let rooms = &node.backend.rooms;
    rooms
        .room(&RoomName::trusted(name), &UserId::trusted(user))
        .await
        .unwrap()
}

async fn grant(node: &Node, name: &str, user: &str, granted: bool) -> Result<(), PortError> {
    let rooms = &node.backend.rooms;
    let (name, user) = (RoomName::trusted(name), UserId::trusted(user));
    rooms.grant(&name, &user, granted).await
}

pub(crate) async fn a_room_is_created_once(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    let again = Entry::Create { private: false };
    let result = two.enter(&room("r"), "ben", "c2", again).await;
    assert_eq!(result, Err(PortError::RoomExists));
    let found = look(&two, "r", "ben").await.unwrap();
    assert_eq!(
        (found.members, found.private, found.granted),
        (1, false, false)
    );
    assert!(found.created.0 > 1_600_000_000_000_000);
    assert!(look(&two, "r", "ann").await.unwrap().granted);
}

pub(crate) async fn a_room_must_exist_to_be_joined(ground: Ground) {
    let node = ground.node("one").await;
    let join = Entry::Join { granted: true };
    let result = node.enter(&room("r"), "ann", "c1", join).await;
    assert_eq!(result, Err(PortError::NoRoom));
    assert_eq!(look(&node, "r", "ann").await, None);
    assert_eq!(grant(&node, "r", "ann", true).await, Err(PortError::NoRoom));
}

pub(crate) async fn a_private_room_needs_a_grant_a_voucher_or_a_membership(ground: Ground) {
    let node = ground.node("one").await;
    let r = room("r");
    node.enter(&r, "ann", "c1", PRIVATE).await.unwrap();
    let refused = node.enter(&r, "ben", "c2", JOIN).await;
    assert_eq!(refused, Err(PortError::NotAuthorized));
    assert_eq!(node.total(&r).await, 1);

    let vouched = Entry::Join { granted: true };
    let entered = node.enter(&r, "ben", "c2", vouched).await.unwrap();
    assert!(entered.first && entered.private);
    node.enter(&r, "ben", "c3", JOIN).await.expect("a member");
    grant(&node, "r", "eve", true).await.unwrap();
    node.enter(&r, "eve", "c4", JOIN).await.expect("a grant");

    grant(&node, "r", "eve", false).await.unwrap();
    assert_eq!(node.total(&r).await, 3, "taking a grant removes nobody");
    node.exit(&r, "eve", "c4", Leave::Now).await;
    let refused = node.enter(&r, "eve", "c4", JOIN).await;
    assert_eq!(refused, Err(PortError::NotAuthorized));
    node.exit(&r, "ann", "c1", Leave::Now).await;
    node.enter(&r, "ann", "c1", JOIN)
        .await
        .expect("the creator");
}

pub(crate) async fn a_grant_lives_as_long_as_the_room(ground: Ground) {
    let node = ground.node("one").await;
    let r = room("r");
    node.enter(&r, "ann", "c1", PRIVATE).await.unwrap();
    grant(&node, "r", "ben", true).await.unwrap();
    assert!(look(&node, "r", "ben").await.unwrap().granted);
    node.exit(&r, "ann", "c1", Leave::Now).await;
    node.enter(&r, "eve", "c2", PRIVATE).await.unwrap();
    for stranger in ["ann", "ben"] {
        assert!(!look(&node, "r", stranger).await.unwrap().granted);
    }
}

pub(crate) async fn a_rooms_names_do_not_leak_between_rooms(ground: Ground) {
    let node = ground.node("one").await;
    for name in ["a", "a:b", "a.b", "order:/#a"] {
        node.create(&room(name), name, "c1").await;
        node.say(&room(name), "hi").await;
    }
    for name in ["a", "a:b", "a.b", "order:/#a"] {
        assert_eq!(node.names(&room(name)).await, [name]);
        let page = node.backend.log.latest(&room(name), 10).await.unwrap();
        assert_eq!(page.entries.len(), 1);
    }
    node.exit(&room("a"), "a", "c1", Leave::Now).await;
    assert_eq!(node.names(&room("a:b")).await, ["a:b"]);
}

pub(crate) async fn only_a_member_may_return(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    let r = room("r");
    let back = async |node: &Node, conn| node.enter(&r, "ann", conn, Entry::Return).await;
    assert_eq!(back(&one, "c1").await, Err(PortError::NoRoom));
    one.create(&r, "ben", "c0").await;
    assert_eq!(back(&one, "c1").await, Err(PortError::NotAMember));
    let private = Entry::Join { granted: true };
    one.enter(&r, "ann", "c1", private).await.unwrap();
    let entered = back(&two, "c2").await.expect("held by another");
    assert!(!entered.first);
    one.exit(&r, "ann", "c1", Leave::AfterGrace).await;
    two.exit(&r, "ann", "c2", Leave::AfterGrace).await;
    let entered = back(&one, "c3").await.expect("within the grace");
    assert!(!entered.first);
    one.exit(&r, "ann", "c3", Leave::Now).await;
    assert_eq!(back(&one, "c3").await, Err(PortError::NotAMember));
    assert_eq!(one.names(&r).await, ["ben"]);
}

/// What is heard of a coming, and what is read, name the room by when it was created, and what is said
/// to the one is refused by the other.
pub(crate) async fn the_next_room_of_a_name_is_another_in_all_that_is_said_of_it(ground: Ground) {
    let mut node = ground.node("one").await;
    let (r, said) = (room("r"), draft("a"));
    node.subscribe(&r).await;
    let log = node.backend.log.clone();
    let mut before = Stamp::default();
    for _ in 0..2 {
        let entered = node.enter(&r, "ann", "c1", PRIVATE).await.unwrap();
        let created = entered.created;
        assert!(created > before);
        assert_eq!(node.hears_transition().await.created, created);
        assert_eq!(look(&node, "r", "ann").await.unwrap().created, created);
        let members = node.backend.presence.members(&r, 9).await.unwrap();
        assert_eq!(members.created, created);
        let to_former = log.append(&r, &said.clone().to_room(before), None).await;
        assert_eq!(to_former, Err(PortError::NotAMember));
        let to_this = log.append(&r, &said.clone().to_room(created), None).await;
        let at = to_this.unwrap().position;
        let Parcel::Message(heard) = node.hears().await.2 else {
            panic!("not a message");
        };
        assert_eq!(heard.created, created);
        for page in [log.latest(&r, 9).await, log.after(&r, 0, 9).await] {
            let page = page.unwrap();
            assert_eq!(page.created, created);
            assert_eq!(page.entries, [(at.seq, Parcel::Message(heard.clone()))]);
            assert_eq!(page.of(before), Err(PortError::NotAMember));
        }
        node.exit(&r, "ann", "c1", Leave::Now).await;
        assert_eq!(node.hears_transition().await.created, created);
        let to_none = log.append(&r, &said.clone().to_room(created), None).await;
        assert_eq!(to_none, Err(PortError::NoRoom));
        assert_eq!(log.latest(&r, 0).await.unwrap().created, Stamp::default());
        before = created;
    }
}

pub(crate) async fn a_secret_is_the_first_candidate(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    let (one, two) = (one.backend.rooms, two.backend.rooms);
    assert_eq!(one.secret("cursor", "first").await.unwrap(), "first");
    assert_eq!(two.secret("cursor", "second").await.unwrap(), "first");
    assert_eq!(two.secret("other", "third").await.unwrap(), "third");
}
