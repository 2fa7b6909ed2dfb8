pub(crate) mod bus;
pub(crate) mod grace;
pub(crate) mod leases;
pub(crate) mod limiter;
pub(crate) mod log;
pub(crate) mod members;
pub(crate) mod rooms;
