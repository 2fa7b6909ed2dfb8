//! A stand-in for a gateway: answers everything with its name, and holds websockets open.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use starling_xtask::ports;

const SERVES: u8 = 0;
const DRAINS: u8 = 1;
const DEAD: u8 = 2;

/// One gateway. Its thread lives until `kill`, or the end of the test.
pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) port: u16,
    state: Arc<AtomicU8>,
}

impl Gateway {
    pub(crate) fn start(name: String) -> Self {
        let port = ports::any().unwrap().port();
        let gateway = Self {
            name,
            port,
            state: Arc::new(AtomicU8::new(DEAD)),
        };
        gateway.revive();
        gateway
    }

    /// From now on handshakes get 503.
    pub(crate) fn drain(&self) {
        self.state.store(DRAINS, Ordering::SeqCst);
    }

    /// From now on nobody listens on its port, and its websockets are closed.
    pub(crate) fn kill(&self) {
        self.state.store(DEAD, Ordering::SeqCst);
        let until = Instant::now() + Duration::from_secs(5);
        // The listener lives in its thread: one more connection makes it look.
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            assert!(Instant::now() < until, "{} still listens", self.name);
        }
    }

    /// Listens again, on the same port.
    pub(crate) fn revive(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        self.state.store(SERVES, Ordering::SeqCst);
        let (state, name) = (Arc::clone(&self.state), self.name.clone());
        thread::spawn(move || serve(&listener, &state, &name));
    }
}

fn serve(listener: &TcpListener, state: &AtomicU8, name: &str) {
    let mut websockets = Vec::new();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        match state.load(Ordering::SeqCst) {
            SERVES => websockets.extend(answer(stream, name)),
            DRAINS => refuse(stream),
            _ => return,
        }
    }
}

/// Answers; returns the connection when it is to stay open.
fn answer(mut stream: TcpStream, name: &str) -> Option<TcpStream> {
    let length = name.len();
    if read_head(&stream).contains("Upgrade: websocket") {
        write!(stream, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Node: {name}\r\n\r\n").ok()?;
        return Some(stream);
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close");
    write!(stream, "{head}\r\n\r\n{name}").ok()?;
    None
}

fn refuse(mut stream: TcpStream) {
    read_head(&stream);
    let _ = write!(
        stream,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

/// A request's or an answer's head.
pub(crate) fn read_head(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines
        .take_while(|line| !line.is_empty())
        .fold(String::new(), |all, line| all + &line + "\n")
}
