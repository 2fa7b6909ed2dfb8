//! Socket.IO: [`gate`] lets requests in, [`entrance`] connections to namespaces, [`connection`] takes
//! their events in, [`peer`] sends to them, and [`batch`] to those that
//! want messages together. [`opening`] is what is kept of the request that opened a session. All that
//! knows socketioxide is in this folder.

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connection;
mod entrance;
mod expiry;
mod gate;
mod handshake;
mod incoming;
mod opening;
mod outlet;
mod packet;
mod peer;
mod query;

use std::{convert::Infallible, sync::Arc};

use axum::{body::Body, extract::Request, response::Response};
use engineioxide::{Deflate, Lines, Settings, attach};
use socketioxide::{ParserConfig, SocketIo};
use starling_kernel::{
    dispatch::Dispatcher, id::NodeId, limits::Limits, session::Tokens, topic::Namespace,
};
use tokio::runtime::Handle;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::EdgeConfig;
use entrance::Entrance;
use expiry::Expiry;
pub(crate) use gate::{Gate, enter};
use opening::{Opening, Server};
use outlet::{Outlet, Outlets};

/// Beside the packet itself: a frame's type, an event's id and namespace.
const FRAMING: usize = 1024;

/// The engine as a service.
type Engine = BoxCloneSyncService<Request, Response, Infallible>;

/// Bytes that may wait for a client; with as many it gets no further message, and is closed.
const MOST_WAITING: usize = 1 << 20;

/// What everybody in this folder needs.
struct Door {
    config: EdgeConfig,
    dispatcher: Arc<Dispatcher>,
    tokens: Arc<dyn Tokens>,
    lines: Arc<Lines>,
    expiry: Arc<Expiry>,
    runtime: Handle,
}

impl Door {
    fn limits(&self) -> &Limits {
        &self.dispatcher.services().limits
    }
}

/// Builds the engine, its namespaces, and the gate in front. Call within the runtime.
pub(crate) fn build(
    config: EdgeConfig,
    dispatcher: Arc<Dispatcher>,
    tokens: Arc<dyn Tokens>,
    node: &NodeId,
) -> Gate {
    let expiry = Arc::new(Expiry::default());
    let runtime = Handle::current();
    runtime.spawn(expiry.clone().run());
    let outlets = Arc::new(Outlets::default());
    let settings = settings(&config, &dispatcher.services().limits, node);
    let limits = &dispatcher.services().limits;
    let ((engine, io), lines) = attach(settings, || engine(&config, limits, outlets.clone()));
    let gate = Gate::new(engine, lines.clone(), node, &config);
    let door = Arc::new(Door {
        config,
        dispatcher,
        tokens,
        lines,
        expiry,
        runtime,
    });
    for namespace in namespaces(&door.dispatcher) {
        connection::sockets(namespace).increment(0);
        io.ns(
            namespace,
            Entrance::new(namespace, door.clone(), outlets.clone()),
        );
    }
    gate
}

/// Of the engine, beside what socketioxide passes on.
fn settings(config: &EdgeConfig, limits: &Limits, node: &NodeId) -> Settings {
    Settings {
        node: Some(node.as_str().into()),
        eio3: config.allow_eio3,
        deflate: config.compression.then(Deflate::default),
        max_waiting: MOST_WAITING,
        body_timeout: config.body_timeout,
        write_timeout: config.write_timeout,
        hooks: Arc::new(Server::new(limits.clone())),
        ..Settings::default()
    }
}

fn engine(
    config: &EdgeConfig,
    limits: &Limits,
    outlets: Arc<Outlets>,
) -> (Engine, SocketIo<Outlet>) {
    let parser = ParserConfig::common()
        .max_incoming_binaries(limits.attachments)
        .max_incoming_binary_buf_size(limits.packet_bytes);
    let (service, io) = SocketIo::builder()
        .ping_interval(config.ping_interval)
        .ping_timeout(config.ping_timeout)
        .connect_timeout(config.connect_timeout)
        .max_buffer_size(config.send_queue)
        .max_payload(max_body(limits) as u64)
        .ws_max_message_size(limits.packet_bytes + FRAMING)
        .ws_max_frame_size(limits.packet_bytes + FRAMING)
        .with_parser(parser)
        .with_adapter::<Outlet>(outlets)
        .build_svc();
    let service = ServiceExt::<Request>::map_response(service, |response| response.map(Body::new));
    (BoxCloneSyncService::new(service), io)
}

/// The contract's namespaces. The root is always there: old clients enter it unasked.
fn namespaces(dispatcher: &Dispatcher) -> Vec<Namespace> {
    let mut all = dispatcher.namespaces().to_vec();
    all.push("/");
    #[cfg(feature = "conformance")]
    all.push(conformance::CUSTOM);
    all.sort_unstable();
    all.dedup();
    all
}

/// Polling clients send binary as base64, a third longer.
fn max_body(limits: &Limits) -> usize {
    limits.packet_bytes / 3 * 4 + 4 * FRAMING
}
