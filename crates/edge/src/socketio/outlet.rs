//! The way to one socket of a namespace.
//!
//! socketioxide hands its adapters the means to send to any socket, rooms or not. Ours keeps them
//! for [`super::peer`]: rooms are the hub's business, and what it sends is encoded already.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use socketioxide::{SocketError, adapter::Emitter};
use socketioxide_core::{
    Sid,
    adapter::{BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter, SocketEmitter},
    packet::Packet,
};
use starling_kernel::session::SendError;

/// The outlets of all namespaces, by path.
#[derive(Default)]
pub(super) struct Outlets(Mutex<HashMap<String, Arc<Outlet>>>);

impl Outlets {
    pub(super) fn get(&self, namespace: &str) -> Option<Arc<Outlet>> {
        self.0
            .lock()
            .expect("no panic while held")
            .get(namespace)
            .cloned()
    }

    fn add(&self, outlet: Arc<Outlet>) {
        let path = outlet.local.path().to_string();
        self.0
            .lock()
            .expect("no panic while held")
            .insert(path, outlet);
    }
}

/// The adapter of one namespace.
pub(super) struct Outlet {
    local: CoreLocalAdapter<Emitter>,
    all: Weak<Outlets>,
}

impl Outlet {
    /// Takes one socket off the namespace and tells it so.
    pub(super) fn disconnect(&self, sid: Sid) -> Result<(), SendError> {
        worst(self.local.disconnect_socket(BroadcastOptions::new(sid)))
    }
}

/// There is at most one error, since there was at most one socket.
fn worst(result: Result<(), Vec<SocketError>>) -> Result<(), SendError> {
    match result.err().and_then(|errors| errors.into_iter().next()) {
        None => Ok(()),
        Some(SocketError::InternalChannelFull) => Err(SendError::Full),
        Some(SocketError::Closed) => Err(SendError::Closed),
    }
}

impl CoreAdapter<Emitter> for Outlet {
    type Error = Infallible;
    type State = Arc<Outlets>;
    type AckStream = <Emitter as SocketEmitter>::AckStream;
    type InitRes = ();

    fn new(all: &Self::State, local: CoreLocalAdapter<Emitter>) -> Self {
        Self {
            local,
            all: Arc::downgrade(all),
        }
    }

    fn init(self: Arc<Self>, on_success: impl FnOnce() + Send + 'static) {
        if let Some(all) = self.all.upgrade() {
            all.add(self);
        }
        on_success();
    }

    async fn broadcast_with_ack(
        &self,
        packet: Packet,
        opts: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<Self::AckStream, Infallible> {
        Ok(self.local.broadcast_with_ack(packet, opts, timeout).0)
    }

    fn get_local(&self) -> &CoreLocalAdapter<Emitter> {
        &self.local
    }
}

impl DefinedAdapter for Outlet {}
