//! A listener that heals through the log, as the hub does.

use std::time::Duration;

use starling_kernel::{
    ports::{Backend, Heard, Parcel},
    topic::Topic,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

/// Collects the messages of a topic, in order and without a gap.
pub(crate) struct Follower {
    pub(crate) backend: Backend,
    pub(crate) heard: mpsc::Receiver<Heard>,
    pub(crate) topic: Topic,
    /// Texts in the order of their `seq`, from 1.
    pub(crate) seen: Vec<String>,
    /// Times that [`Heard::Lost`] was heard.
    pub(crate) lost: usize,
}

impl Follower {
    /// Follows until it has `count` messages.
    pub(crate) async fn until(&mut self, count: usize) {
        let give_up = Instant::now() + Duration::from_secs(60);
        while self.seen.len() < count {
            assert!(
                Instant::now() < give_up,
                "only {} of {count}",
                self.seen.len()
            );
            match timeout(Duration::from_secs(1), self.heard.recv()).await {
                Ok(Some(heard)) => self.take(heard).await,
                Ok(None) => panic!("the listening channel is closed"),
                Err(_) => {}
            }
        }
        assert_eq!(self.seen.len(), count);
    }

    async fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Lost => {
                self.lost += 1;
                self.heal().await;
            }
            Heard::Parcel {
                position: Some(position),
                parcel: Parcel::Message(envelope),
                ..
            } => {
                let next = self.seen.len() as u64 + 1;
                if position.seq > next {
                    self.heal().await;
                } else if position.seq == next {
                    self.seen.push(envelope.as_str().to_owned());
                }
            }
            _ => {}
        }
    }

    async fn heal(&mut self) {
        loop {
            let after = self.seen.len() as u64;
            let Ok(page) = self.backend.log.after(&self.topic, after, 100).await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            for (seq, parcel) in &page.entries {
                assert_eq!(*seq, self.seen.len() as u64 + 1, "the log has no hole");
                if let Parcel::Message(envelope) = parcel {
                    self.seen.push(envelope.as_str().to_owned());
                }
            }
            if self.seen.len() as u64 >= page.head {
                return;
            }
        }
    }
}
