import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  answered, away, back, countdown, drawn, ended, entered, forgotten, found, hindrance, isMyTurn, label, play, result, running, seen,
  spoken, tally, unsent, verdict, winningLine, type Cell, type Game, type Mark,
} from "./tictactoe";

const cells = (text: string): Cell[] => [...text].map((one) => (one === "." ? null : (one as Mark)));
const begin = (symbol: Mark = "X") => found(null, { gameId: "g", symbol, opponent: { userId: "ben", username: "Ben" } });
const shows = (game: Game, board: string, turn: Mark | null, winner: Mark | null = null, draw = false) =>
  seen(game, { gameId: "g", board: cells(board), turn, winner, draw });
const failure = (code: string, retryable = false) => ({ code, message: code, retryable });
const begun = (symbol?: Mark) => shows(begin(symbol), ".........", "X");

suite("a game", () => {
  test("goes on from when its board is told", () => {
    assert.equal(running(begin()), false);
    assert.equal(running(begun()), true);
    assert.deepEqual([isMyTurn(begun("X")), isMyTurn(begun("O"))], [true, false]);
  });

  test("told once more on a new connection keeps what is known, but not who is away", () => {
    const game = away(shows(begun(), "X...O....", "X"), 5_000, 0);
    const again = found(game, { gameId: "g", symbol: "X", opponent: game.opponent });
    assert.deepEqual(again, { ...game, awayUntil: null });
    assert.equal(found(game, { gameId: "other", symbol: "O", opponent: game.opponent }).known, false);
  });

  test("is as the last telling says, also where that is an older one", () => {
    let game = shows(begun(), "X........", "O");
    game = shows(game, ".........", "X");
    assert.equal(game.board[0], null);
    assert.equal(game.last, null);
    assert.equal(shows(game, "X...O....", "X").last, 4);
  });

  test("marks the last move, where it can be known", () => {
    let game = shows(begun(), "X........", "O");
    assert.equal(game.last, 0);
    game = shows(game, "X...O....", "X");
    assert.equal(game.last, 4);
    assert.equal(shows(game, "X...O....", "X").last, 4);
    // Both moves were missed: the last one is of who does not move next.
    assert.equal(shows(game, "X.X.O.O..", "X").last, 6);
    assert.equal(shows(begin(), "X.X.O.O..", "X").last, null);
  });

  test("ends with three in a row, full, given up, or unknown", () => {
    const won = shows(begun(), "XXXOO....", null, "X");
    assert.deepEqual([won.over, result(won), winningLine(won.board)], [{ winner: "X", reason: "win" }, "won", [0, 1, 2]]);
    assert.equal(result({ ...won, mine: "O" }), "lost");
    const full = shows(begun(), "XOXXOOOXX", null, null, true);
    assert.deepEqual([full.over?.reason, result(full), winningLine(full.board)], ["draw", "draw", null]);
    const left = ended(begun(), { gameId: "g", winner: "X", reason: "forfeit" });
    assert.deepEqual([result(left), verdict(left).text], ["won", "Ben has left or given up."]);
    assert.equal(result(forgotten(begun())), null);
    assert.equal(forgotten(left), left);
  });
});

suite("one's own move", () => {
  test("is drawn at once, and stands when it is told or acknowledged", () => {
    const sent = play(begun(), 4);
    assert.deepEqual([drawn(sent, 4), sent.board[4], isMyTurn(sent), unsent(sent)], ["X", null, false, true]);
    const made = answered(sent, 4);
    assert.deepEqual([drawn(made, 4), unsent(made)], ["X", false]);
    for (const before of [sent, made]) assert.deepEqual([shows(before, "....X....", "O").pending, shows(before, "....X....", "O").last], [null, 4]);
  });

  test("that is not allowed changes nothing", () => {
    const game = shows(begun(), "X...O....", "X");
    assert.equal(hindrance(game, 0), "taken");
    assert.equal(hindrance(play(game, 1), 2), "pending");
    assert.equal(hindrance({ ...game, turn: "O" }, 2), "turn");
    assert.equal(hindrance(ended(game, { gameId: "g", winner: null, reason: "draw" }), 2), "over");
    for (const one of [game, play(game, 1)]) assert.equal(play(one, 0), one);
  });

  test("is taken back with the reason, where it is refused", () => {
    const game = answered(play(begun(), 4), 4, failure("not_your_turn"));
    assert.deepEqual([game.pending, drawn(game, 4), game.refused?.error.code], [null, null, "not_your_turn"]);
    const overtaken = shows(play(begun(), 4), "X...O....", "X");
    assert.deepEqual([overtaken.pending, overtaken.refused?.error.code], [null, "cell_taken"]);
    assert.equal(play(game, 3).refused, null);
  });

  test("waits where no answer has come, and an older board does not take it away", () => {
    let game = answered(play(begun(), 4), 4, failure("no_answer", true));
    assert.equal(game.pending?.state, "waiting");
    game = shows(game, ".........", "X");
    assert.deepEqual([drawn(game, 4), unsent(game)], ["X", true]);
    assert.equal(answered(game, 5), game, "an answer to another one");
    assert.equal(answered(game, 4, failure("game_not_found")).over?.reason, "unknown");
  });
});

suite("the opponent's absence", () => {
  test("is counted down in whole seconds, and ends with coming back, a move, or the game", () => {
    const gone = away(shows(begun(), "X........", "O"), 5_000, 1_000);
    assert.deepEqual([1_000, 1_001, 2_000, 5_999, 6_000, 9_000].map((now) => countdown(gone, now)), [5, 5, 4, 1, 0, 0]);
    for (const there of [back(gone), shows(gone, "X...O....", "X"), ended(gone, { gameId: "g", winner: "X", reason: "forfeit" })]) {
      assert.equal(countdown(there, 2_000), null);
    }
  });
});

suite("in words", () => {
  test("a cell says where it is, whose, and what is special", () => {
    let game = shows(begun(), "X...O....", "X");
    assert.equal(label(game, 1), "row 1, column 2, empty");
    assert.equal(label(game, 4), "row 2, column 2, O, Ben, last move");
    game = play(game, 1);
    assert.equal(label(game, 1), "row 1, column 2, X, yours, on its way");
    assert.match(label(shows(begun(), "XXXOO....", null, "X"), 2), /in the winning line$/);
  });

  test("what has changed is said once", () => {
    const game = begun();
    assert.equal(spoken(null, game), "Your turn, you are X.");
    const moved = shows(game, "X........", "O");
    assert.equal(spoken(game, moved), "You took row 1, column 1. Ben's turn.");
    const gone = away(moved, 5_000, 0);
    assert.match(spoken(moved, gone), /Ben is away/);
    assert.equal(spoken(gone, back(gone)), "Ben is back. Ben's turn.");
    assert.equal(spoken(moved, shows(moved, "X...O....", "X")), "Ben took row 2, column 2. Your turn, you are X.");
    assert.equal(spoken(game, shows(game, "XXXOO....", null, "X")), "You won. Three in a row.");
  });
});

test("each game is kept once, the newest first", () => {
  const won = shows(begun(), "XXXOO....", null, "X");
  let all = entered([], won, 1, 2);
  assert.equal(entered(all, won, 2, 2), all);
  for (const id of ["h", "i"]) all = entered(all, { ...won, id, mine: "O" }, 3, 2);
  assert.deepEqual([all.map(({ id }) => id), tally(all)], [["i", "h"], { won: 0, lost: 2, draw: 0 }]);
  assert.equal(entered(all, forgotten(begun()), 4, 2), all);
});
