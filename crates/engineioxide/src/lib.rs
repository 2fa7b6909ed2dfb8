//! Our own Engine.IO transport, for socketioxide to stand on.
//!
//! It takes the place of the published crate of this name (`[patch.crates-io]`) and has its interface,
//! as far as socketioxide uses it: [`service::EngineIoService`], [`handler::EngineIoHandler`],
//! [`Socket`] and [`config::EngineIoConfig`]. It is written from the
//! [Engine.IO protocol](https://github.com/socketio/engine.io-protocol), versions 4 and 3, and
//! [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455), and shares no code with the other.
//!
//! What it offers beyond that interface, to the crate that serves it ([`attach`]):
//!
//! * [`Line`]: one session, what waits for its client, and its end. A [`Frame`] is encoded once for
//!   all who get it, and written by whoever sends it, when nothing waits before it.
//! * [`Settings`]: limits and times that the published configuration does not know.
//! * [`Hooks`]: what the server knows of requests and connections.
//!
//! # How a session ends
//!
//! [`Line::close`], [`Line::kill`], and whatever goes wrong only note that it is over. The task that
//! reads its websocket, or the engine's keeper where it polls, finds the note and tells the handler,
//! once. So everybody may end a session from wherever they are, with whatever locks they hold.

pub mod config;
mod engine;
mod frame;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
pub mod handler;
mod heart;
mod http;
mod keeper;
pub mod layer;
mod line;
mod lines;
mod payload;
pub mod service;
mod settings;
pub mod socket;
#[cfg(test)]
mod testing;
mod ws;

pub use engineioxide_core::{ProtocolVersion, Str, TransportType};
pub use frame::Frame;
pub use line::{Line, SendError};
pub use lines::Lines;
pub use settings::{Deflate, Hooks, Raw, Settings, Took, attach};
pub use socket::{DisconnectReason, Socket};
