//! What the official Socket.IO protocol suite expects of a server: greetings and echoes.
//! Only with the feature `conformance`, never in production.

use std::sync::Arc;

use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Socket, Str, config::EngineIoConfig, handler::EngineIoHandler,
    layer::EngineIoLayer,
};
use socketioxide_core::Value;
use starling_kernel::{
    id::UserId,
    session::{Claims, Identity, TokenError, Tokens},
    topic::Namespace,
};

use crate::EdgeConfig;

use super::{
    connection::{Connection, Event},
    peer::SocketPeer,
};

/// The suite's second namespace.
pub(super) const CUSTOM: Namespace = "/custom";

/// Lets everybody in: the suite's tokens are `123` and `abc`.
pub struct Anyone;

impl Tokens for Anyone {
    fn verify(&self, _token: &str) -> Result<Claims, TokenError> {
        let user = UserId::random_guest();
        let identity = Identity {
            username: user.to_string(),
            user,
        };
        Ok(Claims {
            identity,
            guest: true,
            admin: false,
            rooms: Vec::new(),
            expires: None,
        })
    }
}

/// Sends the handshake's payload back, first of all.
pub(super) fn greet(peer: &SocketPeer, auth: Option<&Value>) {
    let auth = auth
        .and_then(Value::as_str)
        .map_or("{}", |auth| auth.as_str());
    peer.event(&format!(r#"["auth",{auth}]"#), &[], false).ok();
}

/// Echoes the suite's events; says whether this was one.
pub(super) fn echoed(connection: &Connection, event: &Event) -> bool {
    if let Some(arguments) = event.text.strip_prefix(r#"["message","#) {
        let text = format!(r#"["message-back",{arguments}"#);
        connection.peer.event(&text, &event.attachments, false).ok();
        return true;
    }
    match (
        event.text.strip_prefix(r#"["message-with-ack","#),
        event.ack,
    ) {
        (Some(arguments), Some(id)) => {
            connection
                .peer
                .ack(id, &format!("[{arguments}"), &event.attachments)
                .ok();
            true
        }
        _ => false,
    }
}

/// What the Engine.IO suite expects at `/engine.io/`: an engine without Socket.IO above it.
pub(crate) fn engine(config: &EdgeConfig) -> EngineIoLayer<Echo> {
    let config = EngineIoConfig::builder()
        .req_path("/engine.io")
        .ping_interval(config.ping_interval)
        .ping_timeout(config.ping_timeout)
        .max_payload(1_000_000)
        .build();
    EngineIoLayer::from_config(Arc::new(Echo), config)
}

/// Sends everything back.
#[derive(Clone, Debug)]
pub(crate) struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _socket: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _socket: Arc<Socket<()>>, _reason: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<()>>) {
        socket.emit(message).ok();
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<()>>) {
        socket.emit_binary(data).ok();
    }
}
