//! The metrics of this crate, in one place.

use std::{sync::OnceLock, time::Duration};

use metrics::{
    Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

pub(crate) const OVERRUNS: &str = "starling_bus_overruns_total";
pub(crate) const GARBAGE: &str = "starling_bus_garbage_total";
const PUBLISH: &str = "starling_bus_publish_seconds";
pub(crate) const ROUND_TRIP: &str = "starling_bus_round_trip_seconds";
pub(crate) const UP: &str = "starling_redis_up";
pub(crate) const RECONNECTS: &str = "starling_redis_reconnects_total";

/// [`PUBLISH`], kept: each kind is looked up once, when there is a recorder.
#[derive(Default)]
pub(crate) struct Published {
    live: OnceLock<Histogram>,
    stored: OnceLock<Histogram>,
}

impl Published {
    pub(crate) fn live(&self, time: Duration) {
        record(&self.live, "live", time);
    }

    pub(crate) fn stored(&self, time: Duration) {
        record(&self.stored, "stored", time);
    }
}

fn record(kept: &OnceLock<Histogram>, kind: &'static str, time: Duration) {
    kept.get_or_init(|| histogram!(PUBLISH, "kind" => kind))
        .record(time);
}

/// Tells the exporter what the metrics mean. Call it once, after the recorder is installed.
pub fn describe() {
    describe_counter!(
        OVERRUNS,
        Unit::Count,
        "Times that this node fell so far behind the relay that parcels were dropped; it heals from the logs"
    );
    describe_counter!(
        GARBAGE,
        Unit::Count,
        "Messages on this installation's Redis channels that could not be read, and were dropped"
    );
    describe_histogram!(
        PUBLISH,
        Unit::Seconds,
        "Time until Redis confirmed a message, live or stored"
    );
    describe_histogram!(
        ROUND_TRIP,
        Unit::Seconds,
        "Time of a message to oneself through Redis, sent once a second"
    );
    describe_gauge!(
        UP,
        Unit::Count,
        "Whether messages to oneself come back through Redis: 1 or 0"
    );
    describe_counter!(
        RECONNECTS,
        Unit::Count,
        "Times that the listening connection to Redis was restored"
    );
}

/// Makes Redis' metrics be there from the first scrape on.
pub(crate) fn begin_redis() {
    gauge!(UP).set(0.0);
    for name in [OVERRUNS, GARBAGE, RECONNECTS] {
        counter!(name).increment(0);
    }
}
