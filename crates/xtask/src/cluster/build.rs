//! Building a binary of ours and finding what came out.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::cargo;

/// Builds the gateway; returns its executable. A release as it ships, otherwise with the features of
/// the workspace, as all other commands have built its dependencies already.
pub(super) fn gateway(release: bool) -> Result<PathBuf> {
    binary("starling-gateway", "starling", release)
}

/// Builds a binary of a package of ours; returns its executable.
pub(crate) fn binary(package: &str, name: &str, release: bool) -> Result<PathBuf> {
    let mut command = cargo();
    command.args([
        "build",
        "--quiet",
        "--message-format=json-render-diagnostics",
    ]);
    if release {
        command.args(["--release", "--package", package]);
    } else {
        command.args(["--bin", name]);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo")?;
    if !output.status.success() {
        bail!("{package} does not build");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .rev()
        .find_map(|message| executable(message, name))
        .with_context(|| format!("cargo named no executable of {package}"))
}

fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["target"]["name"] != name {
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
            executable(line, "starling"),
            Some(PathBuf::from("target/debug/starling"))
        );
        assert_eq!(
            executable(
                r#"{"target":{"name":"starling_kernel"},"executable":null}"#,
                "starling"
            ),
            None
        );
    }
}
