//! The entrance of one namespace: what happens between a client's CONNECT and our answer.

use std::{
    collections::HashMap,
    fmt::Display,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use socketioxide::{handler::ConnectHandler, socket::Socket};
use socketioxide_core::{Sid, Value};
use starling_kernel::{
    session::{Peer, Session},
    topic::Namespace,
};

use super::{
    Door, Opening,
    batch::Batching,
    connection::{Connection, OnEnd},
    handshake::{Auth, identify},
    outlet::{Outlet, Outlets},
    peer::SocketPeer,
};

/// Entries between two sweeps.
const SWEEP: usize = 64;

/// `Err` holds the text of the `connect_error`.
type Admitted = Result<(), Box<dyn Display + Send>>;

/// Lets connections in.
#[derive(Clone)]
pub(super) struct Entrance {
    namespace: Namespace,
    door: Arc<Door>,
    outlets: Arc<Outlets>,
    /// Those that are let in and not yet told so.
    admitted: Arc<Mutex<HashMap<Sid, Arc<SocketPeer>>>>,
}

impl Entrance {
    pub(super) fn new(namespace: Namespace, door: Arc<Door>, outlets: Arc<Outlets>) -> Self {
        Self {
            namespace,
            door,
            outlets,
            admitted: Arc::default(),
        }
    }

    /// Everything that must be in place before the client hears that it is connected: an event that
    /// it sends at once finds its handler, and it misses nothing that is sent to its namespace.
    async fn admit(&self, socket: &Socket<Outlet>, auth: Option<&Value>) -> Result<(), String> {
        let outlet = self
            .outlets
            .get(self.namespace)
            .ok_or("Invalid namespace")?;
        let line = self.door.lines.get(socket.id).ok_or("Invalid session")?;
        let opening = line.kept::<Opening>().ok_or("Invalid session")?;
        if !opening.may_enter(self.door.limits()) {
            return Err("Too many connections, slow down".into());
        }
        let auth = Auth::parse(auth);
        let claims = identify(&self.door, self.namespace, &auth, opening)?;
        let handshake = auth.handshake(opening);

        let runtime = self.door.runtime.clone();
        let peer = SocketPeer::new(self.namespace, line.clone(), outlet, runtime);
        let peer = Arc::new(peer);
        let way_out: Arc<dyn Peer> = if handshake.batch {
            Batching::new(peer.clone(), self.door.runtime.clone())
        } else {
            peer.clone()
        };
        let limits = self.door.limits();
        let session = Session::new(self.namespace, claims, handshake, way_out, limits);
        let connection = Connection::new(self.door.clone(), Arc::new(session), peer.clone(), line);
        socket.on_disconnect(OnEnd(connection.clone()));
        connection
            .connect()
            .await
            .map_err(|error| error.to_string())?;
        self.note(socket.id, peer);
        Ok(())
    }

    /// socketioxide does not say when it could not send CONNECT: those are swept now and then.
    fn note(&self, sid: Sid, peer: Arc<SocketPeer>) {
        let mut admitted = self.admitted.lock().expect("no panic while held");
        if admitted.len() >= SWEEP {
            admitted.retain(|_, peer| !peer.closed());
        }
        admitted.insert(sid, peer);
    }
}

impl ConnectHandler<Outlet, ()> for Entrance {
    /// CONNECT is on its way.
    fn call(&self, socket: Arc<Socket<Outlet>>, _auth: Option<Value>) {
        let peer = self
            .admitted
            .lock()
            .expect("no panic while held")
            .remove(&socket.id);
        if let Some(peer) = peer {
            #[cfg(feature = "conformance")]
            super::conformance::greet(&peer, _auth.as_ref());
            peer.open();
        }
    }

    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket<Outlet>>,
        auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Admitted> + Send + 'a>> {
        Box::pin(async move {
            let admitted = self.admit(&socket, auth.as_ref()).await;
            admitted.map_err(|text| Box::new(text) as Box<dyn Display + Send>)
        })
    }
}
