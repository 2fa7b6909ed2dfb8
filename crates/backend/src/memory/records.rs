use std::time::Duration;

use async_trait::async_trait;
use starling_kernel::{
    ports::{PortResult, Record, Records, Swapped, Told},
    time::Timestamp,
    topic::Topic,
};

use super::{MemoryNode, state::State};

impl State {
    fn swap(
        &mut self,
        now: Timestamp,
        name: &Topic,
        expected: u64,
        next: Option<&str>,
        keep: Duration,
        tell: &[Told<'_>],
    ) -> Swapped {
        let record = self.records.get(now, name);
        if record.as_ref().map_or(0, |record| record.version) != expected {
            return Swapped::Changed(record.cloned());
        }
        let version = self.stamp(now).0;
        match next.map(str::to_owned) {
            Some(value) => {
                let record = Record { version, value };
                self.records.put(now, name, record, keep);
            }
            None => self.records.remove(name),
        }
        for Told { topic, envelope } in tell {
            self.publish(topic, (*envelope).clone());
        }
        Swapped::Done(version)
    }
}

#[async_trait]
impl Records for MemoryNode {
    async fn record(&self, name: &Topic) -> PortResult<Option<Record>> {
        Ok(self.step(|state, now| state.records.get(now, name).cloned()))
    }

    async fn swap(
        &self,
        name: &Topic,
        expected: u64,
        next: Option<&str>,
        keep: Duration,
        tell: &[Told<'_>],
    ) -> PortResult<Swapped> {
        self.live_step(|state, now| Ok(state.swap(now, name, expected, next, keep, tell)))
    }
}
