//! Everything is lost, and nodes are there that were there before.

use starling_kernel::{
    envelope::Position,
    ports::{Entry, Held, Leave},
    topic::Topic,
};
use tokio::time::{Duration, sleep};

use crate::support::ground::{CHAT, Ground, Node, TIMES, room};

/// Restores a room and says something in it.
async fn say_again(node: &Node, name: &str) -> Position {
    let entry = Entry::Restore(Held::default());
    node.enter(&room(name), "ann", "c1", entry).await.unwrap();
    node.say(&room(name), "again").await
}

pub(crate) async fn no_place_is_given_twice_though_everything_is_lost(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let topics = [room("r"), CHAT];
    one.create(&room("r"), "ann", "c1").await;
    let mut known: Vec<(Topic, Position)> = Vec::new();
    for topic in &topics {
        one.say(topic, "a").await;
        known.push((topic.clone(), one.say(topic, "b").await));
    }
    for _ in 0..2 {
        // One message in each millisecond, no more.
        sleep(Duration::from_millis(50)).await;
        ground.wipe().await;
        one.begin_anew(&known).await;
        two.begin_anew(&known).await;
        let anew = [say_again(&one, "r").await, two.say(&CHAT, "again").await];
        for ((topic, last), anew) in known.iter_mut().zip(anew) {
            assert!(anew.seq > last.seq && anew.epoch != last.epoch, "{topic}");
            let page = one.backend.log.after(topic, 0, 9).await.unwrap();
            assert_eq!((page.base, page.entries.len()), (anew.seq - 1, 1));
            assert!(!page.follows(last) && !page.recovers(last.seq), "{topic}");
            assert!(page.recovers(anew.seq));
            *last = anew;
        }
        // A room that is really new begins there, too: it may have been there before.
        one.create(&room("new"), "ann", "c1").await;
        assert!(one.say(&room("new"), "a").await.seq > 1_000_000);
    }
}

pub(crate) async fn a_fresh_node_that_comes_first_makes_no_place_be_given_twice(ground: Ground) {
    let mut one = ground.node("one").await;
    one.create(&room("r"), "ann", "c1").await;
    let mut last = one.say(&room("r"), "a").await;
    let known = [(room("r"), last.clone())];
    for n in 0..3 {
        last = one.say(&room("r"), &n.to_string()).await;
    }
    sleep(Duration::from_millis(50)).await;
    ground.wipe().await;
    let _fresh = ground.node("fresh").await;
    one.begin_anew(&known).await;
    let anew = say_again(&one, "r").await;
    assert!(anew.seq > last.seq, "{anew:?}");
    let page = one.backend.log.latest(&room("r"), 9).await.unwrap();
    assert!(!page.recovers(last.seq) && page.recovers(anew.seq));
    // And though something was said before that was found out.
    sleep(Duration::from_millis(50)).await;
    ground.wipe().await;
    let fresh = ground.node("other").await;
    fresh.create(&room("r"), "ben", "c2").await;
    let early = fresh.say(&room("r"), "too early").await;
    assert_eq!(early.seq, 1, "nobody can know");
    one.begin_anew(&[(room("r"), anew.clone())]).await;
    let later = fresh.say(&room("r"), "a").await;
    assert!(later.seq > anew.seq && later.epoch != early.epoch);
    let page = fresh.backend.log.latest(&room("r"), 9).await.unwrap();
    assert!(!page.recovers(anew.seq) && !page.follows(&early));
}

pub(crate) async fn a_failover_loses_nothing_of_what_was_found_out_about_a_wipe(ground: Ground) {
    let mut one = ground.node("one").await;
    one.create(&room("r"), "ann", "c1").await;
    let last = one.say(&room("r"), "a").await;
    one.exit(&room("r"), "ann", "c1", Leave::Now).await;
    ground.wipe().await;
    let mut fresh = ground.node("fresh").await;
    ground.snapshot().await;
    one.begin_anew(&[]).await;
    ground.fail_over().await;
    one.begin_anew(&[]).await;
    fresh.begin_anew(&[]).await;
    one.create(&room("r"), "ben", "c2").await;
    let anew = say_again(&one, "r").await;
    assert!(anew.seq > last.seq, "{anew:?}");
}

/// It is emptied by mistake, and then the copy is put in its place.
pub(crate) async fn a_quiet_log_is_settled_when_the_data_comes_back_after_all(ground: Ground) {
    let mut node = ground.node("one").await;
    node.create(&room("r"), "ann", "c1").await;
    let last = node.say(&room("r"), "a").await;
    ground.snapshot().await;
    ground.wipe().await;
    node.begin_anew(&[]).await;
    ground.fail_over().await;
    node.begin_anew(&[(room("r"), last.clone())]).await;
    // The life of before has not begun anew.
    node.beat_for(TIMES.lease * 2).await;
    let page = node.backend.log.after(&room("r"), last.seq, 9).await;
    let page = page.unwrap();
    assert!(!page.unsettled, "it can be told now, though nobody speaks");
    assert!(!page.recovers(last.seq), "something may have been lost");
    let next = node.say(&room("r"), "b").await;
    assert!(next.seq > last.seq);
    let page = node.backend.log.after(&room("r"), page.head, 9).await;
    assert_eq!(page.unwrap().entries.len(), 1);
}
