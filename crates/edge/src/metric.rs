//! The metrics that only the edge records.

use metrics::describe_counter;

/// TCP connections closed because of a limit, by its name.
pub(crate) const CONNECTIONS_REFUSED: &str = "starling_connections_refused_total";

/// Gives the recorder the help texts. Call once, after it is installed.
pub fn describe() {
    describe_counter!(
        CONNECTIONS_REFUSED,
        "Connections closed because too many were open, by the limit."
    );
}
