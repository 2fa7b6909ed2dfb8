//! Socket.IO: [`gate`] lets requests in, [`entrance`] connections to namespaces, [`connection`] takes
//! their events in, [`peer`] sends to them, and [`batch`] to those that
//! want messages together. All that knows socketioxide is in this folder.

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connection;
mod entrance;
mod expiry;
mod gate;
mod handshake;
mod outlet;
mod peer;
mod query;

use std::{convert::Infallible, sync::Arc};

use axum::{body::Body, extract::Request, response::Response};
use socketioxide::{ParserConfig, SocketIo};
use starling_kernel::{
    dispatch::Dispatcher, id::NodeId, limits::Limits, session::Tokens, topic::Namespace,
};
use tokio::runtime::Handle;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{EdgeConfig, transport::Transports};
use entrance::Entrance;
use expiry::Expiry;
pub(crate) use gate::{Gate, enter};
use outlet::{Outlet, Outlets};

/// Beside the packet itself: a frame's type, an event's id and namespace.
const FRAMING: usize = 1024;

/// The engine as a service.
type Engine = BoxCloneSyncService<Request, Response, Infallible>;

/// What everybody in this folder needs.
struct Door {
    config: EdgeConfig,
    dispatcher: Arc<Dispatcher>,
    tokens: Arc<dyn Tokens>,
    transports: Arc<Transports>,
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
    node: NodeId,
    transports: Arc<Transports>,
) -> Gate {
    let expiry = Arc::new(Expiry::default());
    let runtime = Handle::current();
    runtime.spawn(expiry.clone().run());
    let door = Door {
        config,
        dispatcher,
        tokens,
        transports,
        expiry,
        runtime,
    };
    let door = Arc::new(door);

    let outlets = Arc::new(Outlets::default());
    let (engine, io) = engine(&door, outlets.clone());
    for namespace in namespaces(&door.dispatcher) {
        connection::sockets(namespace).increment(0);
        io.ns(
            namespace,
            Entrance::new(namespace, door.clone(), outlets.clone()),
        );
    }
    close_polling_through(&engine, &door);
    let pause = door.config.write_timeout;
    let all = Arc::downgrade(&door.transports);
    door.runtime.spawn(Transports::close_silent(all, pause));
    Gate::new(
        engine,
        node,
        door.transports.clone(),
        &door.config,
        max_body(door.limits()),
    )
}

fn engine(door: &Door, outlets: Arc<Outlets>) -> (Engine, SocketIo<Outlet>) {
    let (config, limits) = (&door.config, door.limits());
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

/// socketioxide has no way to end a polling session, so we ask for it as the client would. Its
/// waiting poll is answered, its next one finds the session unknown, and it connects anew.
fn close_polling_through(engine: &Engine, door: &Door) {
    let (engine, runtime) = (engine.clone(), door.runtime.clone());
    door.transports.close_polling_with(Box::new(move |sid| {
        runtime.spawn(engine.clone().oneshot(gate::closing(sid)));
    }));
}
