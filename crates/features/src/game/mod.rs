//! `/game`: tic-tac-toe between two users, wherever they are connected.
//!
//! All state is in records that are swapped. What changes a game tells both players in the same step, each
//! on its own topic, so that all their devices hear the changes of a game in one order.

mod events;
mod matching;
mod opponents;
mod payload;
mod rules;
mod store;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::json;
use starling_kernel::{
    envelope::Envelope,
    error::{AppError, Code},
    feature::{Call, Feature, Reply, Routes, Services, done, reply},
    id::UserId,
    ports::{Page, Transition},
    session::Session,
    topic::{Namespace, Topic},
};

use crate::common::Nothing;
use matching::{Found, TRIES, Waiting, player};
use opponents::Comings;
use payload::{GameId, Leave, Move, not_found, out_of_range};
use rules::Illegal;
use store::{Doing, Stage, Store, devices};

const GAME: Namespace = "/game";

/// Whoever is connected is in this place, and may be played with.
const HERE: Topic = Topic::Namespace(GAME);

/// Users whose games are read anew at the same time, after the relay has lost something.
const AT_ONCE: usize = 16;

pub(crate) struct Games {
    services: Arc<Services>,
    store: Store,
    waiting: Waiting,
    comings: Comings,
    /// Held while this node looks for an opponent for somebody.
    turn: tokio::sync::Mutex<()>,
    /// Itself, for what it spawns.
    me: Weak<Self>,
}

impl Games {
    pub(crate) fn new(services: Arc<Services>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            store: Store::new(services.clone()),
            waiting: Waiting::default(),
            comings: Comings::default(),
            turn: tokio::sync::Mutex::default(),
            me: me.clone(),
            services,
        })
    }

    async fn find_match(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        let session = &call.session;
        self.enter(session).await?;
        let me = player(session);
        if self.waits_already(session).await? {
            return reply(json!({"waiting": true}));
        }
        // Before it is begun: what fails half way is gone on with.
        self.wait(session);
        let found = self.seek(&me, true).await?;
        let id = match found {
            Found::Waiting | Found::Nothing => return reply(json!({"waiting": true})),
            Found::Opponent(id) => id,
            Found::Playing(id) => {
                self.show(session, &id, true).await?;
                self.forfeit_if_missing(&id, &me.user).await?;
                id
            }
        };
        self.waiting.remove(session);
        reply(json!({"waiting": false, "gameId": id}))
    }

    /// Whoever asks again and again does not take the turns of others.
    async fn waits_already(&self, session: &Session) -> Result<bool, AppError> {
        if !self.waiting.has(session) {
            return Ok(false);
        }
        let doing = self.store.doing(&session.identity().user).await?;
        Ok(doing.is_some_and(|kept| matches!(kept.value, Doing::Waiting { .. })))
    }

    /// Gives up the game that is named, else ends the waiting.
    async fn leave_match(self: Arc<Self>, call: Call<Leave>) -> Reply {
        let user = call.session.identity().user;
        match &call.command.game_id {
            Some(id) => self.give_up(id, &user).await,
            None => self.wait_no_more(&call.session, &user).await,
        }
    }

    async fn give_up(&self, id: &GameId, user: &UserId) -> Reply {
        let game = self.settled(id, user).await?.ok_or_else(not_found)?;
        let symbol = game.symbol_of(user).ok_or_else(not_found)?;
        self.forfeit(id, symbol.other()).await?;
        done()
    }

    /// A game that began meanwhile goes on: who ends the waiting did not know of it.
    async fn wait_no_more(&self, session: &Session, user: &UserId) -> Reply {
        self.waiting.remove(session);
        for _ in 0..TRIES {
            let Some(mine) = self.store.doing(user).await? else {
                return done();
            };
            if let Doing::Playing { game: id, .. } = &mine.value
                && let Some(game) = self.settled(id, user).await?
            {
                return match game.turn() {
                    Some(_) => reply(json!({"gameId": id})),
                    None => done(),
                };
            }
            // Whom the lobby names and whose record does not say that it waits is not played with.
            let left = Some(&Doing::Nothing);
            let gone = self.store.swap_doing(user, mine.version, left);
            if gone.await?.is_some() {
                return done();
            }
        }
        Err(AppError::unavailable())
    }

    async fn play(self: Arc<Self>, call: Call<Move>) -> Reply {
        let Move { game_id: id, cell } = call.command;
        let user = call.session.identity().user;
        self.enter(&call.session).await?;
        for _ in 0..TRIES {
            let kept = self.store.game(&id).await?.ok_or_else(not_found)?;
            let game = kept.value;
            let symbol = game.symbol_of(&user).ok_or_else(not_found)?;
            if game.stage == Stage::Offered {
                return Err(not_found());
            }
            // A repeat: the acknowledgement of the first may have been lost.
            if game.moves.last_of(symbol) == Some(cell) {
                return done();
            }
            let next = game.with(symbol, cell).map_err(illegal)?;
            let tell = |_| next.shown(&id);
            let swapped = self.store.swap_game(&id, kept.version, &next, tell);
            if swapped.await?.is_some() {
                return done();
            }
        }
        Err(AppError::unavailable())
    }

    /// Whoever plays is present through this connection.
    async fn enter(&self, session: &Arc<Session>) -> Result<(), AppError> {
        match session.registered() {
            true => Ok(()),
            false => self.services.membership.register(session, false).await,
        }
    }

    /// Tells a connection of its user's game; `anew`: as one that knows nothing of it.
    ///
    /// What is told meanwhile is newer than what was read before. So it is read once more: what a client
    /// hears last is how the game is.
    async fn show(&self, session: &Session, id: &GameId, anew: bool) -> Result<(), AppError> {
        let user = session.identity().user;
        let mut told = 0;
        for _ in 0..TRIES {
            let Some(kept) = self.store.game(id).await? else {
                return Ok(());
            };
            let Some(symbol) = kept.value.symbol_of(&user) else {
                return Ok(());
            };
            if kept.version == told {
                return Ok(());
            }
            if anew && told == 0 {
                session.send(&kept.value.match_found(id, symbol));
            }
            let shown = kept.value.shown(id);
            shown.iter().for_each(|envelope| session.send(envelope));
            told = kept.version;
        }
        Ok(())
    }

    /// A user that comes to this namespace goes on where it was, if it was somewhere.
    async fn come(self: &Arc<Self>, session: &Arc<Session>) -> Result<(), AppError> {
        let user = session.identity().user;
        let hub = &self.services.hub;
        hub.admit(session, &devices(&user)).await?.open_live();
        // A guest that does not say who it is is somebody new.
        let is_guest = session.with_claims(|claims| claims.guest);
        let known = !is_guest || session.handshake.guest.is_some();
        let mut doing = match known {
            true => self.store.doing(&user).await?,
            false => None,
        };
        if let Some(mine) = doing.take_if(|mine| matches!(mine.value, Doing::Waiting { .. })) {
            let presence = &self.services.backend.presence;
            match presence.whereabouts(&HERE, &user).await?.member {
                Some(_) => self.wait(session),
                // It went for good, and does not wait any more.
                None => drop(self.store.swap_doing(&user, mine.version, None).await?),
            }
        }
        self.enter(session).await?;
        match doing.map(|kept| kept.value) {
            Some(Doing::Playing { game, since, .. }) => {
                self.go_on(session, &game, since, true).await
            }
            _ => Ok(()),
        }
    }

    async fn go_on(
        self: &Arc<Self>,
        session: &Session,
        id: &GameId,
        since: u64,
        anew: bool,
    ) -> Result<(), AppError> {
        let user = session.identity().user;
        match self.settled(id, &user).await? {
            Some(_) => {
                self.show(session, id, anew).await?;
                self.forfeit_if_missing(id, &user).await
            }
            None if self.is_fresh(since) => {
                self.wait(session);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Something may have been missed: the games of all who are connected here are read anew.
    fn read_anew(&self) {
        let mut users: HashMap<UserId, Vec<Arc<Session>>> = HashMap::new();
        for session in self.services.hub.listeners(&HERE) {
            users
                .entry(session.identity().user)
                .or_default()
                .push(session);
        }
        let Some(me) = self.me.upgrade() else {
            return;
        };
        tokio::spawn(async move {
            let me = &me;
            let each =
                stream::iter(users).for_each_concurrent(AT_ONCE, async |(user, sessions)| {
                    let Ok(Some(kept)) = me.store.doing(&user).await else {
                        return;
                    };
                    if let Doing::Playing { game, since, .. } = kept.value {
                        for session in sessions {
                            let _ = me.go_on(&session, &game, since, false).await;
                        }
                    }
                });
            each.await;
        });
    }
}

fn illegal(why: Illegal) -> AppError {
    match why {
        Illegal::OutOfRange => out_of_range(),
        Illegal::Over => AppError::new(Code::GameOver, "Game is over"),
        Illegal::NotYourTurn => AppError::new(Code::NotYourTurn, "Not your turn"),
        Illegal::Taken => AppError::new(Code::CellTaken, "Cell is taken"),
    }
}

#[async_trait]
impl Feature for Games {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on(GAME, &events::FIND_MATCH, &self, Self::find_match)
            .on(GAME, &events::LEAVE_MATCH, &self, Self::leave_match)
            .on(GAME, &events::MOVE, &self, Self::play)
            .tell(GAME, &events::GONE)
            .tell(GAME, &events::CAME);
    }

    async fn connected(&self, session: &Arc<Session>) -> Result<(), AppError> {
        let (GAME, Some(me)) = (session.namespace, self.me.upgrade()) else {
            return Ok(());
        };
        let come = me.come(session).await;
        if come.is_err() {
            self.disconnected(session).await;
        }
        come
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        if session.namespace == GAME {
            self.waiting.remove(session);
            let devices = devices(&session.identity().user);
            self.services.hub.leave(session, &devices);
        }
    }

    fn transition(&self, transition: &Transition) {
        if transition.place == GAME
            && let Some(me) = self.me.upgrade()
        {
            me.note(transition);
        }
    }

    fn lost(&self) {
        self.read_anew();
    }

    /// Comings and goings were missed: opponents may have gone.
    fn broken(&self, topic: &Topic, _: &Page) -> Option<Envelope> {
        if let Topic::Presence(_) = topic {
            self.read_anew();
        }
        None
    }
}
