//! What the Redis backend can do here: `cargo run --release -p starling-backend --example
//! throughput -- redis://127.0.0.1:6379`. Uses a prefix of its own, and leaves its data there.
#![allow(clippy::print_stdout, reason = "its purpose")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use starling_backend::redis::{self, RedisConfig};
use starling_kernel::{
    envelope::{Draft, Envelope},
    id::{ConnId, Incarnation, NodeId, RoomName, UserId, random},
    ports::{Backend, Entry, Heard, Held, Holder, Known, Member, Parcel, PortResult},
    topic::Topic,
};

const COUNT: usize = 50_000;

async fn node(url: &str, prefix: &str, name: &str) -> Result<Backend, Box<dyn Error>> {
    let mut config = RedisConfig::new(url);
    config.prefix = prefix.to_owned();
    let id = NodeId::parse(name).ok_or("name")?;
    Ok(redis::connect(config, &id, &["/", "/chat"]).await?)
}

/// Runs `step` [`COUNT`] times, so many at once; prints rate and latencies.
async fn measure<F>(what: &str, at_once: usize, step: impl Fn(usize) -> F)
where
    F: Future<Output = PortResult<()>>,
{
    let began = Instant::now();
    let count = if at_once == 1 { COUNT / 10 } else { COUNT };
    let steps = stream::iter(0..count).map(|n| {
        let step = step(n);
        async {
            let began = Instant::now();
            step.await.map(|()| began.elapsed())
        }
    });
    let results: Vec<_> = steps.buffer_unordered(at_once).collect().await;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    let mut times: Vec<Duration> = results.into_iter().flatten().collect();
    times.sort();
    let at = |part: usize| {
        times
            .get(times.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    let failed = count - times.len();
    println!(
        "{what:22} {at_once:4} at once: {rate:8.0}/s, p50 {:?}, p99 {:?}, failed {failed}",
        at(50),
        at(99)
    );
}

/// Counts what a node hears until nothing comes for a second.
async fn listen(backend: &Backend) -> tokio::task::JoinHandle<usize> {
    let mut heard = backend.bus.listen().expect("taken once");
    tokio::spawn(async move {
        let mut parcels = 0;
        while let Ok(Some(heard)) = tokio::time::timeout(Duration::from_secs(4), heard.recv()).await
        {
            match heard {
                Heard::Parcel { .. } => parcels += 1,
                Heard::Lost => println!("lost"),
                Heard::Up(_) | Heard::Ended => {}
            }
        }
        parcels
    })
}

/// As after a reconnect: the members of all rooms at once, ten times each, while the node beats.
async fn beat_while_busy(a: &Backend, incarnation: &Incarnation) -> PortResult<()> {
    let began = Instant::now();
    let lists = join_all((0..5_000).map(|n| {
        let place = Topic::room(&RoomName::trusted(&format!("room-{}", n % 500)));
        async move { a.presence.members(&place, 200).await }
    }));
    tokio::pin!(lists);
    let (mut beats, mut longest) = (0, Duration::ZERO);
    let results = loop {
        let began = Instant::now();
        let beat = async {
            let result = a.presence.beat(incarnation).await;
            (result, began.elapsed())
        };
        tokio::pin!(beat);
        tokio::select! {
            results = &mut lists => {
                longest = longest.max(began.elapsed());
                break results;
            }
            (result, took) = &mut beat => {
                result?;
                (beats, longest) = (beats + 1, longest.max(took));
            }
        }
    };
    println!(
        "{} of {} lists in {:?}, meanwhile {beats} beats, the longest {longest:?}",
        results.iter().filter(|result| result.is_ok()).count(),
        results.len(),
        began.elapsed()
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("the URL of a Redis")?;
    let prefix = format!("throughput-{}", random(6));
    let (a, b) = (
        node(&url, &prefix, "a").await?,
        node(&url, &prefix, "b").await?,
    );
    let incarnation = Incarnation::of(&NodeId::parse("a").ok_or("name")?);
    let witness = Incarnation::of(&NodeId::parse("b").ok_or("name")?);
    let known = Known::default();
    a.presence.begin(&incarnation, None, &known).await?;
    b.presence.begin(&witness, None, &known).await?;
    let topics: Vec<_> = (0..50)
        .map(|n| Topic::User("/", UserId::trusted(&n.to_string())))
        .collect();
    for topic in &topics {
        b.bus.subscribe(topic).await?;
    }
    let text = "a message of the usual length, which is some sixty bytes";
    let draft = Draft::new("room-message", &serde_json::json!({ "text": text }))?;
    let live = Parcel::Message(Envelope::new("typing", &text).into());
    let heard = listen(&b).await;
    for at_once in [1, 64, 512] {
        measure("append", at_once, |n| {
            let (a, draft, topic) = (&a, &draft, &topics[n % 50]);
            async move { a.log.append(topic, draft, None).await.map(drop) }
        })
        .await;
        measure("publish", at_once, |n| {
            a.bus.publish(&topics[n % 50], &live)
        })
        .await;
    }
    println!(
        "the other node heard {} of {}",
        heard.await?,
        2 * (COUNT * 2 + COUNT / 10)
    );

    let enter = |n: usize| {
        let (a, incarnation) = (&a, incarnation.clone());
        async move {
            let member = Member {
                user: UserId::trusted(&format!("user-{n}")),
                username: format!("User {n}"),
                status: Default::default(),
            };
            let conn = ConnId::trusted(&format!("conn-{n}"));
            let place = Topic::room(&RoomName::trusted(&format!("room-{}", n % 500)));
            let entry = Entry::Restore(Held::default());
            let holder = Holder { incarnation, conn };
            a.presence
                .enter(&place, &member, &holder, &entry, usize::MAX)
                .await?;
            let open = Entry::Open { announce: false };
            a.presence
                .enter(&Topic::Namespace("/"), &member, &holder, &open, usize::MAX)
                .await
                .map(drop)
        }
    };
    measure("enter room + namespace", 64, enter).await;
    let began = Instant::now();
    let members = a.presence.members(&Topic::Namespace("/"), 200).await?;
    println!("200 of {} members in {:?}", members.total, began.elapsed());
    beat_while_busy(&a, &incarnation).await?;
    let began = Instant::now();
    a.presence.retire(&incarnation).await?;
    while b.presence.beat(&witness).await?.dead.contains(&incarnation) {
        a.presence.reap(&incarnation).await?;
    }
    println!("{} holders reaped in {:?}", 2 * COUNT, began.elapsed());
    Ok(())
}
