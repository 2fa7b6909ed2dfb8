//! The cargo that runs us.

use std::process::Command;

use crate::paths;

/// Cargo at the root of the repository. Without what `cargo run` says of our own package: build
/// scripts look at it, and would compile their crates once more for each change.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    command
}
