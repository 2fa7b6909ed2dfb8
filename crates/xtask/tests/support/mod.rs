//! nginx with the project's configuration, and one-line gateways behind it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use starling_xtask::nginx::{self, Upstream};
use starling_xtask::ports;
use starling_xtask::process::Service;
use starling_xtask::programs;

const SERVES: u8 = 0;
const DRAINS: u8 = 1;
const DEAD: u8 = 2;

/// An answer, taken apart.
pub(crate) struct Answer {
    pub head: String,
    pub body: String,
}

/// nginx and the gateways behind it.
pub(crate) struct Balancer {
    port: u16,
    service: Service,
    gateways: HashMap<String, (u16, Arc<AtomicU8>)>,
    _dir: tempfile::TempDir,
}

impl Balancer {
    /// Starts nginx in front of `nodes` gateways; nothing where nginx is not installed.
    pub(crate) fn start(nodes: u8) -> Option<Self> {
        let Some(program) = programs::find("nginx") else {
            eprintln!("nginx is not installed: not tested");
            return None;
        };
        let gateways: HashMap<_, _> = (1..=nodes).map(|n| gateway(format!("gw{n}"))).collect();
        let upstreams: Vec<_> = gateways
            .iter()
            .map(|(name, (port, _))| Upstream {
                name: name.clone(),
                address: format!("127.0.0.1:{port}"),
            })
            .collect();
        let dir = tempfile::tempdir().unwrap();
        allow_all(dir.path());
        let reserved = ports::any().unwrap();
        let port = reserved.port();
        nginx::install(dir.path(), &format!("127.0.0.1:{port}"), &upstreams).unwrap();
        drop(reserved);
        let mut service = nginx::service(&program, dir.path(), dir.path());
        service.start().unwrap();
        let until = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "{}", service.log_tail());
            thread::sleep(Duration::from_millis(10));
        }
        Some(Self {
            port,
            service,
            gateways,
            _dir: dir,
        })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// A request with further header lines.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// From now on nobody listens on the gateway's port.
    pub(crate) fn kill(&mut self, name: &str) {
        let (port, state) = &self.gateways[name];
        state.store(DEAD, Ordering::SeqCst);
        // The listener lives in its thread: one more connection makes it look.
        let _ = TcpStream::connect(("127.0.0.1", *port));
        let until = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(("127.0.0.1", *port)).is_ok() {
            assert!(Instant::now() < until, "{name} still listens");
        }
    }

    /// From now on the gateway answers handshakes with 503.
    pub(crate) fn drain(&self, name: &str) {
        self.gateways[name].1.store(DRAINS, Ordering::SeqCst);
    }

    /// Everything nginx has logged.
    pub(crate) fn log(&self) -> String {
        // The access log is written when a request ends, just after the client has its answer.
        thread::sleep(Duration::from_millis(100));
        std::fs::read_to_string(&self.service.log).unwrap()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.service.kill();
    }
}

/// A gateway: answers everything with its name.
fn gateway(name: String) -> (String, (u16, Arc<AtomicU8>)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let state = Arc::new(AtomicU8::new(SERVES));
    let (seen, own) = (Arc::clone(&state), name.clone());
    thread::spawn(move || {
        for stream in listener.incoming() {
            if seen.load(Ordering::SeqCst) == DEAD {
                return;
            }
            answer(stream.unwrap(), &own, seen.load(Ordering::SeqCst) == DRAINS);
        }
    });
    (name, (port, state))
}

fn answer(mut stream: TcpStream, name: &str, draining: bool) {
    let mut lines = BufReader::new(&stream).lines();
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let status = if draining {
        "503 Service Unavailable"
    } else {
        "200 OK"
    };
    let length = name.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}"
    );
}

/// Started by root, nginx's workers are another user.
fn allow_all(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}
