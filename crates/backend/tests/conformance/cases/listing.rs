//! Which rooms are listed to whom.

use std::time::Duration;

use starling_kernel::{
    id::{RoomName, UserId},
    pattern::matches,
    ports::{Entry, Leave, Listing},
    topic::Topic,
};
use tokio::time::sleep;

use crate::support::ground::{Ground, Node, ROOT, room};

const PRIVATE: Entry = Entry::Create { private: true };
const VOUCHED: Entry = Entry::Join { granted: true };

async fn create_private(node: &Node, name: &str, user: &str) {
    node.enter(&room(name), user, "c", PRIVATE).await.unwrap();
}

async fn grant(node: &Node, name: &str, user: &str, granted: bool) {
    let (name, user) = (RoomName::trusted(name), UserId::trusted(user));
    let rooms = &node.backend.rooms;
    rooms.grant(&name, &user, granted).await.unwrap();
}

async fn private(node: &Node, user: &str, vouched: &[&str], limit: usize) -> Listing {
    let vouched: Vec<_> = vouched.iter().map(ToString::to_string).collect();
    let rooms = &node.backend.rooms;
    let listing = rooms.private(&UserId::trusted(user), &vouched, limit).await;
    let listing = listing.unwrap();
    assert!(listing.rooms.iter().all(|room| room.private));
    listing
}

fn names(listing: &Listing) -> Vec<&str> {
    let names = listing.rooms.iter().map(|room| room.name.as_str());
    names.collect()
}

/// All private rooms that are listed to a user whose token vouches for these, by name.
async fn seen_with(node: &Node, user: &str, vouched: &[&str]) -> Vec<String> {
    let listing = private(node, user, vouched, 1_000).await;
    assert_eq!(listing.rooms.len() as u64, listing.total);
    let mut names: Vec<_> = names(&listing).into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

async fn seen(node: &Node, user: &str) -> Vec<String> {
    seen_with(node, user, &[]).await
}

/// Creates rooms that are older one than the other.
async fn create_one_by_one(node: &Node, names: &[&str], entry: Entry) {
    for name in names {
        let entered = node.enter(&room(name), "ann", "c", entry.clone()).await;
        entered.unwrap();
        sleep(Duration::from_millis(3)).await;
    }
}

pub(crate) async fn public_rooms_are_listed_oldest_first(ground: Ground) {
    let node = ground.node("one").await;
    let rooms = &node.backend.rooms;
    assert_eq!(rooms.public(3).await.unwrap(), Listing::default());
    let open = Entry::Create { private: false };
    create_one_by_one(&node, &["d", "b", "c", "a"], open).await;
    create_private(&node, "hidden", "ann").await;
    // Rooms of another namespace are not of this list, nor are namespaces.
    let elsewhere = Topic::Room("/chat", RoomName::trusted("z"));
    node.create(&elsewhere, "ann", "c").await;
    node.register(&ROOT, "ann", "c").await;
    node.join(&room("b"), "ben", "c2").await;

    let public = rooms.public(3).await.unwrap();
    assert_eq!((names(&public), public.total), (vec!["d", "b", "c"], 4));
    let members: Vec<_> = public.rooms.iter().map(|room| room.members).collect();
    assert_eq!(members, [1, 2, 1]);
    let unlike = |room: &&starling_kernel::ports::Room| room.private || room.created.0 == 0;
    assert_eq!(public.rooms.iter().find(unlike), None);
    node.exit(&room("d"), "ann", "c", Leave::Now).await;
    let public = rooms.public(9).await.unwrap();
    assert_eq!((names(&public), public.total), (vec!["b", "c", "a"], 3));
    let none = rooms.public(0).await.unwrap();
    assert_eq!((none.rooms.len(), none.total), (0, 3));
}

pub(crate) async fn private_rooms_are_listed_oldest_first(ground: Ground) {
    let node = ground.node("one").await;
    create_one_by_one(&node, &["d", "b", "c", "a"], PRIVATE).await;
    node.enter(&room("b"), "ben", "c2", VOUCHED).await.unwrap();
    for vouched in [&[][..], &["*"], &["a", "c"]] {
        let some = private(&node, "ann", vouched, 3).await;
        assert_eq!((names(&some), some.total), (vec!["d", "b", "c"], 4));
        let members: Vec<_> = some.rooms.iter().map(|room| room.members).collect();
        assert_eq!(members, [1, 2, 1]);
        let none = private(&node, "ann", vouched, 0).await;
        assert_eq!((none.rooms.len(), none.total), (0, 4));
    }
    let some = private(&node, "eve", &["*"], 2).await;
    assert_eq!((names(&some), some.total), (vec!["d", "b"], 4));
}

pub(crate) async fn private_rooms_are_listed_to_those_who_may_join(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    create_private(&one, "anns", "ann").await;
    create_private(&two, "bens", "ben").await;
    one.create(&room("open"), "ann", "c").await;
    let elsewhere = Topic::Room("/chat", RoomName::trusted("z"));
    one.enter(&elsewhere, "ann", "c", PRIVATE).await.unwrap();
    grant(&two, "bens", "eve", true).await;
    grant(&two, "open", "eve", true).await;
    assert_eq!(seen(&two, "ann").await, ["anns"]);
    assert_eq!(seen(&one, "ben").await, ["bens"]);
    assert_eq!(seen(&one, "eve").await, ["bens"]);
    assert_eq!(seen(&one, "who").await, [""; 0]);
}

pub(crate) async fn ones_own_private_room_is_listed_however_many_others_are_older(ground: Ground) {
    let node = ground.node("one").await;
    for n in 0..40 {
        create_private(&node, &format!("ann{n}"), "ann").await;
    }
    create_private(&node, "mine", "ben").await;
    grant(&node, "ann39", "ben", true).await;
    let listing = private(&node, "ben", &[], 2).await;
    assert_eq!((names(&listing), listing.total), (vec!["ann39", "mine"], 2));
}

pub(crate) async fn a_member_that_was_vouched_for_sees_its_room_while_it_is_one(ground: Ground) {
    let node = ground.node("one").await;
    for name in ["r", "s", "t"] {
        create_private(&node, name, "ann").await;
        node.enter(&room(name), "ben", "c2", VOUCHED).await.unwrap();
    }
    assert_eq!(seen(&node, "ben").await, ["r", "s", "t"]);
    node.exit(&room("r"), "ben", "c2", Leave::Now).await;
    let ben = UserId::trusted("ben");
    let presence = &node.backend.presence;
    presence.evict(&room("s"), &ben, &[]).await.unwrap();
    assert_eq!(seen(&node, "ben").await, ["t"]);
    node.exit(&room("t"), "ben", "c2", Leave::AfterGrace).await;
    assert_eq!(seen(&node, "ben").await, ["t"], "within the grace");
    node.sweep_until(async || seen(&node, "ben").await.is_empty())
        .await;
    assert_eq!(seen(&node, "ann").await, ["r", "s", "t"]);
}

pub(crate) async fn a_grant_that_is_taken_takes_the_room_from_the_list_unless_one_is_a_member(
    ground: Ground,
) {
    let node = ground.node("one").await;
    create_private(&node, "r", "ann").await;
    for user in ["ann", "ben"] {
        grant(&node, "r", user, true).await;
        grant(&node, "r", user, false).await;
        grant(&node, "r", user, false).await;
    }
    assert_eq!(seen(&node, "ben").await, [""; 0]);
    assert_eq!(seen(&node, "ann").await, ["r"], "a member");
    node.enter(&room("r"), "ben", "c2", VOUCHED).await.unwrap();
    node.exit(&room("r"), "ann", "c", Leave::Now).await;
    assert_eq!(seen(&node, "ann").await, [""; 0]);
    grant(&node, "r", "ann", true).await;
    assert_eq!(seen(&node, "ann").await, ["r"], "granted again");
}

pub(crate) async fn no_entry_of_the_list_outlives_its_room(ground: Ground) {
    let node = ground.node("one").await;
    for _ in 0..2 {
        create_private(&node, "r", "ann").await;
        grant(&node, "r", "ben", true).await;
        grant(&node, "r", "ben", true).await;
        node.enter(&room("r"), "eve", "c2", VOUCHED).await.unwrap();
        for user in ["ann", "ben", "eve"] {
            assert_eq!(seen(&node, user).await, ["r"]);
        }
        node.exit(&room("r"), "ann", "c", Leave::Now).await;
        assert_eq!(seen(&node, "ann").await, ["r"], "she created it");
        node.exit(&room("r"), "eve", "c2", Leave::Now).await;
        for user in ["ann", "ben", "eve"] {
            assert_eq!(seen_with(&node, user, &["r", "*"]).await, [""; 0]);
        }
        let keys = ground.keys().await;
        assert!(!keys.iter().any(|key| key.contains("own:")), "{keys:?}");
    }
}

pub(crate) async fn a_room_that_comes_again_otherwise_is_listed_as_what_it_is(ground: Ground) {
    let node = ground.node("one").await;
    create_private(&node, "r", "ann").await;
    grant(&node, "r", "ben", true).await;
    node.exit(&room("r"), "ann", "c", Leave::Now).await;
    node.create(&room("r"), "ann", "c").await;
    grant(&node, "r", "ben", true).await;
    for user in ["ann", "ben"] {
        assert_eq!(seen_with(&node, user, &["r", "*"]).await, [""; 0]);
    }
    let public = node.backend.rooms.public(9).await.unwrap();
    assert_eq!(names(&public), ["r"]);
    node.exit(&room("r"), "ann", "c", Leave::Now).await;
    create_private(&node, "r", "eve").await;
    assert_eq!(seen(&node, "eve").await, ["r"]);
    assert_eq!(seen(&node, "ben").await, [""; 0]);
}

pub(crate) async fn a_token_that_vouches_opens_the_list(ground: Ground) {
    let node = ground.node("one").await;
    let all = [
        "a",
        "abcde",
        "ace",
        "acebde",
        "axe",
        "b-1",
        "team",
        "team:",
        "team:a:b",
        "team:red",
        "team.red",
        "teams:red",
        "x.y",
    ];
    for name in all {
        create_private(&node, name, "ann").await;
    }
    let patterns = [
        "", "*", "a", "a*", "*a", "a*a", "a**", "**", "a*c*e", "a*e*e", "*:red", "*e*", "team",
        "team:*", "team:.*", "TEAM:*", "t?am*", "[a-z]*", "b-1", "b-*", "x%.y", "x.*", "*.y",
        "%a*", "nowhere", "te*am", "*\"\\*",
    ];
    for pattern in patterns {
        let fits = all.iter().filter(|name| matches(pattern, name));
        let expected: Vec<_> = fits.copied().collect();
        let seen = seen_with(&node, "ben", &[pattern, "no", "no*"]).await;
        let mut seen: Vec<_> = seen.iter().map(String::as_str).collect();
        seen.sort_by_key(|name| all.iter().position(|other| other == name));
        assert_eq!(seen, expected, "{pattern}");
    }
}

pub(crate) async fn what_is_ones_own_and_vouched_for_is_listed_once(ground: Ground) {
    let node = ground.node("one").await;
    for n in 0..30 {
        let owner = if n % 2 == 0 { "ann" } else { "ben" };
        create_private(&node, &format!("r{n}"), owner).await;
    }
    let vouched = ["r1", "r2", "r1", "r2*", "*2", "r*"];
    assert_eq!(seen_with(&node, "ann", &vouched).await.len(), 30);
    for limit in [0, 1, 2, 29] {
        let listing = private(&node, "ann", &vouched, limit).await;
        assert_eq!((listing.rooms.len(), listing.total), (limit, 30));
    }
}

pub(crate) async fn hostile_names_do_not_mix_in_a_list(ground: Ground) {
    let node = ground.node("one").await;
    let users = [
        "a", "a:b", "own:a", "/#r", "a ", "}:{", "*", "public", "\"", "%",
    ];
    for (n, user) in users.iter().enumerate() {
        create_private(&node, &format!("own:{n}"), user).await;
        grant(&node, &format!("own:{n}"), &format!("{user}:{user}"), true).await;
    }
    for (n, user) in users.iter().enumerate() {
        let name = format!("own:{n}");
        assert_eq!(seen(&node, user).await, [name.as_str()], "{user}");
        let guest = format!("{user}:{user}");
        assert_eq!(seen(&node, &guest).await, [name.as_str()], "{guest}");
    }
    node.create(&room("/#own:0"), "eve", "c").await;
    let hostile = ["/#own:0", "\n", "own:0\nown:1", "#own:0", ""];
    assert_eq!(seen_with(&node, "eve", &hostile).await, [""; 0]);
}
