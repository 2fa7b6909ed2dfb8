//! Random schedules of everything that clients do and everything that goes wrong, compared with a
//! plain model whenever it has been quiet for a while. A failure prints its seed; `MODEL_SEED=n`
//! runs that schedule alone, `MODEL_RUNS=n` more of them.
#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]

mod device;
mod said;
mod schedule;

use schedule::Schedule;

/// Steps of one schedule.
const STEPS: usize = 500;

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
fn all_views_agree_with_the_model_whenever_it_is_quiet() {
    let seeds = match number("MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MODEL_RUNS").unwrap_or(4),
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        eprintln!("MODEL_SEED={seed}");
        runtime.block_on(async { Schedule::begin(seed).await.run(STEPS).await });
    }
}
