// A game of tic-tac-toe, from whatever is told of it, and one's own move on its way. Pure.
import type { Failure } from "./connection";

export type Mark = "X" | "O";
export type Cell = Mark | null;

export interface Opponent {
  userId: string;
  username: string;
}

/** `unknown`: the server does not know it any more. */
export type Reason = "win" | "draw" | "forfeit" | "unknown";

/** One's own move on its way. `made`: acknowledged, and not seen on the board yet. */
export interface Pending {
  cell: number;
  state: "sending" | "waiting" | "made";
}

export interface Game {
  id: string;
  mine: Mark;
  opponent: Opponent;
  board: Cell[];
  turn: Mark | null;
  /** The board has been told. */
  known: boolean;
  /** The cell taken last, where that can be known. */
  last: number | null;
  over: { winner: Mark | null; reason: Reason } | null;
  pending: Pending | null;
  /** A move that was taken back, and why. */
  refused: { cell: number; error: Failure } | null;
  /** When the opponent's grace ends, by this machine's clock. */
  awayUntil: number | null;
}

export interface ToldFound {
  gameId: string;
  symbol: Mark;
  opponent: Opponent;
}
export interface ToldState {
  gameId: string;
  board: Cell[];
  turn: Mark | null;
  winner: Mark | null;
  draw: boolean;
}
export interface ToldOver {
  gameId: string;
  winner: Mark | null;
  reason: Reason;
}

const LINES = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];

export const other = (mark: Mark): Mark => (mark === "X" ? "O" : "X");
const count = (board: Cell[], mark: Mark) => board.filter((cell) => cell === mark).length;

/** Three in a row; none where nobody has them. */
export const winningLine = (board: Cell[]): number[] | null =>
  LINES.find(([a, b, c]) => board[a!] && board[a!] === board[b!] && board[a!] === board[c!]) ?? null;

/** Told on each connection: of a game that is known already, it says nothing new. */
export function found(before: Game | null, { gameId, symbol, opponent }: ToldFound): Game {
  // Whether the opponent is away is not told to one who comes back.
  if (before?.id === gameId) return { ...before, mine: symbol, opponent, awayUntil: null };
  return {
    id: gameId, mine: symbol, opponent, board: Array<Cell>(9).fill(null), turn: null, known: false, last: null,
    over: null, pending: null, refused: null, awayUntil: null,
  };
}

/** The last that comes is how the game is, whatever came before. */
export function seen(game: Game, { board, turn, winner, draw }: ToldState): Game {
  const { pending, mine } = game;
  const theirs = board.some((cell, i) => cell === other(mine) && game.board[i] === null);
  const line = winningLine(board);
  const over = turn !== null ? null : (game.over ?? (line || draw ? { winner, reason: draw ? "draw" : "win" } : null));
  const next: Game = { ...game, board, turn, known: true, over, last: lastOf(game, board), awayUntil: theirs || over ? null : game.awayUntil };
  if (!pending) return next;
  if (board[pending.cell] === mine) return { ...next, pending: null, refused: null };
  if (board[pending.cell] !== null) return takenBack(next, pending.cell, { code: "cell_taken", message: "Cell is taken", retryable: false });
  return over ? { ...next, pending: null } : next;
}

/** Only the newest move is told by the difference; after a reload, where there is but one of its mark. */
function lastOf(before: Game, board: Cell[]): number | null {
  const mover: Mark = count(board, "X") > count(board, "O") ? "X" : "O";
  const cells = (fits: (i: number) => boolean) => board.flatMap((cell, i) => (cell === mover && fits(i) ? [i] : []));
  const fresh = cells((i) => before.board[i] === null);
  if (fresh.length === 1) return fresh[0]!;
  const all = cells(() => true);
  if (all.length === 1) return all[0]!;
  const kept = before.last;
  return !fresh.length && kept !== null && board[kept] === mover ? kept : null;
}

export const ended = (game: Game, { winner, reason }: ToldOver): Game => ({
  ...game, turn: null, over: { winner, reason }, pending: null, awayUntil: null,
});

export const away = (game: Game, grace: number, now: number): Game => (game.over ? game : { ...game, awayUntil: now + grace });
export const back = (game: Game): Game => ({ ...game, awayUntil: null });

/** It was to be told after connecting, and was not. */
export const forgotten = (game: Game): Game => (game.over ? game : ended(game, { gameId: game.id, winner: null, reason: "unknown" }));

// ---- one's own move ----------------------------------------------------------------------------

/** Why a cell cannot be taken now; empty if it can. */
export function hindrance(game: Game, cell: number): "" | "over" | "pending" | "turn" | "taken" {
  if (game.over) return "over";
  if (game.board[cell] !== null) return "taken";
  if (game.pending) return "pending";
  return game.turn === game.mine ? "" : "turn";
}

/** Drawn at once. */
export const play = (game: Game, cell: number): Game =>
  hindrance(game, cell) ? game : { ...game, pending: { cell, state: "sending" }, refused: null };

/** What became of it; an answer to another move than the one on its way says nothing. */
export function answered(game: Game, cell: number, error?: Failure): Game {
  if (game.pending?.cell !== cell) return game;
  if (!error) return { ...game, pending: { cell, state: "made" } };
  if (error.retryable) return { ...game, pending: { cell, state: "waiting" } };
  if (error.code === "game_not_found") return forgotten(game);
  return takenBack(game, cell, error);
}

const takenBack = (game: Game, cell: number, error: Failure): Game => ({ ...game, pending: null, refused: { cell, error } });

/** Whether a move on its way is to be sent once more. One that was made is a repeat, which is allowed. */
export const unsent = ({ pending }: Game): boolean => pending !== null && pending.state !== "made";

/** What is drawn in a cell. */
export const drawn = ({ board, pending, mine }: Game, cell: number): Cell => board[cell] ?? (pending?.cell === cell ? mine : null);

// ---- in words ----------------------------------------------------------------------------------

export const running = (game: Game | null): game is Game => game !== null && game.known && !game.over;
export const isMyTurn = (game: Game) => running(game) && game.turn === game.mine && !game.pending;

/** Whole seconds until the opponent has lost; `null` while the opponent is there. */
export const countdown = ({ awayUntil }: Game, now: number): number | null =>
  awayUntil === null ? null : Math.max(0, Math.ceil((awayUntil - now) / 1000));

export type Result = "won" | "lost" | "draw";
export function result({ over, mine }: Game): Result | null {
  if (!over || over.reason === "unknown") return null;
  return over.winner === null ? "draw" : over.winner === mine ? "won" : "lost";
}

export const place = (cell: number) => `row ${Math.floor(cell / 3) + 1}, column ${(cell % 3) + 1}`;

/** What a reader hears on a cell. */
export function label(game: Game, cell: number): string {
  const mark = drawn(game, cell);
  const words = [place(cell), mark ? `${mark}, ${mark === game.mine ? "yours" : game.opponent.username}` : "empty"];
  if (game.pending?.cell === cell && game.pending.state !== "made") words.push("on its way");
  else if (game.last === cell) words.push("last move");
  if (game.over && winningLine(game.board)?.includes(cell)) words.push("in the winning line");
  return words.join(", ");
}

/** How it ended. */
export function verdict(game: Game): { title: string; text: string } {
  const { over, opponent, mine } = game;
  const name = opponent.username;
  if (over?.reason === "unknown") return { title: "This game has ended", text: "The server does not know it any more, so nobody has won." };
  switch (result(game)) {
    case "won":
      return { title: "You won", text: over!.reason === "forfeit" ? `${name} has left or given up.` : "Three in a row." };
    case "lost":
      return { title: "You lost", text: over!.reason === "forfeit" ? `You left or gave up, so ${name} wins.` : `${name} has three ${other(mine)} in a row.` };
    default:
      return { title: "A draw", text: "The board is full, and nobody has three in a row." };
  }
}

/** What a reader is told when something has changed. */
export function spoken(before: Game | null, game: Game): string {
  const words: string[] = [];
  const { last, board, mine, opponent } = game;
  if (last !== null && board[last] && (before?.id !== game.id || last !== before.last)) {
    words.push(`${board[last] === mine ? "You" : opponent.username} took ${place(last)}.`);
  }
  if (game.over) {
    const { title, text } = verdict(game);
    words.push(`${title}. ${text}`);
  } else if (game.awayUntil !== null) {
    words.push(`${opponent.username} is away. You win if they do not come back within seconds.`);
  } else if (game.known && game.turn && !game.pending) {
    if (before?.awayUntil) words.push(`${opponent.username} is back.`);
    words.push(game.turn === mine ? `Your turn, you are ${mine}.` : `${opponent.username}'s turn.`);
  }
  return words.join(" ");
}

// ---- games of this device ----------------------------------------------------------------------

export interface Played {
  id: string;
  opponent: Opponent;
  result: Result;
  forfeit: boolean;
  at: number;
}

/** Each game once, the newest first. */
export function entered(all: Played[], game: Game, at: number, most: number): Played[] {
  const ending = result(game);
  if (!ending || all.some(({ id }) => id === game.id)) return all;
  return [{ id: game.id, opponent: game.opponent, result: ending, forfeit: game.over!.reason === "forfeit", at }, ...all].slice(0, most);
}

export const tally = (all: Played[]): Record<Result, number> => {
  const sum = { won: 0, lost: 0, draw: 0 };
  for (const { result } of all) sum[result]++;
  return sum;
};
