//! What the cluster does for its users, one folder a feature.
//!
//! A feature declares its events, checks its rules and publishes to audiences. It knows neither the
//! feature beside it nor any transport or backend; what two of them need is in [`mod@common`].

mod account;
mod chat;
mod common;
mod core;
mod game;
mod polls;
mod rooms;
mod sessions;
mod typing;
mod whiteboard;

use std::sync::Arc;

use starling_kernel::{
    feature::{Feature, Services},
    topic::Namespace,
};

/// All namespaces of this build.
pub const NAMESPACES: &[Namespace] = &["/", "/chat", "/game", "/polls", "/whiteboard"];

/// What operators can choose.
#[derive(Clone, Debug, Default)]
pub struct FeaturesConfig {
    /// Whether every room needs a grant, not only the private ones.
    pub require_grant: bool,
    /// Who hears of presence.
    pub presence_scope: PresenceScope,
}

/// Who hears that a user came, went or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PresenceScope {
    /// Everybody while few are online (`Limits::large_namespace`), beyond that as [`Self::Rooms`].
    #[default]
    Auto,
    /// Everybody on the namespace.
    Everyone,
    /// Those who share a room with the user; for large installations.
    Rooms,
}

/// The registry: one line a feature.
pub fn all(config: &FeaturesConfig, services: &Arc<Services>) -> Vec<Arc<dyn Feature>> {
    vec![
        // Who a guest is, the others want to know when it connects.
        Arc::new(sessions::Sessions::new(
            services.clone(),
            config.presence_scope,
        )),
        Arc::new(account::Account::new(services.clone())),
        Arc::new(chat::Chat::new(services.clone())),
        Arc::new(core::Core::new(services.clone())),
        game::Games::new(services.clone()),
        Arc::new(polls::Polls::new(services.clone())),
        Arc::new(rooms::Rooms::new(services.clone(), config.require_grant)),
        Arc::new(typing::Typing::new(services.clone())),
        Arc::new(whiteboard::Whiteboard::new(
            services.clone(),
            config.require_grant,
        )),
    ]
}
