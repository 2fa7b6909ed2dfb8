//! The scripts: each is one atomic step.

use std::sync::LazyLock;

use fred::types::scripts::Script;

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
    ENTER = ["presence.lua", "enter.lua"];
    EXIT = ["presence.lua", "exit.lua"];
    EVICT = ["presence.lua", "evict.lua"];
    STATUS = ["presence.lua", "status.lua"];
    SESSION = ["presence.lua", "session.lua"];
    NOTE_ROOM = ["presence.lua", "note_room.lua"];
    REAP = ["presence.lua", "reap.lua"];
    SWEEP = ["presence.lua", "sweep.lua"];
    MEMBERS = ["members.lua"];
    BEAT = ["beat.lua"];
    RETIRE = ["retire.lua"];
    REAPED = ["reaped.lua"];
    ROOM = ["room.lua"];
    LIST = ["list.lua"];
    GRANT = ["grant.lua"];
    SECRET = ["secret.lua"];
    TAKE = ["take.lua"];
    LAYOUT = ["layout.lua"];
}
