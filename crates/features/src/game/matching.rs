//! Who plays whom.
//!
//! At most one waits in the *lobby*; whoever comes next claims it. A game is *offered* first, then both
//! players' records name it, and then, in one step, it is *begun*: that alone counts, and tells both. A
//! gateway may be gone between any two of these steps. So whoever finds an offered game ends the matter:
//! it begins where both players' records name it, and else it never was. And each node looks after those
//! that wait on its connections, and puts them back into the lobby.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use starling_kernel::{
    error::AppError,
    id::{ConnId, UserId},
    session::Session,
};
use tokio::time::{sleep, timeout};

use super::{
    Games, HERE,
    payload::GameId,
    store::{Doing, Game, Kept, Player, Stage},
};

/// How often a step is tried that somebody else was faster at. Who waits goes on later all the same.
pub(super) const TRIES: usize = 16;

/// How long somebody waits for its turn to look for an opponent.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a node looks after those that wait on its connections.
const LOOK_AFTER: Duration = Duration::from_secs(2);

/// A player whose game is gone so soon has never had it. A record that says that somebody waits is
/// renewed when it is older.
const FRESH_MS: u64 = 60_000;

/// What looking for an opponent came to.
pub(super) enum Found {
    /// A new game, of which both have been told.
    Opponent(GameId),
    /// It is in a game already.
    Playing(GameId),
    Waiting,
    /// It does not look for one any more.
    Nothing,
}

/// Somebody who waits in the lobby.
struct Candidate {
    player: Player,
    /// Of its record.
    version: u64,
}

/// Those that wait on this node's connections.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Waiters>);

#[derive(Default)]
struct Waiters {
    all: HashMap<ConnId, Player>,
    /// They are looked after.
    watched: bool,
}

impl Waiting {
    /// `true` where the caller has to look after them from now on.
    fn add(&self, session: &Session) -> bool {
        let mut waiters = self.lock();
        waiters.all.insert(session.conn.clone(), player(session));
        !std::mem::replace(&mut waiters.watched, true)
    }

    /// Whether there are any; else they are looked after no more.
    fn go_on(&self) -> bool {
        let mut waiters = self.lock();
        waiters.watched = !waiters.all.is_empty();
        waiters.watched
    }

    pub(super) fn has(&self, session: &Session) -> bool {
        self.lock().all.contains_key(&session.conn)
    }

    pub(super) fn remove(&self, session: &Session) {
        self.lock().all.remove(&session.conn);
    }

    fn remove_user(&self, user: &UserId) {
        self.lock().all.retain(|_, player| player.user != *user);
    }

    /// Each user once, however many connections it waits on.
    fn players(&self) -> BTreeMap<UserId, Player> {
        let waiters = self.lock();
        let players = waiters.all.values();
        players.map(|it| (it.user.clone(), it.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().expect("no panic while held")
    }
}

pub(super) fn player(session: &Session) -> Player {
    let identity = session.identity();
    Player {
        user: identity.user,
        username: identity.username,
    }
}

impl Games {
    /// The user waits on this connection: the node looks after it.
    pub(super) fn wait(self: &Arc<Self>, session: &Session) {
        if self.waiting.add(session) {
            tokio::spawn(self.clone().look_after_waiting());
        }
    }

    async fn look_after_waiting(self: Arc<Self>) {
        loop {
            sleep(LOOK_AFTER).await;
            for (user, player) in self.waiting.players() {
                match self.seek(&player, false).await {
                    Ok(Found::Waiting) | Err(_) => {}
                    Ok(Found::Playing(id)) => {
                        self.waiting.remove_user(&user);
                        // It may have gone before the game began.
                        let _ = self.forfeit_if_missing(&id, &user).await;
                    }
                    Ok(_) => self.waiting.remove_user(&user),
                }
            }
            if !self.waiting.go_on() {
                return;
            }
        }
    }

    /// Looks for an opponent: because the user has `asked` for one now, or has before and still waits.
    pub(super) async fn seek(
        self: &Arc<Self>,
        me: &Player,
        asked: bool,
    ) -> Result<Found, AppError> {
        // One at a time on each node: it is one lobby.
        let turn = timeout(PATIENCE, self.turn.lock()).await;
        let _turn = turn.map_err(|_| AppError::unavailable())?;
        for _ in 0..TRIES {
            let mine = self.store.doing(&me.user).await?;
            if let Some(mine) = &mine
                && let Some(found) = self.elsewhere(me, &mine.value, asked).await?
            {
                return Ok(found);
            }
            let Some(version) = self.say_waiting(me, mine).await? else {
                continue;
            };
            if let Some(found) = self.look(me, version).await? {
                return Ok(found);
            }
        }
        Ok(Found::Waiting)
    }

    /// What the user is at instead of looking for an opponent, if anything.
    async fn elsewhere(
        &self,
        me: &Player,
        doing: &Doing,
        asked: bool,
    ) -> Result<Option<Found>, AppError> {
        let (id, since) = match doing {
            Doing::Waiting { .. } => return Ok(None),
            Doing::Nothing => return Ok((!asked).then_some(Found::Nothing)),
            Doing::Playing { game, since, .. } => (game, *since),
        };
        Ok(match self.settled(id, &me.user).await? {
            Some(game) if game.turn().is_some() => Some(Found::Playing(id.clone())),
            None if self.is_fresh(since) => None,
            _ => (!asked).then_some(Found::Nothing),
        })
    }

    /// The user's record says that it waits; returns its version, or `None` where somebody else was faster.
    async fn say_waiting(
        &self,
        me: &Player,
        mine: Option<Kept<Doing>>,
    ) -> Result<Option<u64>, AppError> {
        let version = mine.as_ref().map_or(0, |mine| mine.version);
        match mine.map(|mine| mine.value) {
            Some(Doing::Waiting { since }) if self.is_fresh(since) => Ok(Some(version)),
            _ => {
                let waiting = self.waiting_now();
                self.store
                    .swap_doing(&me.user, version, Some(&waiting))
                    .await
            }
        }
    }

    fn waiting_now(&self) -> Doing {
        let since = self.services.clock.now().0;
        Doing::Waiting { since }
    }

    pub(super) fn is_fresh(&self, since: u64) -> bool {
        self.services.clock.now().0 < since.saturating_add(FRESH_MS)
    }

    /// One look into the lobby; `None` where somebody else was faster. `version` is that of the
    /// user's own record, by which it waits.
    async fn look(self: &Arc<Self>, me: &Player, version: u64) -> Result<Option<Found>, AppError> {
        let lobby = self.store.lobby().await?;
        let expected = lobby.as_ref().map_or(0, |lobby| lobby.version);
        let there = lobby.map(|lobby| lobby.value);
        let candidate = match there.filter(|user| *user != me.user) {
            Some(user) => self.candidate(&user).await?,
            None => None,
        };
        let Some(candidate) = candidate else {
            // Also where it waits there already: so it goes on to be kept.
            let waits = self.store.swap_lobby(expected, Some(&me.user)).await?;
            return Ok(waits.map(|_| Found::Waiting));
        };
        match self.store.swap_lobby(expected, None).await? {
            Some(_) => self.pair(me, version, candidate).await,
            None => Ok(None),
        }
    }

    /// Whoever the lobby names may have gone, or play already.
    async fn candidate(&self, user: &UserId) -> Result<Option<Candidate>, AppError> {
        let Some(theirs) = self.store.doing(user).await? else {
            return Ok(None);
        };
        let presence = &self.services.backend.presence;
        let found = presence.whereabouts(&HERE, user).await?;
        let waits = matches!(theirs.value, Doing::Waiting { .. });
        Ok(found.member.filter(|_| waits).map(|member| Candidate {
            player: member.into(),
            version: theirs.version,
        }))
    }

    /// Offers a game, lets both records name it, and begins it. `None` where somebody else was faster: the
    /// user's record tells how it is then.
    async fn pair(
        self: &Arc<Self>,
        me: &Player,
        version: u64,
        other: Candidate,
    ) -> Result<Option<Found>, AppError> {
        let id = GameId::random();
        let game = Game::offered(other.player.clone(), me.clone());
        let Some(offered) = self.store.swap_game(&id, 0, &game, |_| vec![]).await? else {
            return Ok(None);
        };
        if !self.agree(&id, me, version, &other).await? {
            self.store.remove_game(&id, offered).await?;
            return Ok(None);
        }
        if !self.begin(&id, offered, &game).await? {
            return Ok(None);
        }
        // It has begun, whatever becomes of this look.
        let _ = self.forfeit_if_missing(&id, &me.user).await;
        Ok(Some(Found::Opponent(id)))
    }

    /// Both players' records name the game, or neither does for long.
    async fn agree(
        &self,
        id: &GameId,
        me: &Player,
        version: u64,
        other: &Candidate,
    ) -> Result<bool, AppError> {
        let since = self.services.clock.now().0;
        let playing = |opponent: &UserId| Doing::Playing {
            game: id.clone(),
            opponent: opponent.clone(),
            since,
        };
        let (user, opponent) = (&me.user, &other.player.user);
        let (mine, theirs) = (playing(opponent), playing(user));
        let named = self.store.swap_doing(user, version, Some(&mine)).await?;
        let Some(named) = named else {
            return Ok(false);
        };
        let theirs = self
            .store
            .swap_doing(opponent, other.version, Some(&theirs));
        if theirs.await?.is_none() {
            let waiting = self.waiting_now();
            self.store.swap_doing(user, named, Some(&waiting)).await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// The step that counts; `false` where somebody else was faster.
    async fn begin(&self, id: &GameId, version: u64, offered: &Game) -> Result<bool, AppError> {
        let begun = offered.at(Stage::Begun);
        let tell = |symbol| {
            let mut told = vec![begun.match_found(id, symbol)];
            told.extend(begun.shown(id));
            told
        };
        let swapped = self.store.swap_game(id, version, &begun, tell).await?;
        Ok(swapped.is_some())
    }

    /// The game that the user's record names; if it is only offered, the matter is ended first.
    /// `None` where there is none.
    pub(super) async fn settled(
        &self,
        id: &GameId,
        user: &UserId,
    ) -> Result<Option<Game>, AppError> {
        for _ in 0..TRIES {
            let Some(kept) = self.store.game(id).await? else {
                return Ok(None);
            };
            let game = kept.value;
            let (Stage::Offered, Some(symbol)) = (game.stage, game.symbol_of(user)) else {
                return Ok(Some(game));
            };
            let other = self.store.doing(&game.player(symbol.other()).user).await?;
            let named = other.is_some_and(
                |other| matches!(other.value, Doing::Playing { game, .. } if game == *id),
            );
            match named {
                true => drop(self.begin(id, kept.version, &game).await?),
                false => self.store.remove_game(id, kept.version).await?,
            }
        }
        Err(AppError::unavailable())
    }
}
