use std::time::Duration;

use async_trait::async_trait;

use super::{PortResult, Told};
use crate::topic::Topic;

/// A small document as it was at some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Names what it was then: no two of its name ever have the same, also after it was removed or has
    /// ended, and later is more: a stamp of the backend's
    /// clock, in microseconds. After data was lost this is so as long as that clock was not set back.
    pub version: u64,
    /// Its content. Whoever writes bounds it, to some kilobytes: it is read and written as a whole.
    pub value: String,
}

/// What became of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// Done; the record has this version now, or was removed at it.
    Done(u64),
    /// It was not the one that was expected, but this one, or there was none. Nothing was done.
    Changed(Option<Record>),
}

/// Small documents, each changed by whoever knows what it is now.
#[async_trait]
pub trait Records: Send + Sync {
    /// The record of that name, if there is one. A life that is over may read, too.
    async fn record(&self, name: &Topic) -> PortResult<Option<Record>>;

    /// In one step: if the record is the one of version `expected` (0: if there is none), puts `next`
    /// in its place (`None`: removes it) and publishes all of `tell`, in that order. It ends when nobody
    /// has swapped it for the time `keep`, to the millisecond.
    ///
    /// [`super::PortError::Fenced`] where this node's life is over. After
    /// [`super::PortError::Unknown`] it may have been done or not: reading tells.
    async fn swap(
        &self,
        name: &Topic,
        expected: u64,
        next: Option<&str>,
        keep: Duration,
        tell: &[Told<'_>],
    ) -> PortResult<Swapped>;
}
