//! The doors: Socket.IO and its tokens.
//!
//! * [`Edge`]: the client port, from the accept loop to the drain.
//! * [`EdgeConfig`]: what an installation can choose about it.
//! * [`jwt`]: who a client is; [`SignIn`] gives tokens away, for development.
//!
//! Deliberately absent: rules of any feature, and the backend. Everything that comes in goes to the
//! kernel's `Dispatcher`; everything that goes out comes through its `Peer`.

mod config;
mod http;
pub mod jwt;
mod listener;
mod metric;
mod places;
mod sign_in;
mod site;
mod socketio;
mod stream;

pub use config::{ConfigError, EdgeConfig, Origins};
pub use http::Edge;
pub use metric::describe;
pub use sign_in::SignIn;
#[cfg(feature = "conformance")]
pub use socketio::conformance;
