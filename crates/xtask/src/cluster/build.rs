//! Building the gateway and finding what came out.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::paths;

/// Builds the gateway; returns its executable.
pub(super) fn gateway(release: bool) -> Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--package", "starling-gateway"]);
    command
        .arg("--message-format=json-render-diagnostics")
        .current_dir(paths::root());
    if release {
        command.arg("--release");
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo")?;
    if !output.status.success() {
        bail!("the gateway does not build");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .rev()
        .find_map(executable)
        .context("cargo named no executable of the gateway")
}

fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["target"]["name"] != "starling" {
        return None;
    }
    message["executable"].as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_the_one_of_the_binary_starling() {
        let line = r#"{"target":{"name":"starling"},"executable":"target/debug/starling"}"#;
        assert_eq!(
            executable(line),
            Some(PathBuf::from("target/debug/starling"))
        );
        assert_eq!(
            executable(r#"{"target":{"name":"starling_kernel"},"executable":null}"#),
            None
        );
    }
}
