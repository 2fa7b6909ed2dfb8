//! The project's own commands; `main.rs` is their command line.

pub mod bench;
mod cargo;
pub mod cluster;
pub mod docs;
pub mod load;
pub mod nginx;
pub mod paths;
pub mod ports;
pub mod process;
pub mod programs;
pub mod testing;
pub mod tidy;
pub mod watchdog;
