//! Building and installing `tests/peers`.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::Peer;
use crate::bench::server::{Server, copy};
use crate::cargo::cargo;
use crate::paths;
use crate::programs::{self, NODE, NPM};
use crate::testing::{must, npm_ci};

const BUN: &str = "node_modules/@oven/bun-linux-x64/bin/bun";

/// These peers, ready to be measured; what is built is copied to `dir`.
pub(super) fn servers(peers: &[Peer], dir: &Path) -> Result<Vec<Server>> {
    let has = |wanted: &[Peer]| peers.iter().any(|peer| wanted.contains(peer));
    if has(&[Peer::Node, Peer::Bun]) {
        programs::ensure(&[NODE, NPM])?;
        npm_ci(&paths::root().join("tests/peers/js"))?;
    }
    if has(&[Peer::Limit, Peer::LimitRelay, Peer::Socketioxide]) {
        build()?;
    }
    peers.iter().map(|peer| server(*peer, dir)).collect()
}

/// A workspace of its own, since a peer is what was published, whatever ours patches.
fn build() -> Result<()> {
    let mut command = cargo();
    command.args(["build", "--release", "--locked"]);
    command.args(["--manifest-path", "tests/peers/Cargo.toml"]);
    command.args(["--target-dir", "target/peers"]);
    // stdout belongs to the tables.
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    must(
        command.status().context("cargo")?.success(),
        "cargo build in tests/peers",
    )
}

fn server(peer: Peer, dir: &Path) -> Result<Server> {
    let scripts = paths::root().join("tests/peers/js");
    let script = |name: &str| scripts.join(name).display().to_string();
    let built = |name: &str| {
        let file = paths::root().join("target/peers/release").join(name);
        Ok::<_, anyhow::Error>(copy(&file, dir, name)?.display().to_string())
    };
    let (name, nodes, command) = match peer {
        Peer::Limit => ("limit", "1", vec![built("peer-limit")?]),
        Peer::LimitRelay => (
            "limit-relay",
            "3",
            vec![built("peer-limit")?, "--relay".to_owned()],
        ),
        Peer::Node => ("node", "3", vec![NODE.name.to_owned(), script("node.js")]),
        Peer::Bun => ("bun", "3", vec![script(BUN), script("bun.js")]),
        Peer::Socketioxide => ("socketioxide", "3", vec![built("peer-socketioxide")?]),
        Peer::Starling => anyhow::bail!("Starling is no peer"),
    };
    let mut args = vec!["--nodes".to_owned(), nodes.to_owned()];
    args.extend(command.into_iter().map(|part| format!("--peer={part}")));
    Ok(Server {
        name: name.to_owned(),
        args,
    })
}
