//! What clients send, and what they get.

use serde::{Deserialize, Serialize};
use starling_kernel::{
    error::{AppError, Code},
    feature::Command,
    id::random,
    limits::Limits,
};

use super::rules::{Board, CELLS, Symbol};
use crate::common::{User, is_made_here};

/// Names a game; made by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct GameId(String);

impl GameId {
    const LENGTH: usize = 16;

    pub(super) fn random() -> Self {
        Self(random(Self::LENGTH))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn check(&self) -> Result<(), AppError> {
        match is_made_here(&self.0, Self::LENGTH) {
            true => Ok(()),
            false => Err(not_found()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Move {
    pub(super) game_id: GameId,
    pub(super) cell: u8,
}

impl Command for Move {
    fn check(&self, _: &Limits) -> Result<(), AppError> {
        if usize::from(self.cell) >= CELLS {
            return Err(out_of_range());
        }
        self.game_id.check()
    }
}

/// `leave-match`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Leave {
    pub(super) game_id: Option<GameId>,
}

impl Command for Leave {
    fn check(&self, _: &Limits) -> Result<(), AppError> {
        self.game_id.as_ref().map_or(Ok(()), GameId::check)
    }
}

pub(super) fn out_of_range() -> AppError {
    AppError::invalid("cell must be 0 to 8")
}

pub(super) fn not_found() -> AppError {
    AppError::new(Code::GameNotFound, "Game not found")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MatchFound<'a> {
    pub(super) game_id: &'a GameId,
    pub(super) symbol: Symbol,
    pub(super) opponent: User<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GameState<'a> {
    pub(super) game_id: &'a GameId,
    pub(super) board: Board,
    pub(super) turn: Option<Symbol>,
    pub(super) winner: Option<Symbol>,
    pub(super) draw: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GameOver<'a> {
    pub(super) game_id: &'a GameId,
    pub(super) winner: Option<Symbol>,
    pub(super) reason: Reason,
}

/// How a game ended.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reason {
    Win,
    Draw,
    Forfeit,
}

#[cfg(test)]
mod tests {
    use starling_kernel::payload::decode;

    use super::*;

    fn code<C: Command>(json: &str) -> Option<Code> {
        let checked = decode::<C>(json).and_then(|it| it.check(&Limits::default()));
        checked.err().map(|error| error.code)
    }

    #[test]
    fn only_ids_that_a_game_can_have_are_looked_for() {
        let with = |id: &str| {
            let json = serde_json::json!({"gameId": id, "cell": 0}).to_string();
            let codes = (code::<Move>(&json), code::<Leave>(&json));
            assert_eq!(codes.0, codes.1, "{id:?}");
            codes.0
        };
        assert_eq!(with(GameId::random().as_str()), None);
        let long = "x".repeat(17);
        for bad in ["", "x", "abcdefgh:jklmnop", "abcdefghijklmn\né", &long] {
            assert_eq!(with(bad), Some(Code::GameNotFound), "{bad:?}");
        }
    }

    #[test]
    fn who_leaves_may_name_no_game() {
        for none in ["null", "{}", r#"{"gameId":null}"#] {
            assert_eq!(code::<Leave>(none), None, "{none}");
        }
        assert_eq!(code::<Leave>(r#"{"gameId":1}"#), Some(Code::InvalidPayload));
    }

    #[test]
    fn a_cell_is_one_of_nine() {
        let with =
            |cell: &str| code::<Move>(&format!(r#"{{"gameId":"0123456789abcdef","cell":{cell}}}"#));
        assert_eq!((with("0"), with("8")), (None, None));
        for bad in ["9", "-1", "256", "1.5", "\"1\"", "null", "[1]", "true"] {
            assert_eq!(with(bad), Some(Code::InvalidPayload), "{bad}");
        }
    }
}
