//! `auth-refresh`. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const REFRESH: Event = Event {
    takes: "{token}",
    gets: "ack `expiresAt`",
    errors: &[Code::NotAuthorized],
    ..Event::named("auth-refresh")
};
