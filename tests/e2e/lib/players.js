// Players of `/game`.

import { fresh } from "./names.js";
import { DIRECT } from "./routes.js";

/** Somebody who is connected to `/game`. */
export const player = (cluster, t, name, options = {}) => cluster.user(t, name, { namespace: "/game", ...options });

/** Two who play each other: the first is X, and moves first. The test's other players must not look for a match. */
export async function pair(cluster, t, { route = DIRECT, nodes = [0, 1] } = {}) {
  const [x, o] = [await player(cluster, t, "ann", { route, node: nodes[0] }), await player(cluster, t, "ben", { route, node: nodes[1] })];
  await x.ok("find-match");
  await o.ok("find-match");
  const [{ gameId }] = await x.next("match-found");
  for (const one of [x, o]) await one.next("game-state", { gameId });
  return { x, o, gameId };
}

/** Makes these moves in turn, X first; both have seen each before the next. */
export async function play({ x, o, gameId }, ...cells) {
  for (const [n, cell] of cells.entries()) {
    await [x, o][n % 2].ok("move", { gameId, cell });
    for (const one of [x, o]) await one.next("game-state", { gameId, board: (board) => board[cell] !== null });
  }
}

/** What a board looks like after these moves, X first. */
export function boardOf(...cells) {
  const board = Array(9).fill(null);
  for (const [n, cell] of cells.entries()) board[cell] = "XO"[n % 2];
  return board;
}

/** An id that no game has. */
export const noGame = () => fresh("g").replace(/[^A-Za-z0-9]/g, "").padEnd(16, "0").slice(0, 16);
