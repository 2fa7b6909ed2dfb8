//! Tic-tac-toe: what is a legal move, and who has won.

use serde::{Deserialize, Serialize};

/// Cells of the board, row by row.
pub(super) const CELLS: usize = 9;

/// Three in a row.
const LINES: [[usize; 3]; 8] = [
    [0, 1, 2],
    [3, 4, 5],
    [6, 7, 8],
    [0, 3, 6],
    [1, 4, 7],
    [2, 5, 8],
    [0, 4, 8],
    [2, 4, 6],
];

/// Whose is a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Symbol {
    X,
    O,
}

impl Symbol {
    pub(super) fn other(self) -> Self {
        match self {
            Self::X => Self::O,
            Self::O => Self::X,
        }
    }
}

/// Why a move cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Illegal {
    OutOfRange,
    Over,
    NotYourTurn,
    Taken,
}

pub(super) type Board = [Option<Symbol>; CELLS];

/// The cells that were taken, in order: X begins, and they take turns. All else follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Moves(Vec<u8>);

impl Moves {
    pub(super) fn board(&self) -> Board {
        let mut board = [None; CELLS];
        for (n, cell) in self.0.iter().enumerate() {
            if let Some(cell) = board.get_mut(usize::from(*cell)) {
                *cell = Some(whose(n));
            }
        }
        board
    }

    pub(super) fn winner(&self) -> Option<Symbol> {
        let board = self.board();
        let mut owners = LINES.iter().map(|line| match line.map(|n| board[n]) {
            [Some(a), Some(b), Some(c)] if a == b && b == c => Some(a),
            _ => None,
        });
        owners.find_map(|owner| owner)
    }

    pub(super) fn is_draw(&self) -> bool {
        self.0.len() >= CELLS && self.winner().is_none()
    }

    /// Who has to move, if the game goes on.
    pub(super) fn turn(&self) -> Option<Symbol> {
        let over = self.0.len() >= CELLS || self.winner().is_some();
        (!over).then(|| whose(self.0.len()))
    }

    /// The last cell that this player took.
    pub(super) fn last_of(&self, symbol: Symbol) -> Option<u8> {
        let moves = self.0.iter().enumerate().rev();
        let mut own = moves.filter(|(n, _)| whose(*n) == symbol);
        own.next().map(|(_, cell)| *cell)
    }

    /// The moves with one more, if it is legal.
    pub(super) fn with(&self, symbol: Symbol, cell: u8) -> Result<Self, Illegal> {
        let board = self.board();
        let at = board.get(usize::from(cell)).ok_or(Illegal::OutOfRange)?;
        let turn = self.turn().ok_or(Illegal::Over)?;
        if turn != symbol {
            return Err(Illegal::NotYourTurn);
        }
        if at.is_some() {
            return Err(Illegal::Taken);
        }
        let mut moves = self.clone();
        moves.0.push(cell);
        Ok(moves)
    }
}

/// Who makes the `n`-th move.
fn whose(n: usize) -> Symbol {
    match n % 2 {
        0 => Symbol::X,
        _ => Symbol::O,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Symbol::*, *};

    /// What a board looks like to somebody who knows nothing of `LINES`.
    fn has_three(board: &Board, symbol: Symbol) -> bool {
        let at = |row: usize, column: usize| board[3 * row + column] == Some(symbol);
        let row = |n| (0..3).all(|m| at(n, m));
        let column = |n| (0..3).all(|m| at(m, n));
        (0..3).any(|n| row(n) || column(n))
            || (0..3).all(|n| at(n, n))
            || (0..3).all(|n| at(n, 2 - n))
    }

    fn check(moves: &Moves) {
        let board = moves.board();
        let won = [X, O].map(|symbol| has_three(&board, symbol));
        assert_ne!(won, [true, true], "{moves:?}");
        let winner = match won {
            [true, _] => Some(X),
            [_, true] => Some(O),
            _ => None,
        };
        let full = board.iter().all(Option::is_some);
        assert_eq!(moves.winner(), winner, "{moves:?}");
        assert_eq!(moves.is_draw(), full && winner.is_none(), "{moves:?}");
        assert_eq!(moves.turn().is_none(), full || winner.is_some());
        for cell in [9, 10, 255] {
            for symbol in [X, O] {
                assert_eq!(moves.with(symbol, cell), Err(Illegal::OutOfRange));
            }
        }
    }

    /// Games that X wins, that O wins, and draws.
    type Ended = [usize; 3];

    /// Plays on in all ways, and tries everything that is not legal on the way. Returns how all these
    /// games end; `seen` are the boards for which that is known.
    fn explore(moves: &Moves, seen: &mut HashMap<String, Ended>) -> Ended {
        let board = moves.board();
        let key = format!("{board:?}");
        if let Some(ended) = seen.get(&key) {
            return *ended;
        }
        check(moves);
        let ended = match moves.turn() {
            Some(turn) => explore_moves(moves, turn, seen),
            None => {
                for (cell, symbol) in (0..9).flat_map(|cell| [(cell, X), (cell, O)]) {
                    assert_eq!(moves.with(symbol, cell), Err(Illegal::Over));
                }
                let winner = moves.winner();
                [Some(X), Some(O), None].map(|how| usize::from(winner == how))
            }
        };
        seen.insert(key, ended);
        ended
    }

    fn explore_moves(moves: &Moves, turn: Symbol, seen: &mut HashMap<String, Ended>) -> Ended {
        let mut ended = [0; 3];
        for cell in 0..9 {
            let early = moves.with(turn.other(), cell);
            assert_eq!(early, Err(Illegal::NotYourTurn));
            let mut expected = moves.board();
            if expected[usize::from(cell)].is_some() {
                assert_eq!(moves.with(turn, cell), Err(Illegal::Taken));
                continue;
            }
            let next = moves.with(turn, cell).unwrap();
            expected[usize::from(cell)] = Some(turn);
            assert_eq!(next.board(), expected);
            assert_eq!(next.last_of(turn), Some(cell));
            assert_eq!(next.last_of(turn.other()), moves.last_of(turn.other()));
            let further = explore(&next, seen);
            ended = [0, 1, 2].map(|n| ended[n] + further[n]);
        }
        ended
    }

    #[test]
    fn all_games_that_can_be_played_follow_the_rules() {
        let mut seen = HashMap::new();
        let ended = explore(&Moves::default(), &mut seen);
        // Known of the game: 255,168 ways to play it, over 5,478 boards.
        assert_eq!(ended, [131_184, 77_904, 46_080]);
        assert_eq!(seen.len(), 5_478);
    }

    #[test]
    fn each_line_wins() {
        for line in LINES {
            let mut others = (0..9).filter(|cell| !line.contains(cell));
            let mut moves = Moves::default();
            for cell in line {
                moves = moves.with(X, cell as u8).unwrap();
                if moves.turn().is_some() {
                    moves = moves.with(O, others.next().unwrap() as u8).unwrap();
                }
            }
            assert_eq!((moves.winner(), moves.is_draw()), (Some(X), false));
        }
    }

    #[test]
    fn moves_survive_their_text_form() {
        let moves = Moves::default().with(X, 4).unwrap().with(O, 0).unwrap();
        let text = serde_json::to_string(&moves).unwrap();
        assert_eq!(text, "[4,0]");
        assert_eq!(serde_json::from_str::<Moves>(&text).unwrap(), moves);
        let board = serde_json::to_string(&moves.board()).unwrap();
        assert_eq!(board, r#"["O",null,null,null,"X",null,null,null,null]"#);
    }
}
