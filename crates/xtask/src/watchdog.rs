//! A helper process that ends the cluster's children when the cluster itself was killed.
//!
//! The kernel's own means (a parent-death signal) needs unsafe code. A pipe does as well: it
//! reports the end of its writer, however that came about.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The cluster's end of the pipe.
pub struct Watchdog {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts the helper. `dir` is removed when the cluster is gone.
    pub fn start(dir: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("watchdog")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .context("watchdog")?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// A process group to end.
    pub fn add(&mut self, pid: u32) {
        self.tell('+', pid);
    }

    /// It has ended already.
    pub fn remove(&mut self, pid: u32) {
        self.tell('-', pid);
    }

    fn tell(&mut self, what: char, pid: u32) {
        if let Some(pipe) = &mut self.pipe {
            // The helper being gone is no reason to stop: it is only a second line.
            let _ = writeln!(pipe, "{what}{pid}");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.child.wait();
    }
}

/// The helper itself: reads until the cluster is gone, then cleans up after it.
pub fn run(dir: &Path) -> Result<()> {
    let mut groups = BTreeSet::new();
    for line in std::io::stdin().lock().lines() {
        note(&mut groups, &line?);
    }
    end(&groups);
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    Ok(())
}

fn note(groups: &mut BTreeSet<i32>, line: &str) {
    let (what, pid) = line.split_at(line.len().min(1));
    match (what, pid.parse()) {
        ("+", Ok(pid)) => drop(groups.insert(pid)),
        ("-", Ok(pid)) => drop(groups.remove(&pid)),
        _ => {}
    }
}

fn end(groups: &BTreeSet<i32>) {
    if groups.is_empty() {
        return;
    }
    send(groups, Signal::SIGTERM);
    sleep(Duration::from_secs(1));
    send(groups, Signal::SIGKILL);
}

fn send(groups: &BTreeSet<i32>, signal: Signal) {
    for group in groups {
        let _ = killpg(Pid::from_raw(*group), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_groups_that_have_not_ended_are_kept() {
        let mut groups = BTreeSet::new();
        for line in ["+7", "+8", "-7", "", "x", "+"] {
            note(&mut groups, line);
        }
        assert_eq!(groups, BTreeSet::from([8]));
    }
}
