//! Random schedules of everything that clients do and everything that goes wrong, compared with a
//! plain model whenever it has been quiet for a while. A failure prints its seed; `MODEL_SEED=n`
//! runs that schedule alone, `MODEL_RUNS=n` more of them, `MODEL_STEPS=n` longer ones.
#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]

#[path = "../../../backend/tests/support/data.rs"]
#[allow(dead_code, reason = "the backend's tests use the rest")]
mod data;
mod deeds;
mod device;
mod ground;
mod said;
mod schedule;
#[path = "../../../backend/tests/support/server.rs"]
#[allow(dead_code, reason = "the backend's tests use the rest")]
mod server;
mod views;

use ground::Ground;
use schedule::Schedule;
use tokio::runtime::Builder;

/// With `MODEL_TRACE` set, what happens is printed.
pub(crate) fn trace(what: impl FnOnce() -> String) {
    if std::env::var_os("MODEL_TRACE").is_some() {
        eprintln!("{:?} {}", tokio::time::Instant::now(), what());
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn all_views_agree_with_the_model_on_the_embedded_backend() {
    let mut paused = Builder::new_current_thread();
    paused.enable_time().start_paused(true);
    run(&mut paused, 4, 500, Ground::memory);
}

#[test]
fn all_views_agree_with_the_model_on_redis() {
    run(
        Builder::new_current_thread().enable_all(),
        1,
        100,
        Ground::redis,
    );
}

/// Runs so many schedules of so many steps, if no others are asked for.
fn run(runtime: &mut Builder, runs: u64, steps: u64, ground: fn() -> Ground) {
    let seeds = match number("MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MODEL_RUNS").unwrap_or(runs),
    };
    let steps = number("MODEL_STEPS").unwrap_or(steps);
    for seed in seeds {
        eprintln!("MODEL_SEED={seed}");
        let runtime = runtime.build().unwrap();
        runtime.block_on(async { Schedule::begin(ground(), seed).await.run(steps).await });
    }
}
