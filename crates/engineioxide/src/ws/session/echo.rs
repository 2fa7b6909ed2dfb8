//! The websocket alone, as a server that sends everything back: what is tested here is what production
//! runs, from the handshake to the last byte, but for the packets of Engine.IO within messages.
//!
//! The tables beside this file re-create the cases by which the Autobahn test suite examines servers
//! (docs/CONFORMANCE.md), in words and data of our own; their numbers are those of the suite. Where an
//! implementation may do one thing or another, this one does so:
//!
//! * 6.4.3 and 6.4.4: text is looked at when a frame of it is complete, and not byte by byte. The suite
//!   calls that non-strict, which is no failure.
//! * 13.3, 13.5 and all that ask for a smaller window of the server's alone: that offer is declined
//!   (extension.rs says why), and nothing is compressed. The suite calls that unimplemented.
//! * 7.1.6: a long message right before a close comes back.

mod client;
mod closing;
mod compression;
mod fragments;
mod frames;
mod limits;
mod text;

use std::{convert::Infallible, net::SocketAddr, thread};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

use super::*;
use crate::{
    Deflate, Hooks, Line, Settings, Str, attach,
    config::EngineIoConfig,
    http::{switch, take_back},
};
use client::{Case, Client, End};

/// First bytes of frames: a text message of which more is to come, a binary one, a fragment in between, the last
/// one, and what comes whole.
const BEGUN: u8 = 0x01;
const BEGUN_BINARY: u8 = 0x02;
const MORE: u8 = 0x00;
const REST: u8 = 0x80;
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Codes of close frames.
const PROTOCOL: u16 = 1002;
const DATA: u16 = 1007;

/// Bytes of the longest message that the suite sends.
const LONGEST: usize = 16 << 20;

/// Whether a message is sent back as it came, as it is where a test serves.
pub(super) fn takes(hooks: &dyn Hooks, line: &Arc<Line>, incoming: &reader::Incoming<'_>) -> bool {
    match incoming {
        reader::Incoming::Text(text) => hooks.raw(line, true, text.as_bytes()),
        reader::Incoming::Binary(data) => hooks.raw(line, false, data),
        _ => false,
    }
}

struct Echo;

impl Hooks for Echo {
    fn raw(&self, line: &Arc<Line>, is_text: bool, data: &[u8]) -> bool {
        let opcode = if is_text {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        line.send(&Frame::raw(opcode, data)).is_ok()
    }
}

/// Nobody tells it anything: there are no packets.
#[derive(Debug)]
struct Nobody;

impl EngineIoHandler for Nobody {
    type Data = ();
    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}
    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}
    fn on_message(self: &Arc<Self>, _: Str, _: Arc<Socket<()>>) {}
    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

fn engine() -> Arc<Engine<Nobody>> {
    let config = EngineIoConfig {
        ws_max_frame_size: LONGEST,
        ws_max_message_size: LONGEST,
        ..EngineIoConfig::default()
    };
    let settings = Settings {
        fragments: usize::MAX,
        gather: std::time::Duration::ZERO,
        deflate: Some(Deflate::default()),
        hooks: Arc::new(Echo),
        ..Settings::default()
    };
    attach(settings, || Engine::new(Arc::new(Nobody), config)).0
}

/// Begins to serve at this address, for as long as the test runs; where.
fn begin(address: &str) -> SocketAddr {
    let listener = std::net::TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(serve(listener));
    });
    address
}

async fn serve(listener: std::net::TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let engine = engine();
    while let Ok((tcp, _)) = listener.accept().await {
        tokio::spawn(connection(engine.clone(), tcp));
    }
}

async fn connection(engine: Arc<Engine<Nobody>>, tcp: TcpStream) {
    tcp.set_nodelay(true).ok();
    let asked = |request| handshake(engine.clone(), request);
    let http = http1::Builder::new().serve_connection(TokioIo::new(tcp), service_fn(asked));
    http.with_upgrades().await.ok();
}

async fn handshake<B>(
    engine: Arc<Engine<Nobody>>,
    request: Request<B>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (mut parts, _) = request.into_parts();
    let Ok((answer, switched)) = switch(&engine, &mut parts) else {
        let mut refused = Response::default();
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refused);
    };
    tokio::spawn(async move {
        if let Some(carrier) = take_back(&engine, switched).await {
            carry(engine, carrier).await;
        }
    });
    Ok(answer.map(Full::new))
}

/// As [`open`] does, without an open packet and pings.
async fn carry(engine: Arc<Engine<Nobody>>, carrier: Carrier) {
    let line = Line::websocket(&engine.lines, ProtocolVersion::V4, carrier.wire, None);
    line.inflates.store(carrier.deflates, Ordering::Relaxed);
    let ways = (carrier.incoming, carrier.guard);
    let session = Session::new(engine, Socket::new(line), ways, carrier.deflates, None);
    session.run(carrier.read).await;
}

/// Sends everything back to whoever comes to the address in `ECHO`, such as Autobahn itself.
#[test]
#[ignore = "it serves until it is ended"]
fn serves_whoever_comes() {
    if let Ok(address) = std::env::var("ECHO") {
        begin(&address);
        thread::park();
    }
}
