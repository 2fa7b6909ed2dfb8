use super::{Entered, Membership, PortResult, Topic};
use crate::{
    envelope::Position,
    hub::{Admission, EncodePart},
    ports::Page,
};

/// A connection that is a member of a room, and hears it once this is opened.
#[must_use = "a member that does not hear the room"]
pub struct Joining {
    pub(super) admission: Admission,
    /// The history that was asked for.
    pub page: Page,
}

impl Joining {
    /// Lets it hear everything after the page, which it has been sent.
    pub fn open(self) {
        self.admission.open_after(self.page.end());
    }

    /// Lets it hear everything after `at`.
    pub fn open_after(self, at: Position) {
        self.admission.open_after(at);
    }

    /// Gives it everything after `at` in parts, as it takes them, and lets it hear what follows.
    pub fn open_behind(self, at: Position, encode: EncodePart) {
        self.admission.open_behind(at, encode);
    }
}

impl Membership {
    /// What whoever has entered is shown first.
    pub(super) async fn history(
        &self,
        topic: &Topic,
        entered: &Entered,
        most: usize,
    ) -> PortResult<Page> {
        if most > 0 {
            return self.log.latest(topic, most).await?.of(entered.created);
        }
        let at = entered.log.clone();
        Ok(Page {
            epoch: at.epoch,
            base: at.seq,
            head: at.seq,
            created: entered.created,
            ..Page::default()
        })
    }
}
