//! Handing out a message to many, which takes a while: nobody else waits for it, and nobody's order
//! suffers. Several threads, in real time.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{pin::pin, sync::Arc, task::Poll};

use serde_json::Value;
use starling_kernel::{envelope::Envelope, hub::Hub, topic::Topic};
use starling_testkit::{Client, Cluster};
use tokio::task::{JoinHandle, yield_now};

/// More than are handed a message at once.
const CROWD: usize = 200;

fn topic() -> Topic {
    Topic::stream("/", "walk", "w")
}

struct Scene {
    cluster: Cluster,
    hub: Arc<Hub>,
    crowd: Vec<Client>,
}

impl Scene {
    async fn begin() -> Self {
        let cluster = Cluster::start(1).await;
        let hub = cluster.nodes[0].dispatcher.services().hub.clone();
        let mut crowd = Vec::new();
        for n in 0..CROWD {
            let client = cluster.connect(0, &format!("u{n}")).await;
            join(&hub, &client).await;
            crowd.push(client);
        }
        Self {
            cluster,
            hub,
            crowd,
        }
    }

    /// Says it in a task of its own, as the walk may be held up.
    fn say(&self, n: u64) -> JoinHandle<()> {
        let hub = self.hub.clone();
        tokio::spawn(async move { hub.publish(&topic(), said(n)).await })
    }
}

async fn join(hub: &Arc<Hub>, client: &Client) {
    let admission = hub.admit(&client.session, &topic()).await.unwrap();
    admission.open_live();
}

fn said(n: u64) -> Envelope {
    Envelope::new("said", &n)
}

async fn heard(client: &Client) -> Vec<u64> {
    let number = |(event, data): (String, Value)| (event == "said").then(|| data.as_u64().unwrap());
    client
        .drain()
        .await
        .into_iter()
        .filter_map(number)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn who_comes_goes_or_looks_does_not_wait_for_a_walk() {
    let scene = Scene::begin().await;
    let held_up = scene.crowd[CROWD / 2].hold_up();
    let walk = scene.say(1);
    held_up.reached().await;
    let newcomer = scene.cluster.connect(0, "new").await;
    join(&scene.hub, &newcomer).await;
    assert_eq!(scene.hub.listeners(&topic()).len(), CROWD + 1);
    scene.hub.leave(&newcomer.session, &topic());
    assert_eq!(heard(&newcomer).await, [0; 0]);
    // Who publishes waits for no other's walk.
    scene.say(2).await.unwrap();
    drop(held_up);
    walk.await.unwrap();
    for client in &scene.crowd {
        assert_eq!(heard(client).await, [1, 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn who_has_left_during_a_walk_was_given_what_was_before_and_gets_nothing_after() {
    let scene = Scene::begin().await;
    let (slow, others) = scene.crowd.split_first().unwrap();
    let held_up = slow.hold_up();
    let walk = scene.say(1);
    held_up.reached().await;
    for client in others {
        scene.hub.leave(&client.session, &topic());
        assert_eq!(heard(client).await, [1]);
    }
    scene.say(2).await.unwrap();
    drop(held_up);
    walk.await.unwrap();
    for client in others {
        assert_eq!(heard(client).await, [0; 0]);
    }
    assert_eq!(heard(slow).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn who_waits_again_during_a_walk_was_given_what_was_before_and_then_what_came_after() {
    let scene = Scene::begin().await;
    let (slow, others) = scene.crowd.split_first().unwrap();
    let held_up = slow.hold_up();
    let walk = scene.say(1);
    held_up.reached().await;
    let mut waiting = Vec::new();
    for client in others {
        waiting.push(scene.hub.admit_again(&client.session, &topic()).unwrap());
        assert_eq!(heard(client).await, [1]);
    }
    scene.say(2).await.unwrap();
    for (client, admission) in others.iter().zip(waiting) {
        assert_eq!(heard(client).await, [0; 0]);
        admission.open_live();
        assert_eq!(heard(client).await, [2]);
    }
    drop(held_up);
    walk.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_hear_all_in_one_order_whoever_publishes_meanwhile() {
    const EACH: u64 = 50;
    let scene = Scene::begin().await;
    let publish = |from: u64| {
        let hub = scene.hub.clone();
        tokio::spawn(async move {
            for n in from..from + EACH {
                match n % 2 {
                    0 => hub.publish(&topic(), said(n)).await,
                    _ => drop(hub.emit_local(&topic(), &said(n))),
                }
            }
        })
    };
    for publishing in [publish(0), publish(EACH), publish(2 * EACH)] {
        publishing.await.unwrap();
    }
    let mut first = Vec::new();
    for client in &scene.crowd {
        let mut all = heard(client).await;
        while all.len() < 3 * EACH as usize {
            yield_now().await;
            all.extend(heard(client).await);
        }
        if first.is_empty() {
            first = all.clone();
        }
        assert_eq!(all, first);
    }
    for from in [0, EACH, 2 * EACH] {
        let of_one = first.iter().filter(|n| (from..from + EACH).contains(n));
        assert!(of_one.is_sorted(), "{first:?}");
    }
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 3 * EACH as usize);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_gives_way_and_goes_on_to_its_end_though_nobody_waits_for_it() {
    let scene = Scene::begin().await;
    {
        let topic = topic();
        let mut publishing = pin!(scene.hub.publish(&topic, said(1)));
        let first = std::future::poll_fn(|cx| Poll::Ready(publishing.as_mut().poll(cx))).await;
        assert!(first.is_pending());
    }
    for client in &scene.crowd {
        assert_eq!(heard(client).await, [1]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_few_have_a_message_when_the_call_returns() {
    let cluster = Cluster::start(1).await;
    let hub = &cluster.nodes[0].dispatcher.services().hub;
    let client = cluster.connect(0, "a").await;
    join(hub, &client).await;
    assert_eq!(hub.emit_local(&topic(), &said(1)), 1);
    assert_eq!(heard(&client).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn who_says_more_than_is_handed_out_hands_it_out_before_going_on() {
    let scene = Scene::begin().await;
    // Nobody else gets a turn meanwhile.
    for n in 0..1_000 {
        scene.hub.emit_local(&topic(), &said(n));
    }
    let first = heard(&scene.crowd[0]).await.len();
    assert!((700..1_000).contains(&first), "{first}");
    for (n, client) in scene.crowd.iter().enumerate() {
        let mut all = heard(client).await.len();
        while all < if n == 0 { 1_000 - first } else { 1_000 } {
            yield_now().await;
            all += heard(client).await.len();
        }
    }
}
