pub mod bus;
pub mod grace;
pub mod leases;
pub mod limiter;
pub mod log;
pub mod members;
pub mod rooms;
