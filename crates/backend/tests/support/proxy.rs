//! A wire that can be cut without anybody being told.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU16, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// Passes connections on to a port, until told to let those that listen hang.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: Arc<AtomicU16>,
    accepting: JoinHandle<()>,
    /// One for each connection so far.
    wires: Arc<std::sync::Mutex<Vec<Arc<Wire>>>>,
}

#[derive(Default)]
struct Wire {
    /// The client has sent `SUBSCRIBE`.
    listens: AtomicBool,
    cut: AtomicBool,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let wires: Arc<std::sync::Mutex<Vec<Arc<Wire>>>> = Arc::default();
        let opened = wires.clone();
        let target = Arc::new(AtomicU16::new(port));
        let current = target.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let wire = Arc::new(Wire::default());
                opened.lock().unwrap().push(wire.clone());
                let port = current.load(Ordering::SeqCst);
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(wire.clone(), from_client, to_server));
                tokio::spawn(pass(wire, from_server, to_client));
            }
        });
        Self {
            port: own,
            target,
            accepting,
            wires,
        }
    }

    /// New connections go to another port.
    pub(crate) fn turn_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
    }

    /// From now on nothing passes on the connections that listen, or on the others; they stay open.
    pub(crate) fn cut(&self, listening: bool) -> usize {
        let wires = self.wires.lock().unwrap();
        let of_kind =
            (wires.iter()).filter(|wire| wire.listens.load(Ordering::SeqCst) == listening);
        of_kind
            .map(|wire| wire.cut.store(true, Ordering::SeqCst))
            .count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(wire: Arc<Wire>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if buffer[..read].windows(9).any(|word| word == b"SUBSCRIBE") {
            wire.listens.store(true, Ordering::SeqCst);
        }
        if !wire.cut.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
