//! The names of the metrics that more than one crate records, with their help texts.
//!
//! Labels take values from fixed lists only: nothing that a client can grow.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};

/// Open transport connections, by `transport` (`polling`, `websocket`).
pub const CONNECTIONS: &str = "starling_connections";
/// Connected sockets, by `namespace`.
pub const SOCKETS: &str = "starling_sockets";
/// Events from clients, by `event` (fixed list, `other`) and `outcome` (`ok` or an error code).
pub const EVENTS_IN: &str = "starling_events_received_total";
/// Messages handed to the hub, by `kind` (`stored`, `live`, `latest`).
pub const EVENTS_OUT: &str = "starling_events_published_total";
/// Messages that connections were given, whether they took them or were cut, by `event` (fixed list, `other`).
pub const DELIVERIES: &str = "starling_deliveries_total";
/// Time a handler took.
pub const HANDLER_SECONDS: &str = "starling_handler_seconds";
/// Gaps in a log's order that were filled from the log.
pub const GAPS_HEALED: &str = "starling_gaps_healed_total";
/// Gaps that could not be filled: trimmed or begun anew.
pub const GAPS_BROKEN: &str = "starling_gaps_broken_total";
/// Connections closed because they did not read fast enough.
pub const SLOW_CONSUMERS: &str = "starling_slow_consumers_total";
/// Events refused by a rate limit, by `scope` (`connection`, `user`).
pub const RATE_LIMITED: &str = "starling_rate_limited_total";
/// Comings and goings this node heard of, by `change` and `place` (`namespace`, `room`).
pub const TRANSITIONS: &str = "starling_presence_transitions_total";
/// New lives that this node had to take.
pub const INCARNATIONS: &str = "starling_incarnations_total";

/// Gives the recorder the help texts. Call once, after it is installed.
pub fn describe() {
    begin();
    describe_gauge!(CONNECTIONS, "Open transport connections, by transport.");
    describe_gauge!(SOCKETS, "Connected sockets, by namespace.");
    describe_counter!(EVENTS_IN, "Events from clients, by event and outcome.");
    describe_counter!(EVENTS_OUT, "Messages published, by kind of delivery.");
    describe_counter!(DELIVERIES, "Messages handed to a connection, by event.");
    describe_histogram!(
        HANDLER_SECONDS,
        Unit::Seconds,
        "Time to handle a client's event."
    );
    describe_counter!(
        GAPS_HEALED,
        "Gaps in the order that were filled from the log."
    );
    describe_counter!(
        GAPS_BROKEN,
        "Gaps that could not be filled: history trimmed or begun anew."
    );
    describe_counter!(
        SLOW_CONSUMERS,
        "Connections closed because they did not read."
    );
    describe_counter!(RATE_LIMITED, "Events refused by a rate limit, by scope.");
    describe_counter!(
        TRANSITIONS,
        "Comings and goings heard of, by change and place."
    );
    describe_counter!(
        INCARNATIONS,
        "New lives this node took after its lease was lost or in doubt."
    );
}

/// Lets the counters be there from the first scrape on: an alert on a rate needs a beginning.
fn begin() {
    counter!(EVENTS_IN, "event" => "other", "outcome" => "ok").increment(0);
    counter!(EVENTS_OUT, "kind" => "stored").increment(0);
    counter!(DELIVERIES, "event" => "other").increment(0);
    counter!(GAPS_HEALED).increment(0);
    counter!(GAPS_BROKEN).increment(0);
    counter!(SLOW_CONSUMERS).increment(0);
    counter!(RATE_LIMITED, "scope" => "connection").increment(0);
    counter!(TRANSITIONS, "change" => "entered", "place" => "namespace").increment(0);
    counter!(INCARNATIONS).increment(0);
    let _registered = histogram!(HANDLER_SECONDS);
}
