//! Checks that run no test.

use super::title;
use crate::programs;
use crate::testing::steps::succeeds;
use crate::tidy;
use crate::{cargo::cargo, paths};

/// Runs every check, also after one has failed; returns the names of those that did.
pub(super) fn run() -> Vec<&'static str> {
    let results = [
        ("format", format()),
        ("clippy", clippy()),
        ("deny", deny()),
        ("tidy", tidy_up()),
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
    let installed = programs::find("cargo-deny").is_some();
    if !installed || !paths::root().join("deny.toml").exists() {
        title("cargo deny: skipped, cargo-deny or deny.toml is missing");
        return true;
    }
    title("cargo deny");
    succeeds(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}

fn tidy_up() -> bool {
    title("tidy");
    tidy::run()
        .inspect_err(|error| eprintln!("{error:#}"))
        .is_ok()
}
