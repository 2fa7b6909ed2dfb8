//! The way everybody is sent elsewhere.

use std::time::{Duration, Instant};

use crate::support::{Client, POLLING, Poller, get, open};

#[tokio::test]
async fn everybody_is_sent_elsewhere_within_the_time_and_not_all_at_once() {
    let door = open().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::connect(&door).await);
    }
    let poller = Poller::connect(&door).await;
    let edge = door.edge.clone();
    let drain = tokio::spawn(async move { edge.drain(Duration::from_secs(2)).await });
    let start = Instant::now();
    let mut ends = Vec::new();
    let waits = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            client.ended().await;
            start.elapsed()
        })
    });
    for wait in waits.collect::<Vec<_>>() {
        ends.push(wait.await.unwrap());
    }
    drain.await.unwrap();
    assert!(
        start.elapsed() < Duration::from_millis(2100),
        "{:?}",
        start.elapsed()
    );
    ends.sort();
    assert!(ends[19] - ends[0] > Duration::from_millis(800), "{ends:?}");
    assert!(ends[19] < Duration::from_millis(1800), "{ends:?}");
    door.probe.ends(21).await;
    drop(poller);
}

#[tokio::test]
async fn a_draining_node_refuses_new_sessions_and_serves_the_others_until_their_turn() {
    let door = open().await;
    let poller = Poller::connect(&door).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Client::connect(&door).await);
    }
    let edge = door.edge.clone();
    let drain = tokio::spawn(async move { edge.drain(Duration::from_secs(3)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = get(&door, POLLING).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    // Its waiting poll is ended, the next one finds that the session is gone.
    let mut polls = Vec::new();
    loop {
        let answer = poller.poll(&door).await;
        polls.push(answer.status);
        if answer.status != 200 {
            break;
        }
    }
    assert_eq!(polls.last(), Some(&400), "{polls:?}");
    drain.await.unwrap();
}

#[tokio::test]
async fn an_empty_node_drains_at_once() {
    let door = open().await;
    let start = Instant::now();
    door.edge.drain(Duration::from_secs(10)).await;
    assert!(start.elapsed() < Duration::from_secs(1));
}
