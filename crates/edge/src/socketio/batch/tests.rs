use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::time::{advance, sleep};

use super::*;

/// Notes what it is given, and when.
struct Recorder {
    began: Instant,
    /// Milliseconds, and the event's array.
    got: Mutex<Vec<(u128, Value)>>,
    backlog: AtomicUsize,
    /// Takes only so many more.
    room: AtomicUsize,
    closed: AtomicBool,
    killed: AtomicBool,
}

impl Peer for Recorder {
    fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        if self.closed() {
            return Err(SendError::Closed);
        }
        let room = &self.room;
        let left = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        left.map_err(|_| SendError::Full)?;
        self.note(serde_json::from_slice(&envelope.text).unwrap());
        Ok(())
    }

    fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn disconnect(&self) {
        self.note(json!("disconnect"));
    }

    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
    }
}

impl Recorder {
    fn note(&self, what: Value) {
        let at = self.began.elapsed().as_millis();
        self.got.lock().unwrap().push((at, what));
    }

    fn take(&self) -> Vec<(u128, Value)> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
}

fn batching() -> (Arc<Recorder>, Arc<Batching>) {
    let recorder = Arc::new(Recorder {
        began: Instant::now(),
        got: Mutex::default(),
        backlog: AtomicUsize::new(0),
        room: AtomicUsize::new(usize::MAX),
        closed: AtomicBool::new(false),
        killed: AtomicBool::new(false),
    });
    let batching = Batching::new(recorder.clone(), Handle::current());
    (recorder, batching)
}

/// A message of the room.
fn said(n: u64) -> Envelope {
    Envelope::new("room-message", &n)
}

fn other(event: &str) -> Envelope {
    Envelope::new(event, &0)
}

fn batch(messages: impl Into<Vec<u64>>) -> Value {
    json!([BATCH, messages.into()])
}

/// Tasks that wait to look again.
fn watchers() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

async fn pass(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_goes_at_once_and_the_next_together_when_the_interval_is_over() {
    let (client, batching) = batching();
    for n in 1..=4 {
        batching.send(&said(n)).unwrap();
    }
    assert_eq!(client.take(), [(0, batch([1]))]);
    assert_eq!(watchers(), 1);
    pass(99).await;
    assert_eq!(client.take(), []);
    pass(2).await;
    assert_eq!(client.take(), [(100, batch([2, 3, 4]))]);
    // Nothing waits: nobody looks any more.
    assert_eq!(watchers(), 0);
    pass(50).await;
    batching.send(&said(5)).unwrap();
    pass(60).await;
    assert_eq!(client.take(), [(200, batch([5]))]);
    pass(1000).await;
    batching.send(&said(6)).unwrap();
    assert_eq!(client.take(), [(1211, batch([6]))]);
    assert_eq!(watchers(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_chat_is_batched_too_and_nothing_else_is() {
    let (client, batching) = batching();
    batching.send(&other("chat-message")).unwrap();
    batching.send(&other("message")).unwrap();
    batching.send(&other("message")).unwrap();
    let message = json!(["message", 0]);
    let expected = [(0, batch([0])), (0, message.clone()), (0, message)];
    assert_eq!(client.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_stream_comes_complete_and_in_order_ten_batches_a_second() {
    let (client, batching) = batching();
    for n in 0..1000 {
        batching.send(&said(n)).unwrap();
        if n % 7 == 0 {
            batching.send(&other("user-typing")).unwrap();
        }
        pass(3).await;
    }
    pass(100).await;
    let got = client.take();
    let (batches, others): (Vec<_>, Vec<_>) = got.iter().partition(|(_, event)| event[0] == BATCH);
    let messages = batches.iter().flat_map(|(_, b)| b[1].as_array().unwrap());
    let messages: Vec<_> = messages.map(|n| n.as_u64().unwrap()).collect();
    assert_eq!(messages, (0..1000).collect::<Vec<_>>());
    assert_eq!(others.len(), 143);
    assert!(batches.windows(2).all(|two| two[1].0 - two[0].0 >= 100));
    // However often something else comes between.
    assert!((30..=31).contains(&batches.len()), "{}", batches.len());
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_behind_messages_comes_right_after_them() {
    let (client, batching) = batching();
    for n in 1..=2 {
        batching.send(&said(n)).unwrap();
    }
    batching.send(&other("a")).unwrap();
    batching.send(&said(3)).unwrap();
    batching.send(&other("b")).unwrap();
    client.take();
    pass(101).await;
    let (a, b) = (json!(["a", 0]), json!(["b", 0]));
    assert_eq!(client.take(), [(100, batch([2, 3])), (100, a), (100, b)]);
}

#[tokio::test(start_paused = true)]
async fn no_message_overtakes_what_says_where_the_client_stands() {
    let (client, batching) = batching();
    let mut expected = vec![(0, batch([0]))];
    batching.send(&said(0)).unwrap();
    for (i, landmark) in (0..).zip(LANDMARKS) {
        let (n, at) = (2 * i + 1, 100 * (u128::from(i) + 1));
        for envelope in [
            said(n),
            other("a"),
            other(landmark),
            other("b"),
            said(n + 1),
        ] {
            batching.send(&envelope).unwrap();
        }
        // What followed the one before is in the same batch.
        let messages = if i == 0 { vec![n] } else { vec![n - 1, n] };
        let events = ["a", landmark, "b"].map(|event| json!([event, 0]));
        expected.push((at, batch(messages)));
        expected.extend(events.map(|event| (at, event)));
    }
    let last = LANDMARKS.len() as u64;
    expected.push((100 * (u128::from(last) + 1), batch([2 * last])));
    pass(1000).await;
    assert_eq!(client.take(), expected);
    assert_eq!(batching.backlog(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_with_attachments_comes_alone_in_its_place() {
    let (client, batching) = batching();
    let mut binary = said(3);
    binary.attachments = vec![Bytes::from_static(b"xyz")];
    for envelope in [said(1), said(2), binary, said(4)] {
        batching.send(&envelope).unwrap();
    }
    pass(201).await;
    let alone = json!(["room-message", 3]);
    let expected = [
        (0, batch([1])),
        (100, batch([2])),
        (100, alone),
        (200, batch([4])),
    ];
    assert_eq!(client.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_only_of_the_moment_waits_for_nothing() {
    let (client, batching) = batching();
    let mut list = other("room-members");
    list.volatile = true;
    for envelope in [said(1), said(2), list] {
        batching.send(&envelope).unwrap();
    }
    let expected = [(0, batch([1])), (0, json!(["room-members", 0]))];
    assert_eq!(client.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_waits_counts_as_backlog_and_is_no_more_than_a_transport_may_queue() {
    let (client, batching) = batching();
    batching.send(&said(0)).unwrap();
    client.backlog.store(1000, Ordering::Relaxed);
    let long = Envelope::new("room-message", &"x".repeat(300_000));
    for n in 1..=3 {
        batching.send(&long).unwrap();
        assert_eq!(batching.backlog(), 1000 + n * long.text.len());
    }
    assert_eq!(batching.send(&long), Err(SendError::Full));
    // So does what waits behind messages.
    let long = Envelope::new("other", &"x".repeat(300_000));
    assert_eq!(batching.send(&long), Err(SendError::Full));
    assert!(!client.killed.load(Ordering::Relaxed));
    pass(101).await;
    assert_eq!(batching.backlog(), 1000);
    assert_eq!(client.take()[1].1[1].as_array().unwrap().len(), 3);
    assert_eq!(batching.send(&long), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn who_cannot_take_a_batch_is_cut() {
    let (client, batching) = batching();
    client.room.store(1, Ordering::Relaxed);
    for envelope in [said(1), said(2), other("history"), said(3)] {
        batching.send(&envelope).unwrap();
    }
    pass(101).await;
    assert!(client.killed.load(Ordering::Relaxed));
    assert_eq!((batching.backlog(), watchers()), (0, 0));
    pass(1000).await;
    assert_eq!(batching.send(&said(4)), Err(SendError::Full));
}

#[tokio::test(start_paused = true)]
async fn who_is_sent_away_gets_first_what_waits() {
    let (client, batching) = batching();
    for envelope in [said(1), said(2), other("history"), said(3)] {
        batching.send(&envelope).unwrap();
    }
    batching.disconnect();
    let got: Vec<_> = client.take().into_iter().map(|(_, event)| event).collect();
    let history = json!(["history", 0]);
    let gone = json!("disconnect");
    assert_eq!(got, [batch([1]), batch([2]), history, batch([3]), gone]);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_who_is_gone() {
    let (client, batching) = batching();
    for n in 1..=2 {
        batching.send(&said(n)).unwrap();
    }
    client.closed.store(true, Ordering::Relaxed);
    assert_eq!(batching.send(&said(3)), Err(SendError::Closed));
    pass(101).await;
    assert_eq!((batching.backlog(), watchers()), (0, 0));
    // Nor does the task that waits keep a peer.
    let (client, batching) = self::batching();
    for n in 1..=2 {
        batching.send(&said(n)).unwrap();
    }
    drop(batching);
    advance(INTERVAL).await;
    pass(1).await;
    assert_eq!(Arc::strong_count(&client), 1);
    assert_eq!(watchers(), 0);
}
