use std::time::Duration;

use futures_util::future::join_all;
use starling_kernel::{
    envelope::{Keep, Weight},
    id::{ConnId, UserId},
    ports::{Entry, Leave, Once, Page, Parcel, PortError},
    topic::Topic,
};
use tokio::time::sleep;

use crate::support::ground::{CHAT, Ground, HISTORY, Node, draft, room};

fn once(user: &str, client_id: &str) -> Once {
    Once {
        user: UserId::trusted(user),
        client_id: client_id.into(),
    }
}

async fn after(node: &Node, seq: u64, limit: usize) -> Page {
    let log = &node.backend.log;
    log.after(&room("r"), seq, limit).await.unwrap()
}

fn seqs(page: &Page) -> Vec<u64> {
    page.entries.iter().map(|(seq, _)| *seq).collect()
}

pub(crate) async fn a_log_counts_by_one_and_keeps_its_epoch(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    let first = one.say(&room("r"), "a").await;
    let second = two.say(&room("r"), "b").await;
    let third = one.say(&room("r"), "c").await;
    assert_eq!((first.seq, second.seq, third.seq), (1, 2, 3));
    assert!(!first.epoch.is_empty());
    assert_eq!(first.epoch, second.epoch);
    assert_eq!(first.epoch, third.epoch);
}

pub(crate) async fn every_subscribed_node_hears_an_append_and_so_does_the_sender(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let mut other = ground.node("other").await;
    one.create(&room("r"), "ann", "c1").await;
    one.subscribe(&room("r")).await;
    two.subscribe(&room("r")).await;
    let position = one.say(&room("r"), "hi").await;
    assert_eq!(one.hears_message().await.0, position);
    assert_eq!(two.hears_message().await.0, position);
    other.hears_nothing().await;
}

pub(crate) async fn what_is_delivered_is_the_draft_in_its_place(ground: Ground) {
    let mut node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    node.subscribe(&room("r")).await;
    let odd = "line\nfeed, \"quotes\", \\, /, \u{0}, ünïcödé, 🐦, [1,{}]";
    let position = node.say(&room("r"), odd).await;
    let created = node
        .backend
        .log
        .latest(&room("r"), 0)
        .await
        .unwrap()
        .created;
    let expected = draft(odd).to_room(created).at(&position);
    assert_eq!(
        node.hears_message().await,
        (position, expected.as_str().to_owned())
    );
    let page = after(&node, 0, 10).await;
    let stored = starling_kernel::ports::Parcel::Message(expected.into());
    assert_eq!(page.entries, [(1, stored)]);
}

pub(crate) async fn a_repeat_gets_the_first_ones_place_and_is_not_delivered(ground: Ground) {
    let (mut one, two) = (ground.node("one").await, ground.node("two").await);
    one.create(&room("r"), "ann", "c1").await;
    one.subscribe(&room("r")).await;
    let same = once("ann", "my-1");
    let first = one.append(&room("r"), "a", Some(&same)).await.unwrap();
    assert!(!first.repeated);
    let again = two.append(&room("r"), "a", Some(&same)).await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.position, first.position);
    one.hears_message().await;
    one.hears_nothing().await;
    assert_eq!(after(&one, 0, 10).await.entries.len(), 1);
}

pub(crate) async fn only_the_same_user_topic_and_choice_make_a_repeat(ground: Ground) {
    let node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    node.create(&room("s"), "ann", "c1").await;
    let all = [
        ("r", "ann", "1"),
        ("r", "ben", "1"),
        ("r", "ann", "2"),
        ("s", "ann", "1"),
    ];
    for (name, user, client_id) in all {
        let once = once(user, client_id);
        let appended = node.append(&room(name), "a", Some(&once)).await;
        assert!(!appended.unwrap().repeated, "{name} {user} {client_id}");
    }
}

pub(crate) async fn concurrent_repeats_are_stored_once(ground: Ground) {
    let nodes = [ground.node("one").await, ground.node("two").await];
    nodes[0].create(&room("r"), "ann", "c1").await;
    let (r, same) = (room("r"), once("ann", "x"));
    let appends = (0..20).map(|n| nodes[n % 2].append(&r, "a", Some(&same)));
    let appended = join_all(appends).await;
    let new = appended.iter().filter(|a| !a.as_ref().unwrap().repeated);
    assert_eq!(new.count(), 1);
    assert_eq!(after(&nodes[0], 0, 10).await.head, 1);
}

pub(crate) async fn all_nodes_hear_concurrent_senders_in_one_order(ground: Ground) {
    let mut nodes = [ground.node("a").await, ground.node("b").await];
    nodes[0].create(&room("r"), "ann", "c1").await;
    for node in &nodes {
        node.subscribe(&room("r")).await;
    }
    let r = room("r");
    let send = async |node: &Node| {
        for n in 0..100 {
            node.say(&r, &format!("{n}")).await;
        }
    };
    tokio::join!(send(&nodes[0]), send(&nodes[1]));
    let [a, b] = &mut nodes;
    for seq in 1..=200 {
        let heard = a.hears_message().await;
        assert_eq!(heard.0.seq, seq);
        assert_eq!(heard, b.hears_message().await);
    }
}

pub(crate) async fn without_its_room_a_log_cannot_be_appended_to(ground: Ground) {
    let node = ground.node("one").await;
    let result = node.append(&room("r"), "a", None).await;
    assert_eq!(result, Err(PortError::NoRoom));
    assert_eq!(after(&node, 0, 10).await, Page::default());
}

pub(crate) async fn a_room_that_comes_again_begins_a_new_log_above_the_last(ground: Ground) {
    let node = ground.node("one").await;
    let append = async || {
        let once = once("ann", "1");
        node.append(&room("r"), "a", Some(&once)).await.unwrap()
    };
    node.create(&room("r"), "ann", "c1").await;
    let before = append().await;
    node.exit(&room("r"), "ann", "c1", Leave::Now).await;
    assert_eq!(after(&node, 0, 10).await, Page::default());
    for base in 1..4 {
        let create = Entry::Create { private: false };
        let created = node.enter(&room("r"), "ann", "c1", create).await.unwrap();
        let page = after(&node, 0, 10).await;
        assert_eq!((page.base, page.head, page.entries.len()), (base, base, 0));
        assert_eq!(created.log, page.end());
        assert_ne!(page.epoch, before.position.epoch);
        assert!(page.follows(&created.log) && !page.recovers(base));
        let anew = append().await;
        assert!(!anew.repeated, "the first one is not in this log");
        assert_eq!(anew.position, page.place(base + 1));
        assert!(append().await.repeated);
        assert!(after(&node, 0, 10).await.recovers(base + 1));
        node.exit(&room("r"), "ann", "c1", Leave::Now).await;
    }
    // Where nothing was said, nothing was given.
    for _ in 0..2 {
        node.create(&room("s"), "ann", "c1").await;
        let page = node.backend.log.latest(&room("s"), 1).await.unwrap();
        assert_eq!((page.base, page.head), (0, 0));
        node.exit(&room("s"), "ann", "c1", Leave::Now).await;
    }
}

pub(crate) async fn a_namespace_has_a_log_without_anybody_there(ground: Ground) {
    let mut node = ground.node("one").await;
    node.subscribe(&CHAT).await;
    let position = node.say(&CHAT, "hi").await;
    assert_eq!(node.hears_message().await.0, position);
    node.register(&CHAT, "ann", "c1").await;
    node.exit(&CHAT, "ann", "c1", Leave::Now).await;
    let page = node.backend.log.latest(&CHAT, 10).await.unwrap();
    assert_eq!(seqs(&page), [1], "it outlives those who were there");
}

pub(crate) async fn a_user_and_a_stream_have_logs_without_a_room(ground: Ground) {
    let mut node = ground.node("one").await;
    let topics = [
        Topic::User("/", UserId::trusted("u#1@home")),
        Topic::stream("/chat", "player", "u#1@home!"),
    ];
    for topic in topics {
        node.subscribe(&topic).await;
        let position = node.say(&topic, "hi").await;
        assert_eq!(node.hears_message().await.0, position);
    }
}

pub(crate) async fn pages_hold_what_was_asked_for(ground: Ground) {
    let node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    for n in 0..10 {
        node.say(&room("r"), &format!("{n}")).await;
    }
    let oldest = after(&node, 3, 4).await;
    assert_eq!((seqs(&oldest), oldest.head), (vec![4, 5, 6, 7], 10));
    assert!(oldest.follows(&oldest.place(3)));
    assert_eq!(seqs(&after(&node, 8, 100).await), [9, 10]);
    assert_eq!(seqs(&after(&node, 10, 100).await), [0; 0]);
    assert_eq!(seqs(&after(&node, 99, 100).await), [0; 0]);
    let log = &node.backend.log;
    let newest = log.latest(&room("r"), 3).await.unwrap();
    assert_eq!((seqs(&newest), newest.head), (vec![8, 9, 10], 10));
    let none = log.latest(&room("r"), 0).await.unwrap();
    assert_eq!((seqs(&none), none.head), (vec![], 10));
    assert_eq!(none.epoch, newest.epoch);
}

pub(crate) async fn the_oldest_entries_are_trimmed(ground: Ground) {
    let node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    for n in 0..400 {
        node.say(&room("r"), &format!("{n}")).await;
    }
    let page = after(&node, 0, 1_000).await;
    // A backend may trim in blocks of a hundred, which is much cheaper.
    assert!((HISTORY..HISTORY + 200).contains(&page.entries.len()));
    assert_eq!(page.entries.last().unwrap().0, 400);
    assert!(!page.follows(&page.place(0)), "there is a hole");
}

pub(crate) async fn a_log_that_lost_its_tail_begins_anew_beyond_it(ground: Ground) {
    let node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    let log = &node.backend.log;
    let first = node.say(&room("r"), "a").await;
    log.renew(&room("r"), &first).await.unwrap();
    let second = node.say(&room("r"), "b").await;
    assert_eq!(second.epoch, first.epoch, "nothing was lost");
    let mut lost = second.clone();
    lost.seq = 7;
    log.renew(&room("r"), &lost).await.unwrap();
    log.renew(&room("r"), &lost).await.unwrap();
    let third = node.say(&room("r"), "c").await;
    assert_eq!(third.seq, 8);
    assert_ne!(third.epoch, first.epoch);
    let page = after(&node, 2, 10).await;
    assert!(!page.follows(&second), "the hole is seen");
}

pub(crate) async fn a_repeat_is_recognised_in_a_renewed_log(ground: Ground) {
    let node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    let (log, same) = (&node.backend.log, once("ann", "1"));
    for topic in [room("r"), CHAT] {
        let first = node.append(&topic, "a", Some(&same)).await.unwrap();
        let mut lost = first.position.clone();
        lost.seq = 7;
        log.renew(&topic, &lost).await.unwrap();
        let again = node.append(&topic, "a", Some(&same)).await.unwrap();
        assert!(again.repeated, "{topic}");
        assert_eq!(again.position, first.position);
    }
}

pub(crate) async fn a_node_that_begins_anew_renews_the_logs_that_it_knows_more_of(ground: Ground) {
    let mut node = ground.node("one").await;
    let topics: Vec<_> = (0..6).map(|n| room(&format!("r{n}"))).collect();
    let mut known = Vec::new();
    for (n, topic) in topics.iter().enumerate() {
        node.create(topic, "ann", "c1").await;
        let mut at = node.say(topic, "a").await;
        at.seq = if n % 2 == 0 { 1 } else { 5 };
        known.push((topic.clone(), at));
    }
    // One of a log that is not there: it may have been lost as a whole.
    known.push((CHAT, known[0].1.clone()));
    node.begin_anew(&known).await;
    for (topic, known) in &known[..6] {
        let next = node.say(topic, "b").await;
        assert_eq!(next.seq, known.seq + 1);
        assert_eq!(next.epoch == known.epoch, known.seq == 1, "{topic}");
    }
    assert_eq!(node.say(&CHAT, "a").await.seq, 2);
}

fn board() -> Topic {
    Topic::stream("/chat", "board", "b#1@x")
}

pub(crate) async fn a_full_log_refuses_until_it_is_cleared(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.subscribe(&board()).await;
    let log = &one.backend.log;
    let long = "x".repeat(100);
    let keep = Keep::All(4, 400, Duration::from_secs(60));
    let add = |text: &str| {
        let draft = draft(text).keep(keep);
        async move { log.append(&board(), &draft, None).await }
    };
    for text in ["a", "b", "c", "d"] {
        add(text).await.unwrap();
    }
    assert_eq!(add("e").await, Err(PortError::Full), "too many entries");
    let clear = draft("clear").keep(keep).clearing();
    let cleared = log.append(&board(), &clear, None).await.unwrap();
    let page = log.after(&board(), 0, 100).await.unwrap();
    assert_eq!(seqs(&page), [cleared.position.seq], "it is the first now");
    add(&long).await.unwrap();
    add(&long).await.unwrap();
    assert_eq!(add(&long).await, Err(PortError::Full), "too many bytes");
    add("short").await.unwrap();
    let mut heard = Vec::new();
    for _ in 0..8 {
        heard.push(two.hears_message().await.0.seq);
    }
    assert_eq!(
        heard,
        [1, 2, 3, 4, 5, 6, 7, 8],
        "in one order with what cleared it"
    );
    two.hears_nothing().await;
}

pub(crate) async fn what_entries_have_in_common_counts_once(ground: Ground) {
    let node = ground.node("one").await;
    let log = &node.backend.log;
    let keep = Keep::All(100, 100, Duration::from_secs(60));
    let add = |bytes: usize, shared: &str, clears: bool| {
        let shared = (!shared.is_empty()).then(|| (shared.to_owned(), 40));
        let mut draft = draft("x").keep(keep).weighing(Weight { bytes, shared });
        draft.clears = clears;
        async move { log.append(&board(), &draft, None).await.map(|_| ()) }
    };
    for clears in [false, true] {
        add(10, "red", clears).await.unwrap();
        add(10, "red", false).await.unwrap();
        assert_eq!(add(1, "blue", false).await, Err(PortError::Full));
        add(40, "red", false).await.unwrap();
        assert_eq!(add(1, "", false).await, Err(PortError::Full), "to the byte");
        add(0, "red", false).await.unwrap();
    }
    add(0, "", true).await.unwrap();
    add(60, "red", false).await.unwrap();
    assert_eq!(add(1, "red", false).await, Err(PortError::Full));
}

pub(crate) async fn whom_an_entry_excepts_is_kept(ground: Ground) {
    let node = ground.node("one").await;
    let sender = ConnId::trusted("c1");
    let draft = draft("mine").except(&sender);
    let log = &node.backend.log;
    let position = log.append(&board(), &draft, None).await.unwrap().position;
    let page = log.latest(&board(), 1).await.unwrap();
    let kept = Parcel::Message(draft.at(&position).into());
    assert_eq!(page.entries, [(1, kept)]);
}

pub(crate) async fn a_log_ends_when_nothing_is_added(ground: Ground) {
    let node = ground.node("one").await;
    let log = &node.backend.log;
    let (short, long) = (Duration::from_millis(300), Duration::from_secs(60));
    let add = |text: &str, time| {
        let draft = draft(text).keep(Keep::Newest(10, time));
        async move { log.append(&board(), &draft, None).await.unwrap().position }
    };
    add("a", short).await;
    let second = add("b", long).await;
    sleep(2 * short).await;
    let page = log.latest(&board(), 10).await.unwrap();
    assert_eq!(page.end(), second, "each entry puts the end off");
    add("c", short).await;
    let ended = async || log.latest(&board(), 10).await.unwrap().epoch.is_empty();
    for _ in 0..100 {
        sleep(short / 3).await;
        if ended().await {
            break;
        }
    }
    assert!(ended().await);
    assert!(ground.keys().await.is_empty(), "{:?}", ground.keys().await);
}
