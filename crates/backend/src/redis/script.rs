//! The scripts: each is one atomic step. Arguments and replies go by name.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use fred::{
    error::Error,
    types::{FromValue, Value, scripts::Script},
};
use starling_kernel::ports::{PortError, PortResult};

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = [$($file:literal),+];)*) => {$(
        $(#[$doc])*
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::from_lua(concat!(include_str!("lua/lib.lua"), $(include_str!(concat!("lua/", $file))),+))
        });
    )*};
}

scripts! {
    APPEND = ["append.lua"];
    READ = ["read.lua"];
    RENEW = ["renew.lua"];
    ENTER = ["presence.lua", "user_rooms.lua", "enter.lua"];
    EXIT = ["presence.lua", "exit.lua"];
    EVICT = ["presence.lua", "evict.lua"];
    STATUS = ["presence.lua", "status.lua"];
    ORDER = ["presence.lua", "order.lua"];
    WHEREABOUTS = ["presence.lua", "whereabouts.lua"];
    REMEMBER = ["user_rooms.lua", "remember.lua"];
    FORGET = ["presence.lua", "forget.lua"];
    FORGOTTEN = ["forgotten.lua"];
    BEGIN = ["begin.lua"];
    LEASE = ["lease.lua"];
    REAP = ["presence.lua", "reap.lua"];
    SWEEP = ["presence.lua", "sweep.lua"];
    MEMBERS = ["members.lua"];
    BEAT = ["beat.lua"];
    RETIRE = ["retire.lua"];
    REAPED = ["reaped.lua"];
    ROOM = ["room.lua"];
    PUBLIC = ["listing.lua", "public.lua"];
    PRIVATE = ["listing.lua", "private.lua"];
    GRANT = ["presence.lua", "grant.lua"];
    SECRET = ["secret.lua"];
    TAKE = ["take.lua"];
    RECORD = ["record.lua"];
    SWAP = ["swap.lua"];
    OPEN = ["tallies.lua", "open.lua"];
    CAST = ["tallies.lua", "cast.lua"];
    CLOSE = ["tallies.lua", "close.lua"];
    TALLY = ["tallies.lua", "tally.lua"];
    LAYOUT = ["layout.lua"];
}

/// What a script is sent; it reads them as `A.name`.
#[derive(Clone, Default)]
pub(super) struct Args(Vec<Value>);

impl Args {
    fn with(mut self, name: &'static str, value: Value) -> Self {
        self.0.extend([Value::from_static_str(name), value]);
        self
    }

    /// An id, a text or a number.
    pub(super) fn text(self, name: &'static str, value: impl ToString) -> Self {
        self.with(name, value.to_string().into())
    }

    /// One of several of that name, which a script finds by its number; need not be text.
    pub(super) fn nth(mut self, name: &str, n: usize, value: Vec<u8>) -> Self {
        let value = Value::Bytes(value.into());
        self.0.extend([format!("{name}{n}").into(), value]);
        self
    }

    /// `'1'` or `'0'`.
    pub(super) fn flag(self, name: &'static str, set: bool) -> Self {
        self.text(name, u8::from(set))
    }

    pub(super) fn millis(self, name: &'static str, time: Duration) -> Self {
        self.text(name, time.as_millis())
    }

    pub(super) fn into_values(self) -> Vec<Value> {
        self.0
    }
}

/// A reply of several fields.
pub(super) struct Reply(HashMap<String, Value>);

impl FromValue for Reply {
    fn from_value(value: Value) -> Result<Self, Error> {
        value.convert().map(Self)
    }
}

impl Reply {
    /// Why the script did nothing, where it refused.
    pub(super) fn accepted(mut self) -> PortResult<Self> {
        if !self.0.contains_key("refused") {
            return Ok(self);
        }
        let why: String = self.take("refused")?;
        Err(match why.as_str() {
            "fenced" => PortError::Fenced,
            "no_room" => PortError::NoRoom,
            "room_exists" => PortError::RoomExists,
            "not_authorized" => PortError::NotAuthorized,
            "not_a_member" => PortError::NotAMember,
            "full" => PortError::Full,
            "too_many_rooms" => PortError::TooManyRooms,
            "closed" => PortError::NotSent("other nodes may know more".to_owned()),
            _ => unreadable("refused"),
        })
    }

    /// A field, once.
    pub(super) fn take<T: FromValue>(&mut self, name: &str) -> PortResult<T> {
        let value = self.0.remove(name).and_then(|value| value.convert().ok());
        value.ok_or_else(|| unreadable(name))
    }
}

/// A reply that no script of ours would give.
fn unreadable(name: &str) -> PortError {
    PortError::Unknown(format!("an unreadable reply: {name}"))
}
