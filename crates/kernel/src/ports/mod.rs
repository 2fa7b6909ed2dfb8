//! What a backend does for a node. Two backends, one contract: `starling-backend` runs one
//! conformance suite on both.
//!
//! Rules for every port:
//! * An operation is one atomic step, and touches one topic.
//! * It returns within the backend's command timeout, once its turn has come, for which it waits no
//!   longer than that; or it fails: with [`PortError::NotSent`] where nothing was done, with
//!   [`PortError::Unknown`] where it may have been. The caller must be able to live with both
//!   outcomes of the latter.
//! * Times are the backend's own clock.

mod bus;
mod limiter;
mod log;
mod presence;
mod records;
mod rooms;
mod tallies;

use std::sync::Arc;

pub use bus::*;
pub use limiter::*;
pub use log::*;
pub use presence::*;
pub use records::*;
pub use rooms::*;
pub use tallies::*;

use crate::error::{AppError, Code};

/// Why a port could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// There is no connection, or too much is on its way, or the backend said at once that it cannot
    /// now. Nothing was done; it may be tried again.
    #[error("the backend was not asked: {0}")]
    NotSent(String),
    /// No answer, or none that says what became of it: it may have been done, may still be done, or
    /// not.
    #[error("the backend does not answer: {0}")]
    Unknown(String),
    /// The caller's incarnation has been declared dead, or the backend may have lost something since
    /// it began; nothing was done. Take a new one.
    #[error("this incarnation is over")]
    Fenced,
    /// The room does not exist; nothing was done.
    #[error("no such room")]
    NoRoom,
    /// The room exists; nothing was done.
    #[error("the room exists")]
    RoomExists,
    /// The room is private and the user has no grant; nothing was done.
    #[error("not authorized")]
    NotAuthorized,
    /// The user is no member of the room, or has been evicted; nothing was done.
    #[error("not a member")]
    NotAMember,
    /// The user is in as many rooms as are allowed; nothing was done.
    #[error("in too many rooms")]
    TooManyRooms,
    /// The log holds as much as is kept of it ([`crate::envelope::Keep::All`]); nothing was done.
    #[error("full")]
    Full,
}

impl From<PortError> for AppError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::NotSent(_) | PortError::Unknown(_) | PortError::Fenced => {
                Self::unavailable()
            }
            PortError::NoRoom => Self::room_not_found(),
            PortError::RoomExists => Self::room_exists(),
            PortError::NotAuthorized => Self::not_authorized(),
            PortError::NotAMember => Self::not_a_member(),
            PortError::Full => Self::new(Code::Full, "There is no more room"),
            PortError::TooManyRooms => Self::new(Code::TooManyRooms, "In too many rooms"),
        }
    }
}

/// Shorthand for the ports' results.
pub type PortResult<T> = Result<T, PortError>;

/// One node's access to the shared state and the relay.
#[derive(Clone)]
pub struct Backend {
    /// Relay between nodes.
    pub bus: Arc<dyn Bus>,
    /// Stored messages.
    pub log: Arc<dyn Log>,
    /// Who is where.
    pub presence: Arc<dyn Presence>,
    /// Rooms and grants.
    pub rooms: Arc<dyn Rooms>,
    /// Limits that hold over all nodes.
    pub limiter: Arc<dyn Limiter>,
    /// Small documents.
    pub records: Arc<dyn Records>,
    /// Members counted once.
    pub tallies: Arc<dyn Tallies>,
}
