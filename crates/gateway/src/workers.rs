//! The threads that connections and rooms are spread over.

use std::{future::pending, io, thread};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of one thread.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Starts so many threads with a runtime each, for as long as the process lives.
pub(crate) fn start(count: usize) -> io::Result<Vec<Handle>> {
    (1..=count).map(start_one).collect()
}

fn start_one(number: usize) -> io::Result<Handle> {
    let runtime = runtime()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(handle)
}
