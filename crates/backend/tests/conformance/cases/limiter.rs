use std::time::Duration;

use starling_kernel::ports::Rate;
use tokio::time::{Instant, sleep};

use crate::support::ground::{Ground, Node};

/// Slow enough that nothing comes back while a case runs.
const SLOW: Rate = Rate {
    per_second: 1,
    burst: 10,
};

async fn take(node: &Node, key: &str, n: u32, rate: Rate) -> Option<Duration> {
    node.backend.limiter.take(key, n, rate).await.unwrap()
}

pub(crate) async fn a_burst_passes_and_more_must_wait(ground: Ground) {
    let node = ground.node("one").await;
    let rate = Rate {
        per_second: 10,
        burst: 5,
    };
    // It is refilled from the first one on.
    let (began, mut passed) = (Instant::now(), 0);
    for _ in 0..5 {
        assert_eq!(take(&node, "ann", 1, rate).await, None);
    }
    for _ in 0..20 {
        match take(&node, "ann", 1, rate).await {
            None => passed += 1,
            Some(wait) => {
                assert!(wait <= Duration::from_millis(101), "{wait:?}");
                sleep(wait).await;
            }
        }
    }
    let refilled = began.elapsed().as_millis() / 100;
    assert!(passed >= 8, "waiting helps: {passed}");
    assert!(passed <= refilled + 2, "{passed} of {refilled}");
}

pub(crate) async fn a_refused_take_takes_nothing(ground: Ground) {
    let node = ground.node("one").await;
    assert_eq!(take(&node, "ann", 8, SLOW).await, None);
    for _ in 0..5 {
        let wait = take(&node, "ann", 5, SLOW).await.unwrap();
        let expected = Duration::from_millis(1_500)..=Duration::from_millis(3_001);
        assert!(expected.contains(&wait), "{wait:?}");
    }
    assert_eq!(take(&node, "ann", 2, SLOW).await, None);
    assert!(take(&node, "ann", 11, SLOW).await.is_some(), "never");
}

pub(crate) async fn all_nodes_share_a_bucket(ground: Ground) {
    let (one, two) = (ground.node("one").await, ground.node("two").await);
    assert_eq!(take(&one, "ann", 6, SLOW).await, None);
    assert!(take(&two, "ann", 6, SLOW).await.is_some());
    assert_eq!(take(&two, "ann", 4, SLOW).await, None);
}

pub(crate) async fn buckets_do_not_mix(ground: Ground) {
    let node = ground.node("one").await;
    assert_eq!(take(&node, "ann", 10, SLOW).await, None);
    assert_eq!(take(&node, "ben", 10, SLOW).await, None);
}
