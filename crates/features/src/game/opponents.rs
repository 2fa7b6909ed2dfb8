//! What becomes of a game whose player goes, and comes back or not.
//!
//! Every node hears who comes and goes, in order. Those that have connections of the opponent tell them,
//! and let the game be forfeited; one of them does it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::json;
use starling_kernel::{
    envelope::Envelope,
    error::AppError,
    id::UserId,
    ports::{Change, Transition},
};
use tokio::{sync::Semaphore, time::sleep};

use super::{
    Games, HERE,
    matching::TRIES,
    payload::GameId,
    rules::Symbol,
    store::{Doing, Game, Stage, devices},
};

/// Users that are looked up at the same time: a node that dies takes many with it.
const AT_ONCE: usize = 32;

/// A game that could not be forfeited is tried again; for five minutes.
const RETRY: Duration = Duration::from_secs(2);
const RETRIES: usize = 150;

/// What a player did.
#[derive(Clone, Copy)]
enum Step {
    Lost,
    Back,
    Gone,
}

impl Step {
    fn of(transition: &Transition) -> Option<Self> {
        match transition.kind {
            Change::Lost => Some(Self::Lost),
            Change::Left => Some(Self::Gone),
            Change::Entered if transition.again => Some(Self::Back),
            Change::Entered | Change::Updated | Change::Restored => None,
        }
    }
}

/// What users did that their opponents have to be told yet: for each user one after the other.
pub(super) struct Comings {
    /// Those that wait behind the one that is being told.
    queues: Mutex<HashMap<UserId, Vec<Step>>>,
    turns: Semaphore,
}

impl Default for Comings {
    fn default() -> Self {
        Self {
            queues: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Comings {
    /// `true` where nothing of that user is being told.
    fn queue(&self, user: &UserId, step: Step) -> bool {
        let mut queues = self.lock();
        if let Some(queue) = queues.get_mut(user) {
            queue.push(step);
            return false;
        }
        queues.insert(user.clone(), Vec::new());
        true
    }

    fn next(&self, user: &UserId) -> Option<Step> {
        let mut queues = self.lock();
        let queue = queues.get_mut(user)?;
        if queue.is_empty() {
            queues.remove(user);
            return None;
        }
        Some(queue.remove(0))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Vec<Step>>> {
        self.queues.lock().expect("no panic while held")
    }
}

impl Games {
    /// Somebody came back or went.
    pub(super) fn note(self: &Arc<Self>, transition: &Transition) {
        let Some(step) = Step::of(transition) else {
            return;
        };
        let user = &transition.member.user;
        if self.comings.queue(user, step) {
            tokio::spawn(self.clone().tell_opponent(user.clone(), step));
        }
    }

    async fn tell_opponent(self: Arc<Self>, user: UserId, first: Step) {
        let mut step = Some(first);
        while let Some(now) = step {
            for _ in 0..RETRIES {
                let told = {
                    let _turn = self.comings.turns.acquire().await;
                    self.tell_step(&user, now).await
                };
                // A notice that could not be given is of the past.
                match (told, now) {
                    (Err(_), Step::Gone) => sleep(RETRY).await,
                    _ => break,
                }
            }
            step = self.comings.next(&user);
        }
    }

    async fn tell_step(&self, user: &UserId, step: Step) -> Result<(), AppError> {
        let Some(Doing::Playing { game, opponent, .. }) =
            self.store.doing(user).await?.map(|kept| kept.value)
        else {
            return Ok(());
        };
        let devices = devices(&opponent);
        if self.services.hub.listeners(&devices).is_empty() {
            return Ok(());
        }
        let notice = match step {
            Step::Gone => return self.forfeit_if_gone(&game, &opponent).await,
            Step::Back => Envelope::with_args("opponent-reconnected", &()),
            Step::Lost => {
                let grace = self.services.membership.grace().as_millis() as u64;
                Envelope::new("opponent-disconnected", &json!({"grace": grace}))
            }
        };
        let game = self.store.game(&game).await?;
        if game.is_some_and(|kept| kept.value.stage == Stage::Begun && kept.value.turn().is_some())
        {
            self.services.hub.emit_local(&devices, &notice);
        }
        Ok(())
    }

    /// Where the opponent of `user` is there no more, `user` has won.
    async fn forfeit_if_gone(&self, id: &GameId, user: &UserId) -> Result<(), AppError> {
        match self.winner_by_absence(id, user).await? {
            Some(winner) => self.forfeit(id, winner).await,
            None => Ok(()),
        }
    }

    /// The same where nobody said that the opponent has gone. After the backend has lost something, who
    /// is there may be missing until its node has restored it: so it has to be missing for that long.
    pub(super) async fn forfeit_if_missing(
        self: &Arc<Self>,
        id: &GameId,
        user: &UserId,
    ) -> Result<(), AppError> {
        if self.winner_by_absence(id, user).await?.is_some() {
            let (me, id, user) = (self.clone(), id.clone(), user.clone());
            tokio::spawn(async move {
                sleep(me.services.membership.settles_within()).await;
                // Where this fails, whoever comes back or looks for a match finds it out.
                let _ = me.forfeit_if_gone(&id, &user).await;
            });
        }
        Ok(())
    }

    /// What `user` plays in a game that goes on, if the opponent is there no more.
    async fn winner_by_absence(
        &self,
        id: &GameId,
        user: &UserId,
    ) -> Result<Option<Symbol>, AppError> {
        let game = self.store.game(id).await?.map(|kept| kept.value);
        let Some(game) = game.filter(|game| game.turn().is_some()) else {
            return Ok(None);
        };
        let Some(symbol) = game.symbol_of(user) else {
            return Ok(None);
        };
        let opponent = &game.player(symbol.other()).user;
        let presence = &self.services.backend.presence;
        let found = presence.whereabouts(&HERE, opponent).await?;
        Ok(found.member.is_none().then_some(symbol))
    }

    /// The other one has given up: all nodes may say so, one of them does it.
    pub(super) async fn forfeit(&self, id: &GameId, winner: Symbol) -> Result<(), AppError> {
        for _ in 0..TRIES {
            let Some(kept) = self.store.game(id).await? else {
                return Ok(());
            };
            let game: Game = kept.value;
            if game.stage != Stage::Begun || game.turn().is_none() {
                return Ok(());
            }
            let over = game.at(Stage::WonByForfeit(winner));
            let tell = |_| over.over(id).into_iter().collect();
            let swapped = self.store.swap_game(id, kept.version, &over, tell);
            if swapped.await?.is_some() {
                return Ok(());
            }
        }
        Err(AppError::unavailable())
    }
}
