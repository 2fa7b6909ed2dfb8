//! Checks that run no test.

use super::title;
use crate::cargo::cargo;
use crate::programs;
use crate::testing::steps::{self, succeeds};
use crate::tidy;

/// Runs every check, also after one has failed; returns the names of those that did.
pub(super) fn run() -> Vec<&'static str> {
    let results = [
        ("format", format()),
        ("clippy", clippy()),
        ("deny", deny()),
        ("tidy", tidy_up()),
        ("types", types()),
    ];
    let failed = results.into_iter().filter(|(_, ok)| !ok);
    failed.map(|(name, _)| name).collect()
}

fn format() -> bool {
    title("cargo fmt --check");
    succeeds(cargo().args(["fmt", "--all", "--check"]))
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
    if programs::find("cargo-deny").is_none() {
        title("cargo deny: skipped, it is not installed");
        return true;
    }
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
