//! The metrics of this crate, in one place.

use metrics::{Unit, describe_counter};

/// Times that a node's listening channel was full.
pub(crate) const OVERRUNS: &str = "starling_bus_overruns_total";

/// Tells the exporter what the metrics mean. Call it once, after the recorder is installed.
pub fn describe() {
    describe_counter!(
        OVERRUNS,
        Unit::Count,
        "Times that this node fell so far behind the relay that parcels were dropped; it heals from the logs"
    );
}
