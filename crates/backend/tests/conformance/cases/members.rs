use starling_kernel::{
    id::{ConnId, UserId},
    ports::{Change, Entry, Leave, Order, Parcel, Status},
    topic::Topic,
};

use crate::support::ground::{CHAT, Ground, Node, ROOT, member, room};

pub(crate) async fn the_first_connection_of_a_user_enters_a_room_aloud(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.subscribe(&room("r")).await;
    one.create(&room("r"), "ann", "c1").await;
    let entered = two.hears_transition().await;
    assert_eq!(entered.kind, Change::Entered);
    assert_eq!(entered.place, "/#r");
    assert_eq!(entered.member, member("ann"));
    assert_eq!(entered.conn, Some(ConnId::trusted("c1")));
    assert!(entered.rooms.is_empty());
    assert_eq!(entered.total, 1);
    assert!(!one.join(&room("r"), "ann", "c2").await.first);
    two.hears_nothing().await;
    assert!(two.join(&room("r"), "ben", "c3").await.first);
    let entered = two.hears_transition().await;
    assert_eq!(entered.member, member("ben"));
    assert_eq!(entered.total, 2);
}

pub(crate) async fn entering_twice_is_entering_once(ground: Ground) {
    let node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    node.join(&room("r"), "ben", "c2").await;
    node.join(&room("r"), "ben", "c2").await;
    assert_eq!(node.total(&room("r")).await, 2);
    assert!(node.exit(&room("r"), "ben", "c2", Leave::Now).await);
    assert_eq!(node.names(&room("r")).await, ["ann"]);
}

pub(crate) async fn entering_keeps_the_status_and_updates_the_name(ground: Ground) {
    let mut node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    let (ann, c1) = (UserId::trusted("ann"), ConnId::trusted("c1"));
    let presence = node.backend.presence.clone();
    presence
        .set_status(&room("r"), &ann, &c1, Status::Away)
        .await
        .unwrap();
    node.subscribe(&room("r")).await;

    let mut renamed = member("ann");
    renamed.username = "Anne: the \"2nd\"".into();
    let entry = Entry::Join { granted: false };
    presence
        .enter(&room("r"), &renamed, &node.holder("c2"), &entry, 9)
        .await
        .unwrap();
    renamed.status = Status::Away;
    let updated = node.hears_transition().await;
    assert_eq!(updated.kind, Change::Updated);
    assert_eq!(updated.member, renamed);
    let members = presence.members(&room("r"), 10).await.unwrap();
    assert_eq!(members.list[0].0, renamed);
}

pub(crate) async fn a_user_leaves_a_room_with_the_last_connection(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.create(&room("r"), "ben", "c0").await;
    one.join(&room("r"), "ann", "c1").await;
    two.join(&room("r"), "ann", "c2").await;
    two.subscribe(&room("r")).await;
    assert!(!one.exit(&room("r"), "ann", "c1", Leave::Now).await);
    two.hears_nothing().await;
    assert_eq!(two.total(&room("r")).await, 2);
    assert!(two.exit(&room("r"), "ann", "c2", Leave::Now).await);
    let left = two.hears_transition().await;
    assert_eq!((left.kind, left.member), (Change::Left, member("ann")));
    assert_eq!((left.conn, left.total), (Some(ConnId::trusted("c2")), 1));
    assert_eq!(two.names(&room("r")).await, ["ben"]);
}

pub(crate) async fn exiting_what_is_not_held_does_nothing(ground: Ground) {
    let mut node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    node.subscribe(&room("r")).await;
    assert!(!node.exit(&room("r"), "ann", "c2", Leave::Now).await);
    assert!(!node.exit(&room("r"), "ben", "c1", Leave::Now).await);
    assert!(!node.exit(&room("s"), "ann", "c1", Leave::AfterGrace).await);
    assert!(!node.exit(&ROOT, "ann", "c1", Leave::AfterGrace).await);
    node.hears_nothing().await;
    assert_eq!(node.names(&room("r")).await, ["ann"]);
}

pub(crate) async fn an_evicted_member_is_gone_with_all_connections(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.create(&room("r"), "ben", "c0").await;
    one.join(&room("r"), "ann", "c1").await;
    two.join(&room("r"), "ann", "c2").await;
    two.subscribe(&room("r")).await;
    let (presence, ann) = (one.backend.presence.clone(), UserId::trusted("ann"));
    presence.evict(&room("r"), &ann, &[]).await.unwrap();
    let left = two.hears_transition().await;
    assert_eq!((left.kind, left.member), (Change::Left, member("ann")));
    assert_eq!(left.conn, None);
    presence.evict(&room("r"), &ann, &[]).await.unwrap();
    assert!(!two.exit(&room("r"), "ann", "c2", Leave::Now).await);
    two.hears_nothing().await;
    assert_eq!(two.names(&room("r")).await, ["ben"]);
}

pub(crate) async fn members_are_listed_longest_there_first(ground: Ground) {
    let node = ground.node("one").await;
    let users = ["zoe", "ann", "max", "ben", "eve"];
    node.create(&room("r"), "yan", "c").await;
    for user in users {
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        node.join(&room("r"), user, user).await;
        node.register(&ROOT, user, user).await;
    }
    assert_eq!(node.names(&room("r")).await[1..], users);
    assert_eq!(node.names(&ROOT).await, users);
    let presence = &node.backend.presence;
    let some = presence.members(&ROOT, 2).await.unwrap();
    assert_eq!((some.list.len(), some.total), (2, 5));
    assert_eq!(some.list[1].0, member("ann"));
    assert!(some.list[0].1 < some.list[1].1);
    let nobody = presence.members(&CHAT, 10).await.unwrap();
    assert_eq!(nobody, Default::default());
}

pub(crate) async fn a_status_is_published_and_kept(ground: Ground) {
    let mut node = ground.node("one").await;
    node.follow_presence().await;
    let (presence, ann) = (node.backend.presence.clone(), UserId::trusted("ann"));
    let c1 = ConnId::trusted("c1");
    let nobody = presence.set_status(&ROOT, &ann, &c1, Status::Away).await;
    assert_eq!(nobody, Ok(None));
    node.register(&ROOT, "ann", "c1").await;
    node.hears_transition().await;
    let away = presence.set_status(&ROOT, &ann, &c1, Status::Away).await;
    let mut expected = member("ann");
    expected.status = Status::Away;
    assert_eq!(away, Ok(Some(expected.clone())));
    let updated = node.hears_transition().await;
    assert_eq!(
        (updated.kind, &updated.member),
        (Change::Updated, &expected)
    );
    assert_eq!(updated.conn, Some(c1));
    node.register(&ROOT, "ann", "c2").await;
    let members = presence.members(&ROOT, 1).await.unwrap();
    assert_eq!(members.list[0].0, expected);
}

pub(crate) async fn a_namespace_is_entered_aloud_when_nobody_held_the_user(ground: Ground) {
    let mut node = ground.node("one").await;
    node.follow_presence().await;
    assert!(node.register(&ROOT, "ann", "c1").await.first);
    let entered = node.hears_transition().await;
    assert_eq!(
        (entered.kind, entered.place.as_str()),
        (Change::Entered, "/")
    );
    assert_eq!(entered.conn, Some(ConnId::trusted("c1")));
    assert!(!node.register(&ROOT, "ann", "c2").await.first);
    node.exit(&ROOT, "ann", "c1", Leave::AfterGrace).await;
    node.hears_nothing().await;
    // Lingering is not being there.
    node.exit(&ROOT, "ann", "c2", Leave::AfterGrace).await;
    assert!(!node.register(&ROOT, "ann", "c3").await.first);
    assert_eq!(node.hears_transition().await.kind, Change::Entered);
}

pub(crate) async fn a_namespace_is_entered_aloud_when_asked_for(ground: Ground) {
    let mut node = ground.node("one").await;
    node.register(&ROOT, "ann", "c1").await;
    node.follow_presence().await;
    let aloud = Entry::Open { announce: true };
    node.enter(&ROOT, "ann", "c2", aloud).await.unwrap();
    assert_eq!(node.hears_transition().await.kind, Change::Entered);
}

/// The presence logs' heads: one per partition.
async fn heads(node: &Node) -> Vec<u64> {
    let mut heads = Vec::new();
    for n in 0..node.backend.presence.partitions() {
        let page = node.backend.log.latest(&Topic::Presence(n), 0).await;
        heads.push(page.unwrap().head);
    }
    heads
}

pub(crate) async fn transitions_of_a_namespace_are_logged(ground: Ground) {
    let mut node = ground.node("one").await;
    node.follow_presence().await;
    for (n, user) in ["ann", "ben", "eve"].iter().enumerate() {
        node.register(&ROOT, user, "c").await;
        let (topic, position, parcel) = node.hears().await;
        let position = position.expect("a place in the log");
        let log = &node.backend.log;
        let page = log.after(&topic, position.seq - 1, 10).await.unwrap();
        assert_eq!(page.entries, [(position.seq, parcel.clone())]);
        assert_eq!(page.epoch, position.epoch);
        assert!(matches!(parcel, Parcel::Transition(_)));
        assert_eq!(heads(&node).await.iter().sum::<u64>(), n as u64 + 1);
    }
}

pub(crate) async fn who_leaves_within_the_grace_is_gone_if_nothing_holds_it(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ben", "c0").await;
    one.join(&room("r"), "ann", "c1").await;
    // Held by another connection: nothing happens.
    assert!(!two.exit(&room("r"), "ann", "c2", Leave::WithinGrace).await);
    assert_eq!(two.total(&room("r")).await, 2);
    one.exit(&room("r"), "ann", "c1", Leave::AfterGrace).await;
    assert!(two.exit(&room("r"), "ann", "c2", Leave::WithinGrace).await);
    assert_eq!(two.names(&room("r")).await, ["ben"]);
    assert!(!two.exit(&room("r"), "ann", "c2", Leave::WithinGrace).await);
    assert!(!two.exit(&room("s"), "ann", "c2", Leave::WithinGrace).await);
    // Its own connection leaves as with any other kind.
    assert!(one.exit(&room("r"), "ben", "c0", Leave::WithinGrace).await);
    assert_eq!(two.total(&room("r")).await, 0);
}

pub(crate) async fn who_is_evicted_is_let_go_by_all_nodes(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    let user = UserId::trusted("ann: \"ü\"");
    one.create(&room("r"), user.as_str(), "c1").await;
    let entered = one.join(&room("r"), user.as_str(), "c1").await;
    two.follow_presence().await;
    // Also where nobody was there.
    for place in [room("r"), ROOT] {
        one.backend
            .presence
            .evict(&place, &user, &[])
            .await
            .unwrap();
        let (topic, position, parcel) = two.hears().await;
        let position = position.expect("a place in the log");
        let log = &two.backend.log;
        let page = log.after(&topic, position.seq - 1, 10).await.unwrap();
        assert_eq!(page.entries, [(position.seq, parcel.clone())]);
        let Parcel::Order(order) = parcel else {
            panic!("not an order: {parcel:?}");
        };
        assert_eq!(order.user(), &user);
        match order {
            Order::Leave { at, .. } => assert!(place == room("r") && at > entered.at),
            Order::Disconnect { .. } => assert_eq!(place, ROOT),
        }
    }
}

pub(crate) async fn a_users_moves_are_told_to_its_connections_elsewhere(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.subscribe(&Topic::Moves(UserId::trusted("ann"))).await;
    one.create(&room("r"), "ben", "c0").await;
    one.join(&room("r"), "ann", "c1").await;
    one.join(&room("r"), "ann", "c2").await;
    one.register(&CHAT, "ann", "c3").await;
    let entered = two.hears_transition().await;
    assert_eq!(
        (entered.kind, entered.place.as_str()),
        (Change::Entered, "/#r")
    );
    assert!(entered.created > Default::default());
    one.exit(&room("r"), "ann", "c1", Leave::Now).await;
    one.exit(&room("r"), "ann", "c2", Leave::Now).await;
    let left = two.hears_transition().await;
    assert_eq!((left.kind, left.member), (Change::Left, member("ann")));
    assert_eq!(left.created, entered.created);
    two.hears_nothing().await;
}
