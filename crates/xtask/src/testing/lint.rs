//! Checks that run no test.

use super::{counts::Counts, title};
use crate::cargo::cargo;
use crate::programs;
use crate::testing::steps::{self, succeeds};
use crate::tidy;

/// Its name, and whether all is well.
type Check = (&'static str, fn() -> bool);

/// Runs every check, also after one has failed.
pub(super) fn run() -> Counts {
    let mut checks: Vec<Check> = vec![
        ("format", format),
        ("clippy", clippy),
        ("tidy", tidy_up),
        ("types", types),
    ];
    match programs::find("cargo-deny") {
        Some(_) => checks.push(("deny", deny)),
        None => title("cargo deny: skipped, it is not installed"),
    }
    let failed = checks.iter().filter(|(_, check)| !check());
    let names: Vec<_> = failed.map(|(name, _)| (*name).to_owned()).collect();
    let failed = names.len() as u64;
    Counts {
        passed: checks.len() as u64 - failed,
        failed,
        names,
    }
}

/// The peers in Rust are a workspace of their own, which nothing else here looks at.
fn format() -> bool {
    title("cargo fmt --check");
    let peers = ["--manifest-path", "tests/peers/Cargo.toml"];
    succeeds(cargo().args(["fmt", "--all", "--check"]))
        && succeeds(cargo().args(["fmt", "--all", "--check"]).args(peers))
}

fn clippy() -> bool {
    title("cargo clippy");
    succeeds(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn deny() -> bool {
    title("cargo deny");
    succeeds(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}

fn types() -> bool {
    title("npm run check in web");
    succeeds(&mut steps::npm(&["run", "check"]))
}

fn tidy_up() -> bool {
    title("tidy");
    tidy::run()
        .inspect_err(|error| eprintln!("{error:#}"))
        .is_ok()
}
