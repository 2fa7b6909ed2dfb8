//! The words every other crate speaks: ids, sessions, audiences, envelopes, errors, ports and the dispatcher.
