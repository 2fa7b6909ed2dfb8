//! What is kept: a record for each game, for each user that plays or waits, and one for who waits.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use starling_kernel::{
    envelope::Envelope,
    error::{AppError, Code},
    feature::Services,
    id::UserId,
    ports::{Member, Swapped, Told},
    topic::Topic,
};

use super::{
    GAME,
    payload::{GameId, GameOver, GameState, MatchFound, Reason},
    rules::{Illegal, Moves, Symbol},
};
use crate::common::User;

/// A game in which nobody moves is forgotten, and so is one that has ended.
const KEPT: Duration = Duration::from_secs(60 * 60);
const KEPT_ENDED: Duration = Duration::from_secs(10 * 60);

/// One that never began.
const KEPT_OFFERED: Duration = Duration::from_secs(60);

/// What a user plays is known as long as any game can last: nine moves.
const KEPT_PLAYING: Duration = Duration::from_secs(10 * 60 * 60);

/// Who waits says so again every two seconds.
const KEPT_WAITING: Duration = Duration::from_secs(10 * 60);

/// Of a game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Player {
    pub(super) user: UserId,
    pub(super) username: String,
}

impl From<Member> for Player {
    fn from(member: Member) -> Self {
        Self {
            user: member.user,
            username: member.username,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// It is no game yet: one of the two may not know of it.
    Offered,
    Begun,
    /// The other one has gone.
    WonByForfeit(Symbol),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Game {
    x: Player,
    o: Player,
    pub(super) moves: Moves,
    pub(super) stage: Stage,
}

impl Game {
    pub(super) fn offered(x: Player, o: Player) -> Self {
        let (moves, stage) = (Moves::default(), Stage::Offered);
        Self { x, o, moves, stage }
    }

    /// What somebody plays, if they do.
    pub(super) fn symbol_of(&self, user: &UserId) -> Option<Symbol> {
        match user {
            user if *user == self.x.user => Some(Symbol::X),
            user if *user == self.o.user => Some(Symbol::O),
            _ => None,
        }
    }

    pub(super) fn player(&self, symbol: Symbol) -> &Player {
        match symbol {
            Symbol::X => &self.x,
            Symbol::O => &self.o,
        }
    }

    pub(super) fn turn(&self) -> Option<Symbol> {
        match self.stage {
            Stage::WonByForfeit(_) => None,
            _ => self.moves.turn(),
        }
    }

    fn winner(&self) -> Option<Symbol> {
        match self.stage {
            Stage::WonByForfeit(winner) => Some(winner),
            _ => self.moves.winner(),
        }
    }

    /// With one more move, if it is legal.
    pub(super) fn with(&self, symbol: Symbol, cell: u8) -> Result<Self, Illegal> {
        if self.turn().is_none() {
            return Err(Illegal::Over);
        }
        let mut game = self.clone();
        game.moves = self.moves.with(symbol, cell)?;
        Ok(game)
    }

    pub(super) fn at(&self, stage: Stage) -> Self {
        let mut game = self.clone();
        game.stage = stage;
        game
    }

    pub(super) fn match_found(&self, id: &GameId, symbol: Symbol) -> Envelope {
        let opponent = self.player(symbol.other());
        let found = MatchFound {
            game_id: id,
            symbol,
            opponent: User {
                user_id: &opponent.user,
                username: &opponent.username,
            },
        };
        Envelope::new("match-found", &found)
    }

    /// How it is: its state, and the end of one that has ended.
    pub(super) fn shown(&self, id: &GameId) -> Vec<Envelope> {
        let state = GameState {
            game_id: id,
            board: self.moves.board(),
            turn: self.turn(),
            winner: self.winner(),
            draw: self.moves.is_draw(),
        };
        let state = Envelope::new("game-state", &state);
        [Some(state), self.over(id)].into_iter().flatten().collect()
    }

    /// The end, if it has ended.
    pub(super) fn over(&self, id: &GameId) -> Option<Envelope> {
        let reason = match (self.stage, self.turn(), self.winner()) {
            (_, Some(_), _) => return None,
            (Stage::WonByForfeit(_), ..) => Reason::Forfeit,
            (_, _, Some(_)) => Reason::Win,
            (_, _, None) => Reason::Draw,
        };
        let over = GameOver {
            game_id: id,
            winner: self.winner(),
            reason,
        };
        Some(Envelope::new("game-over", &over))
    }

    fn keep(&self) -> Duration {
        match (self.stage, self.turn()) {
            (Stage::Offered, _) => KEPT_OFFERED,
            (_, Some(_)) => KEPT,
            (_, None) => KEPT_ENDED,
        }
    }
}

/// What a user is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Doing {
    Waiting {
        /// Milliseconds of cluster time, as all here.
        since: u64,
    },
    Playing {
        game: GameId,
        opponent: UserId,
        since: u64,
    },
    /// It has left, and does not wait any more on whatever device. Where there is no record, it may have
    /// been lost.
    Nothing,
}

/// A record as it was read.
#[derive(Clone, Debug)]
pub(super) struct Kept<T> {
    pub(super) version: u64,
    pub(super) value: T,
}

/// What is said to all devices of a player.
pub(super) fn devices(user: &UserId) -> Topic {
    Topic::User(GAME, user.clone())
}

fn game(id: &GameId) -> Topic {
    Topic::stream(GAME, "game", id.as_str())
}

fn player(user: &UserId) -> Topic {
    Topic::stream(GAME, "player", user)
}

fn lobby() -> Topic {
    Topic::Stream(GAME, "lobby".into())
}

/// Each swap returns the new version, or `None` where the record is not what the caller has read.
pub(super) struct Store {
    services: Arc<Services>,
}

impl Store {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    pub(super) async fn game(&self, id: &GameId) -> Result<Option<Kept<Game>>, AppError> {
        self.read(&game(id)).await
    }

    /// Both players, on all their devices, are told `tell` of it.
    pub(super) async fn swap_game(
        &self,
        id: &GameId,
        expected: u64,
        next: &Game,
        tell: impl Fn(Symbol) -> Vec<Envelope>,
    ) -> Result<Option<u64>, AppError> {
        let said = [Symbol::X, Symbol::O].map(|symbol| {
            let to = devices(&next.player(symbol).user);
            (to, tell(symbol))
        });
        let told = said.iter().flat_map(|(topic, envelopes)| {
            let each = envelopes.iter();
            each.map(move |envelope| Told { topic, envelope })
        });
        let told: Vec<_> = told.collect();
        self.swap(&game(id), expected, Some(next), next.keep(), &told)
            .await
    }

    /// For a game that never began.
    pub(super) async fn remove_game(&self, id: &GameId, expected: u64) -> Result<(), AppError> {
        let none: Option<&Game> = None;
        self.swap(&game(id), expected, none, KEPT_OFFERED, &[])
            .await?;
        Ok(())
    }

    pub(super) async fn doing(&self, user: &UserId) -> Result<Option<Kept<Doing>>, AppError> {
        self.read(&player(user)).await
    }

    pub(super) async fn swap_doing(
        &self,
        user: &UserId,
        expected: u64,
        next: Option<&Doing>,
    ) -> Result<Option<u64>, AppError> {
        let keep = match next {
            Some(Doing::Playing { .. }) => KEPT_PLAYING,
            _ => KEPT_WAITING,
        };
        self.swap(&player(user), expected, next, keep, &[]).await
    }

    /// Who waits for an opponent.
    pub(super) async fn lobby(&self) -> Result<Option<Kept<UserId>>, AppError> {
        self.read(&lobby()).await
    }

    pub(super) async fn swap_lobby(
        &self,
        expected: u64,
        next: Option<&UserId>,
    ) -> Result<Option<u64>, AppError> {
        self.swap(&lobby(), expected, next, KEPT_WAITING, &[]).await
    }

    async fn read<T: DeserializeOwned>(&self, name: &Topic) -> Result<Option<Kept<T>>, AppError> {
        let Some(record) = self.services.backend.records.record(name).await? else {
            return Ok(None);
        };
        let value = serde_json::from_str(&record.value).map_err(|_| unreadable())?;
        let version = record.version;
        Ok(Some(Kept { version, value }))
    }

    async fn swap<T: Serialize>(
        &self,
        name: &Topic,
        expected: u64,
        next: Option<&T>,
        keep: Duration,
        tell: &[Told<'_>],
    ) -> Result<Option<u64>, AppError> {
        let next = next.map(serde_json::to_string).transpose();
        let next = next.map_err(|_| unreadable())?;
        let records = &self.services.backend.records;
        let swapped = records.swap(name, expected, next.as_deref(), keep, tell);
        Ok(match swapped.await? {
            Swapped::Done(version) => Some(version),
            Swapped::Changed(_) => None,
        })
    }
}

fn unreadable() -> AppError {
    AppError::new(Code::Internal, "Internal error")
}
