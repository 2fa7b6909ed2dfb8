//! A local process: started with its output in a log file, ended by its process group.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How to start a process, again and again with the same name, ports and environment.
pub struct Service {
    /// Short name, also of its log file.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Added to the environment.
    pub env: Vec<(String, String)>,
    /// Where stdout and stderr go.
    pub log: PathBuf,
    child: Option<Child>,
    last_pid: u32,
}

impl Service {
    /// A service that is not running yet.
    pub fn new(name: &str, program: &Path, logs: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            log: logs.join(format!("{name}.log")),
            child: None,
            last_pid: 0,
        }
    }

    /// Adds arguments.
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts it; returns the process id.
    pub fn start(&mut self) -> Result<u32> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = Command::new(&self.program);
        // A setting of the caller's shell must not change what the cluster is.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"STARLING_") {
                command.env_remove(name);
            }
        }
        // Log files are read by people and tests, not by terminals.
        command.env("NO_COLOR", "1");
        command.args(&self.args).envs(self.env.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // A group of its own: Ctrl-C in the terminal reaches only us, and a process's own
        // children (nginx's workers) can be ended with it.
        command.process_group(0);
        let child = command
            .spawn()
            .with_context(|| self.program.display().to_string())?;
        self.last_pid = child.id();
        self.child = Some(child);
        Ok(self.last_pid)
    }

    /// Process id of the last start.
    pub fn pid(&self) -> u32 {
        self.last_pid
    }

    /// Whether it runs, as far as we have looked.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Notices an end: its status, once.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        // nginx's workers outlive a killed master and keep its port.
        self.signal_group(Signal::SIGKILL);
        Some(status)
    }

    /// Sends a signal to it, if it runs.
    pub fn signal(&self, signal: Signal) {
        if self.child.is_some() {
            self.signal_group(signal);
        }
    }

    /// Ends it and its children at once.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// The last lines of its log, for an error message.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(15).collect();
        lines
            .into_iter()
            .rev()
            .map(|line| format!("  {line}\n"))
            .collect()
    }

    fn signal_group(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.last_pid) {
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }
}

/// How a process ended, in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
