//! nginx with the project's configuration, and stand-ins for gateways behind it.

mod gateway;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use starling_xtask::nginx::{self, Upstream};
use starling_xtask::ports;
use starling_xtask::process::Service;
use starling_xtask::programs;

use gateway::{Gateway, read_head};

/// An answer, taken apart.
pub(crate) struct Answer {
    pub head: String,
    pub body: String,
}

/// nginx and the gateways behind it.
pub(crate) struct Balancer {
    port: u16,
    service: Service,
    gateways: Vec<Gateway>,
    _dir: tempfile::TempDir,
}

impl Balancer {
    /// Starts nginx in front of `nodes` gateways; nothing where nginx is not installed.
    pub(crate) fn start(nodes: u8) -> Option<Self> {
        let Some(program) = programs::find("nginx") else {
            eprintln!("nginx is not installed: not tested");
            return None;
        };
        let gateways: Vec<_> = (1..=nodes)
            .map(|n| Gateway::start(format!("gw{n}")))
            .collect();
        let upstreams: Vec<_> = gateways
            .iter()
            .map(|gateway| Upstream {
                name: gateway.name.clone(),
                address: format!("127.0.0.1:{}", gateway.port),
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

    /// Opens a websocket; returns the node that holds it, and the connection.
    pub(crate) fn websocket(&self) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost";
        write!(
            stream,
            "{request}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        .unwrap();
        let head = read_head(&stream);
        let node = head.lines().find_map(|line| line.strip_prefix("X-Node: "));
        (node.expect(&head).to_owned(), stream)
    }

    pub(crate) fn gateway(&self, name: &str) -> &Gateway {
        self.gateways
            .iter()
            .find(|gateway| gateway.name == name)
            .unwrap()
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

/// Started by root, nginx's workers are another user.
fn allow_all(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}
