//! The steps of `cargo xtask test` that install and run things.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};

use super::counts::{self, Counts};
use super::{must, title};
use crate::programs::{self, CHROMIUM, NGINX, NODE, NPM, REDIS};
use crate::{cargo::cargo, paths};

/// Installs what a bare machine lacks.
pub(super) fn install(unit: bool, e2e: bool) -> Result<()> {
    let root = paths::root();
    if unit || e2e {
        programs::ensure(&[REDIS, NGINX, NODE, NPM])?;
    }
    if e2e && std::env::var_os("CHROMIUM").is_none() {
        programs::ensure(&[CHROMIUM])?;
    }
    // The gateway's build embeds the page and the client bundles of this package.
    npm_ci(&root.join("web"))?;
    if e2e {
        npm_ci(&root.join("tests/e2e"))?;
        python(&root)?;
    }
    if unit
        && programs::find("cargo-nextest").is_none()
        && !succeeds(cargo().args(["nextest", "--version"]))
    {
        title("installing cargo-nextest");
        must(
            succeeds(cargo().args(["install", "cargo-nextest", "--locked"])),
            "cargo install cargo-nextest",
        )?;
    }
    Ok(())
}

/// Unit, conformance and in-process cluster tests, and examples in doc comments.
pub(super) fn unit() -> Result<Counts> {
    title("cargo nextest run --workspace");
    let (ok, lines) = tee(cargo().args([
        "nextest",
        "run",
        "--workspace",
        "--no-fail-fast",
        "--color",
        "never",
    ]))?;
    let mut all = counts::nextest(&lines).or_failed(ok);
    title("cargo test --doc --workspace");
    let (ok, lines) =
        tee(cargo().args(["test", "--quiet", "--doc", "--workspace", "--no-fail-fast"]))?;
    all.add(counts::libtest(&lines).or_failed(ok));
    title("npm test in web");
    let (ok, lines) = tee(&mut npm(&["test"]))?;
    all.add(counts::node(&lines).or_failed(ok));
    Ok(all)
}

/// For the page.
pub(super) fn npm(arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(paths::root().join("web"));
    npm
}

/// The official clients against a real cluster.
pub(super) fn end_to_end() -> Result<Counts> {
    let dir = paths::root().join("tests/e2e");
    if !dir.join("package.json").exists() {
        title("end-to-end tests: none yet (tests/e2e/package.json is missing)");
        return Ok(Counts::default());
    }
    title("npm test in tests/e2e");
    let (ok, lines) = tee(Command::new("npm").arg("test").current_dir(dir))?;
    Ok(counts::node(&lines).or_failed(ok))
}

/// The official suites of the protocols, from a checkout of the socket.io repository.
pub(super) fn protocol(suites: &Path) -> Result<Counts> {
    programs::ensure(&[NODE, NPM])?;
    npm_ci(&paths::root().join("web"))?;
    title("the official protocol suites");
    let suites = fs::canonicalize(suites).with_context(|| suites.display().to_string())?;
    let mut node = Command::new("node");
    node.arg("protocol/suites/run.js").arg(suites);
    let (ok, lines) = tee(node.current_dir(paths::root().join("tests/e2e")))?;
    Ok(counts::node(&lines).or_failed(ok))
}

/// `npm ci`, unless what is installed is as new as the lock file.
pub(crate) fn npm_ci(dir: &Path) -> Result<()> {
    let lock = dir.join("package-lock.json");
    let installed = dir.join("node_modules/.package-lock.json");
    let modified = |file: &Path| fs::metadata(file).and_then(|meta| meta.modified()).ok();
    let Some(wanted) = modified(&lock) else {
        return Ok(());
    };
    if modified(&installed).is_some_and(|have| have >= wanted) {
        return Ok(());
    }
    programs::ensure(&[NODE, NPM])?;
    title(&format!("npm ci in {}", dir.display()));
    must(
        succeeds(
            Command::new("npm")
                .arg("ci")
                .stdout(std::io::stderr())
                .current_dir(dir),
        ),
        "npm ci",
    )
}

/// Clients in Python, in an environment of their own. Without them their tests are skipped, and say so.
fn python(root: &Path) -> Result<()> {
    let (dir, list) = (
        root.join("target/python"),
        root.join("tests/e2e/python/requirements.txt"),
    );
    let wanted = fs::read_to_string(&list)?;
    let installed = dir.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    title("clients in Python");
    let venv = || {
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "--clear"]).arg(&dir);
        succeeds(python.stdout(std::io::stderr()))
    };
    let pip = || {
        let mut pip = Command::new(dir.join("bin/pip"));
        pip.args(["install", "--quiet", "--requirement"]).arg(&list);
        succeeds(pip.stdout(std::io::stderr()))
    };
    if venv() && pip() {
        fs::write(installed, wanted)?;
    } else {
        fs::remove_dir_all(&dir).ok();
        title("left out: it takes python3-venv and the packages in tests/e2e/python");
    }
    Ok(())
}

/// Runs it with its output shown.
pub(super) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs it with its output shown, and returns the lines as well.
fn tee(command: &mut Command) -> Result<(bool, Vec<String>)> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let lines = thread::scope(|scope| {
        let errors =
            scope.spawn(move || err.map(|e| copy(e, std::io::stderr())).unwrap_or_default());
        let mut lines = out.map(|o| copy(o, std::io::stdout())).unwrap_or_default();
        lines.extend(errors.join().unwrap_or_default());
        lines
    });
    Ok((child.wait()?.success(), lines))
}

fn copy(from: impl Read, mut to: impl Write) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        let _ = writeln!(to, "{line}");
        lines.push(line);
    }
    lines
}
