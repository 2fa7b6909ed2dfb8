//! `cargo xtask docs`: what of docs/ is written from the code.

use anyhow::{Result, ensure};

use crate::cargo::cargo;

/// The test that says whether docs/EVENTS.md is stale writes it, as it knows what should stand there.
pub fn write() -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--quiet", "-p", "starling-testkit"])
        .args(["--test", "events_page", "every_event"])
        .env("STARLING_WRITE_DOCS", "1");
    ensure!(test.status()?.success(), "docs/EVENTS.md was not written");
    Ok(())
}
