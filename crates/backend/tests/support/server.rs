//! Real Redis servers, started by a test and gone with it.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Longer than any server here needs to do what it is asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// A `redis-server` process; killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    dir: PathBuf,
}

impl Server {
    /// Starts on a port that nobody has; tries another where somebody was faster.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut tries = (0..5).filter_map(|_| Self::try_on(free_port(), args));
        tries.next().expect("a free port")
    }

    /// Starts on a port that the caller knows to be free.
    pub(crate) fn start_on(port: u16, args: &[&str]) -> Self {
        Self::try_on(port, args).expect("the port is free")
    }

    fn try_on(port: u16, args: &[&str]) -> Option<Self> {
        let own = ["--save", "", "--appendonly", "no"];
        Self::spawn(port, new_dir(port), &[], &[&own, args].concat())
    }

    /// `None` where the process ended at once.
    fn spawn(port: u16, dir: PathBuf, file: &[&str], args: &[&str]) -> Option<Self> {
        let process = Command::new("redis-server")
            .current_dir(&dir)
            .args(file)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(args)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let mut server = Self { process, port, dir };
        // Another server may answer there, from a test that was faster.
        let own = format!("process_id:{}\r", server.process.id());
        let mut lives = true;
        eventually(|| {
            lives = matches!(server.process.try_wait(), Ok(None));
            let said = cli(port, &["INFO", "server"]);
            !lives || said.contains(&own) || said.starts_with("NOAUTH")
        });
        lives.then_some(server)
    }

    /// Ends the process without a warning.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// A Sentinel that watches over the master on a port, as `main`.
    pub(crate) fn sentinel(master: u16) -> Self {
        let port = free_port();
        let dir = new_dir(port);
        let rules = format!(
            "sentinel monitor main 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 5000\n"
        );
        std::fs::write(dir.join("sentinel.conf"), rules).unwrap();
        Self::spawn(port, dir, &["sentinel.conf", "--sentinel"], &[]).expect("a free port")
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` prints.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        cli(self.port, args)
    }

    /// Sends the process a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Kills the process and starts another one that finds what this one left in its directory.
    pub(crate) fn restart_with(&mut self, args: &[&str]) {
        self.kill();
        let new = Self::spawn(self.port, self.dir.clone(), &[], args);
        self.take_process(new.expect("the port is free"));
    }

    fn take_process(&mut self, mut new: Self) {
        std::mem::swap(&mut self.process, &mut new.process);
        // What is dropped now is the process that is gone.
        new.dir = PathBuf::new();
    }

    /// Kills the process and starts an empty one in its place after a while.
    pub(crate) fn restart_after(&mut self, pause: Duration) {
        self.kill();
        sleep(pause);
        let port = self.port;
        self.take_process(Self::start_on(port, &[]));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if !self.dir.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A Redis Cluster: three masters, then their replicas.
pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    /// Masters only.
    pub(crate) fn start() -> Self {
        Self::start_with(0)
    }

    /// Every master has so many replicas.
    pub(crate) fn start_with(replicas: usize) -> Self {
        let member = |_| {
            let bus = free_port().to_string();
            let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let times = [
                "--cluster-node-timeout",
                "2000",
                "--repl-diskless-sync-delay",
                "0",
            ];
            Server::start(&[cluster, times].concat())
        };
        let cluster = Self {
            servers: (0..3 * (replicas + 1)).map(member).collect(),
        };
        cluster.join(replicas);
        cluster
    }

    fn join(&self, replicas: usize) {
        let hosts = self
            .servers
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port));
        let output = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(hosts)
            .args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        for server in &self.servers {
            eventually(|| {
                server
                    .cli(&["CLUSTER", "INFO"])
                    .contains("cluster_state:ok")
            });
        }
        for replica in &self.servers[3..] {
            eventually(|| {
                replica
                    .cli(&["INFO", "replication"])
                    .contains("master_link_status:up")
            });
        }
    }

    pub(crate) fn url(&self) -> String {
        let ports: Vec<_> = self.servers.iter().map(|server| server.port).collect();
        format!(
            "redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}&node=127.0.0.1:{}",
            ports[0], ports[1], ports[2]
        )
    }
}

/// What `redis-cli` prints.
pub(crate) fn cli(port: u16, args: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(args)
        .output()
        .expect("redis-cli is installed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// With this process in its name: another one may take the port before this has taken its data away.
fn new_dir(port: u16) -> PathBuf {
    let name = format!("starling-redis-{}-{port}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A port that the kernel says is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn eventually(mut condition: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < give_up, "it never happened");
        sleep(Duration::from_millis(20));
    }
}
