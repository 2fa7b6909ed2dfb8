//! The bounded channel through which a node hears, the same for both backends.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use starling_kernel::ports::Heard;
use tokio::sync::mpsc;

/// Parcels that may wait for a node. What comes after them is dropped and owed as [`Heard::Lost`].
pub(crate) const CAPACITY: usize = 65_536;

/// Speaks to one node without ever waiting for it.
#[derive(Clone, Debug)]
pub(crate) struct Ear {
    sender: mpsc::Sender<Heard>,
    owes_lost: Arc<AtomicBool>,
}

impl Ear {
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<Heard>) {
        let (sender, receiver) = mpsc::channel(capacity);
        let owes_lost = Arc::default();
        (Self { sender, owes_lost }, receiver)
    }

    /// Tells the node, or drops it where the channel is full and tells of the loss as soon as there
    /// is room again.
    pub(crate) fn tell(&self, heard: Heard) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(heard) {
            self.owe_lost();
        }
    }

    /// Tells the node as soon as there is room: of its own state, which must not get lost.
    pub(crate) async fn tell_surely(&self, heard: Heard) {
        let _ = self.sender.send(heard).await;
    }

    /// The debt is cleared *before* it is paid: whatever is dropped in between makes a new one.
    fn owe_lost(&self) {
        if self.owes_lost.swap(true, Ordering::SeqCst) {
            return;
        }
        metrics::counter!(crate::metric::OVERRUNS).increment(1);
        let ear = self.clone();
        tokio::spawn(async move {
            if let Ok(room) = ear.sender.reserve().await {
                ear.owes_lost.store(false, Ordering::SeqCst);
                room.send(Heard::Lost);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_told_as_lost() {
        let (ear, mut heard) = Ear::new(2);
        for up in [true, false, true, true] {
            ear.tell(Heard::Up(up));
        }
        assert_eq!(heard.recv().await, Some(Heard::Up(true)));
        assert_eq!(heard.recv().await, Some(Heard::Up(false)));
        assert_eq!(heard.recv().await, Some(Heard::Lost));
        ear.tell(Heard::Up(true));
        assert_eq!(heard.recv().await, Some(Heard::Up(true)));
    }
}
