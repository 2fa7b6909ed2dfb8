//! A connection that listens to a topic.

use std::sync::Arc;

use super::{
    Followers,
    outbox::{Outbox, Walk},
};
use crate::{
    envelope::{Envelope, Position, Step},
    id::ConnId,
    session::Session,
    time::Stamp,
    topic::Topic,
};

/// Messages kept for a connection that is joining; what comes beyond them is read from the log, or
/// lost where it is not stored.
const KEPT: usize = 4_096;

/// How far a connection has come.
pub(super) enum Stage {
    /// It is joining: what arrives is kept.
    Waiting(Kept),
    /// It reads the log, at its own pace, and gets nothing stored otherwise.
    CatchingUp(Run),
    /// It gets what arrives.
    Live,
}

/// One catching up of a connection. A part that was read for one is not given to the connection in
/// another, should it have left and come again meanwhile.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) conn: ConnId,
    id: Arc<()>,
}

impl Run {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            conn: session.conn.clone(),
            id: Arc::default(),
        }
    }
}

/// What arrived meanwhile, in order.
#[derive(Default)]
pub(super) struct Kept {
    messages: Vec<(Option<Position>, Arc<Envelope>)>,
    /// There was more than is kept.
    overrun: bool,
}

impl Kept {
    fn keep(&mut self, position: Option<&Position>, envelope: &Arc<Envelope>) {
        if self.messages.len() < KEPT {
            self.messages.push((position.cloned(), envelope.clone()));
        } else {
            self.overrun = true;
        }
    }
}

pub(super) struct Listener {
    /// What it is given, on its way to its connection.
    outbox: Arc<Outbox>,
    /// When the room was created that it is in. It is given nothing of others of that name.
    created: Stamp,
    /// Up to where it was given everything, once it is not waiting any more.
    pub(super) at: Position,
    pub(super) stage: Stage,
}

impl Listener {
    pub(super) fn waiting(session: &Arc<Session>) -> Self {
        Self {
            outbox: Outbox::new(session),
            created: Stamp::default(),
            at: Position::start(),
            stage: Stage::Waiting(Kept::default()),
        }
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.outbox.session
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    pub(super) fn is_in(&self, run: &Run) -> bool {
        matches!(&self.stage, Stage::CatchingUp(this) if Arc::ptr_eq(&this.id, &run.id))
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live)
    }

    /// Whether this is of the room that it is in.
    pub(super) fn is_in_room(&self, created: Stamp) -> bool {
        self.created == created
    }

    /// It hears nothing until it is opened again; returns where it was.
    pub(super) fn pause(&mut self) -> Position {
        self.stage = Stage::Waiting(Kept::default());
        self.at.clone()
    }

    /// It has everything up to `at`, and goes on from there as `stage` says. Of what was kept it is
    /// given the unstored, and what follows `at` without a hole; `false` where there is a hole.
    pub(super) fn open(
        &mut self,
        topic: &Topic,
        at: Position,
        stage: Stage,
        followers: &Followers,
        walk: &mut Walk,
    ) -> bool {
        self.created = self.session().created(topic).unwrap_or_default();
        self.at = at;
        let Stage::Waiting(kept) = std::mem::replace(&mut self.stage, stage) else {
            return true;
        };
        let mut whole = !kept.overrun;
        for (position, envelope) in kept.messages {
            let given = match position {
                None => self.unstored(&envelope, walk),
                Some(position) => match self.at.step_to(&position) {
                    Step::Old => false,
                    Step::Next => self.stored(&position, &envelope, walk),
                    Step::Gap => {
                        whole = false;
                        false
                    }
                },
            };
            followers.delivered(&envelope.event, given.into());
        }
        whole
    }

    /// Gives it what is not stored; `false` where it keeps it or is not to have it.
    pub(super) fn unstored(&mut self, envelope: &Arc<Envelope>, walk: &mut Walk) -> bool {
        match &mut self.stage {
            Stage::Waiting(kept) => {
                kept.keep(None, envelope);
                false
            }
            _ => self.is_in_room(envelope.created) && self.give(envelope, walk),
        }
    }

    /// Gives it what stands at `position`, unless it has that; `false` where it keeps it or is not to
    /// have it.
    pub(super) fn stored(
        &mut self,
        position: &Position,
        envelope: &Arc<Envelope>,
        walk: &mut Walk,
    ) -> bool {
        let is_for_it = envelope.is_for(self.session());
        self.stored_for(position, envelope, is_for_it, walk)
    }

    /// The same, where it is known whether it is for it.
    pub(super) fn stored_for(
        &mut self,
        position: &Position,
        envelope: &Arc<Envelope>,
        is_for_it: bool,
        walk: &mut Walk,
    ) -> bool {
        match &mut self.stage {
            Stage::Waiting(kept) => {
                kept.keep(Some(position), envelope);
                false
            }
            Stage::Live
                if self.created == envelope.created && self.at.step_to(position) != Step::Old =>
            {
                self.at.go_to(position);
                is_for_it && self.give(envelope, walk)
            }
            Stage::Live | Stage::CatchingUp(_) => false,
        }
    }

    /// Tells it something about its room, whatever its stage.
    pub(super) fn tell(&self, notice: &Arc<Envelope>, followers: &Followers, walk: &mut Walk) {
        let given = self.is_in_room(notice.created) && self.give(notice, walk);
        followers.delivered(&notice.event, given.into());
    }

    fn give(&self, envelope: &Arc<Envelope>, walk: &mut Walk) -> bool {
        walk.give(&self.outbox, envelope);
        true
    }
}
