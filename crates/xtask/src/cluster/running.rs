//! A cluster that runs: readiness, deaths, restarts, the end.

use std::fs;
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::Options;
use super::setup::{self, Member, Plan};
use crate::process::describe;
use crate::watchdog::Watchdog;

/// How long all processes together may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a process may take to end before it is killed.
const END_WITHIN: Duration = Duration::from_secs(3);

/// The processes of a cluster. The watchdog removes their directory at the end.
pub struct Cluster {
    members: Vec<Member>,
    plan: Plan,
    watchdog: Option<Watchdog>,
}

/// A gateway that runs.
pub struct Node {
    /// Its name.
    pub name: String,
    /// Port for clients, on loopback.
    pub port: u16,
    /// Process id.
    pub pid: u32,
}

impl Cluster {
    /// Starts every process, without waiting for them. The running executable must know the
    /// command `watchdog DIR` ([`crate::watchdog::run`]).
    ///
    /// # Errors
    ///
    /// When a program is missing, or a process cannot be started.
    pub fn start(options: &Options) -> Result<Self> {
        raise_descriptor_limit();
        let dir = setup::directory()?;
        let watchdog = Some(Watchdog::start(&dir)?);
        let logs = options.logs.clone().unwrap_or_else(|| dir.join("logs"));
        fs::create_dir_all(&logs)?;
        let setup = setup::setup(options, &dir, &logs)?;
        eprintln!("cluster: logs in {}", logs.display());
        let mut cluster = Self {
            members: setup.members,
            plan: setup.plan,
            watchdog,
        };
        cluster.start_dead()?;
        Ok(cluster)
    }

    /// Starts every process that does not run.
    pub(super) fn start_dead(&mut self) -> Result<()> {
        for member in self.members.iter_mut().filter(|m| !m.service.is_running()) {
            member.reserved.clear();
            let pid = member.service.start()?;
            if let Some(watchdog) = &mut self.watchdog {
                watchdog.add(pid);
            }
            // Gateways find Redis at their first try, and nginx its pid file written.
            wait_first_answer(member);
        }
        Ok(())
    }

    /// Waits until all are ready. An early end, or `go_on` saying no, is an error.
    ///
    /// # Errors
    ///
    /// Also when one is not ready after 30 s; with the end of its log.
    pub fn wait_ready(&mut self, go_on: &dyn Fn() -> bool) -> Result<()> {
        let until = Instant::now() + READY_WITHIN;
        loop {
            if let Some(member) = self.members.iter_mut().find_map(ended) {
                bail!(
                    "{} ended while starting:\n{}",
                    member.service.name,
                    member.service.log_tail()
                );
            }
            let Some(late) = self.members.iter().find(|m| !m.probe.answers()) else {
                return Ok(());
            };
            if Instant::now() > until {
                bail!(
                    "{} is not ready:\n{}",
                    late.service.name,
                    late.service.log_tail()
                );
            }
            if !go_on() {
                bail!("stopped before all were ready");
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Prints the line of JSON.
    pub(super) fn announce(&self) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", self.description())?;
        Ok(stdout.flush()?)
    }

    /// Says which processes have ended since the last look; returns how many are down.
    pub(super) fn report_ended(&mut self) -> usize {
        for member in &mut self.members {
            if let Some(status) = member.service.ended() {
                let (name, pid) = (&member.service.name, member.service.pid());
                eprintln!("cluster: {name} (pid {pid}) ended: {}", describe(status));
                if let Some(watchdog) = &mut self.watchdog {
                    watchdog.remove(pid);
                }
            }
        }
        self.members
            .iter()
            .filter(|m| !m.service.is_running())
            .count()
    }

    /// Ends every process, nginx first: with their clients gone the gateways drain at once.
    pub fn stop(&mut self) {
        eprintln!("cluster: stopping");
        for member in self.members.iter().rev() {
            member.service.signal(Signal::SIGTERM);
            // A stopped process (tests do that to Redis) handles nothing until it goes on.
            member.service.signal(Signal::SIGCONT);
        }
        if !self.all_ended_within(END_WITHIN) {
            self.members
                .iter()
                .for_each(|m| m.service.signal(Signal::SIGKILL));
            self.all_ended_within(END_WITHIN);
        }
        if let Some(watchdog) = &mut self.watchdog {
            self.members
                .iter()
                .for_each(|m| watchdog.remove(m.service.pid()));
        }
    }

    fn all_ended_within(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            for member in &mut self.members {
                member.service.ended();
            }
            if !self.members.iter().any(|m| m.service.is_running()) {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// The gateways.
    pub fn nodes(&self) -> Vec<Node> {
        let nodes = self.plan.nodes.iter();
        nodes
            .map(|(name, port, _)| Node {
                name: name.clone(),
                port: *port,
                pid: self.pid(name).unwrap_or_default(),
            })
            .collect()
    }

    /// Process id of Redis, unless the caller brought one.
    pub fn redis(&self) -> Option<u32> {
        self.pid("redis")
    }

    /// The secret that tokens are signed with.
    pub fn jwt_secret(&self) -> &str {
        &self.plan.jwt_secret
    }

    fn pid(&self, name: &str) -> Option<u32> {
        let mut members = self.members.iter();
        members
            .find(|m| m.service.name == name)
            .map(|m| m.service.pid())
    }

    fn description(&self) -> Value {
        let nodes: Vec<_> = self
            .plan
            .nodes
            .iter()
            .map(|(name, client, admin)| {
                json!({
                    "name": name,
                    "url": format!("http://127.0.0.1:{client}"),
                    "admin": format!("http://127.0.0.1:{admin}"),
                    "pid": self.pid(name),
                })
            })
            .collect();
        json!({
            "url": format!("http://127.0.0.1:{}", self.plan.port),
            "pid": std::process::id(),
            "redis": { "url": self.plan.redis_url, "pid": self.redis() },
            "nginx": { "pid": self.pid("nginx") },
            "nodes": nodes,
            "jwt_secret": self.plan.jwt_secret,
            "api_key": self.plan.api_key,
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Only where an error skipped `stop`: the watchdog ends what still runs, and removes
        // the directory either way.
        self.watchdog = None;
    }
}

fn ended(member: &mut Member) -> Option<&Member> {
    member.service.ended().map(|_| &*member)
}

fn wait_first_answer(member: &mut Member) {
    let until = Instant::now() + Duration::from_secs(2);
    let is_redis = member.service.name == "redis";
    while is_redis && !member.probe.answers() && Instant::now() < until {
        sleep(Duration::from_millis(10));
    }
}

/// Children inherit it; a thousand websockets through nginx need three thousand.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
