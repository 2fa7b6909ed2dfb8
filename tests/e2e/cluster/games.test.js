// Fifty games at once, with moves of all kinds, and a node that is killed half way: whatever anybody is told
// is a state that the rules allow, and every game comes to an end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { Client } from "../lib/client.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { noGame } from "../lib/players.js";
import { until } from "../lib/until.js";

const PLAYERS = 100;
const SEED = Number(process.env.STARLING_SEED ?? Date.now() % 1_000_000);
const THINKS_MS = 40;
const ENDS_WITHIN_MS = 90_000;
const LINES = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];
const LEGAL = new Set(["invalid_payload", "game_not_found", "not_your_turn", "cell_taken", "game_over"]);

const cluster = useCluster({ nodes: 3 });

/** mulberry32: the same numbers for the same seed. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const count = (board, symbol) => board.filter((cell) => cell === symbol).length;
const wins = (board, symbol) => LINES.some((line) => line.every((n) => board[n] === symbol));

/** What the rules allow, said anew. `over`: how the game ended. */
function assertLegal({ board, turn, winner, draw }, over) {
  const what = JSON.stringify({ board, turn, winner, draw });
  assert.equal(board.length, 9, what);
  assert.ok(board.every((cell) => cell === null || cell === "X" || cell === "O"), what);
  const [x, o] = [count(board, "X"), count(board, "O")];
  assert.ok(x === o || x === o + 1, what);
  const won = ["X", "O"].filter((symbol) => wins(board, symbol));
  assert.ok(won.length <= 1, what);
  if (won[0] === "X") assert.equal(x, o + 1, what);
  if (won[0] === "O") assert.equal(x, o, what);
  assert.equal(draw, x + o === 9 && won.length === 0, what);
  const goesOn = won.length === 0 && !draw;
  const forfeited = over.reason === "forfeit" && turn === null && goesOn;
  if (forfeited) return assert.equal(winner, over.winner, what);
  assert.equal(winner, won[0] ?? null, what);
  assert.equal(turn, goesOn ? (x === o ? "X" : "O") : null, what);
}

class Player {
  over;
  away = false;
  lost = 0;
  illegal = 0;
  unanswered = 0;
  failures = [];
  states = [];

  constructor(t, n) {
    const id = fresh("player");
    const auth = { token: cluster.token({ userId: id, username: id }) };
    const url = `${cluster.nodes[n % 3].url}/game`;
    this.client = new Client(url, { id, username: id, auth, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 300 });
    this.random = random(SEED + n);
    t.after(() => this.client.close());
    const { socket } = this.client;
    // It was told another game before, where a match came to nothing.
    socket.on("match-found", (found) => found.gameId !== this.gameId && this.#begin(found));
    socket.on("game-state", (state) => this.states.push(state));
    socket.on("game-over", (over) => (this.over = over));
    socket.on("disconnect", () => this.lost++);
  }

  #begin({ gameId, symbol, opponent }) {
    assert.equal(this.gameId, undefined, "one game each");
    Object.assign(this, { gameId, symbol, opponent });
  }

  /** Does not come back, once its node is gone. */
  stayAway() {
    this.away = true;
    this.client.socket.io.reconnection(false);
  }

  /** Elsewhere, if the node is gone. */
  moveTo(url) {
    this.client.socket.io.uri = url;
  }

  async match() {
    await until(() => this.#try("find-match"), `${this.client.id} may look for a match`, 30_000);
    await until(() => this.gameId, `${this.client.id} has a match`, 30_000);
  }

  async play() {
    const began = performance.now();
    while (!this.over && !this.away && performance.now() < began + ENDS_WITHIN_MS) {
      await this.#move();
      await pause(this.random() * 2 * THINKS_MS);
    }
  }

  /** Most moves are tries that the rules may or may not allow; some are nonsense. */
  async #move() {
    const cell = Math.floor(this.random() * 9);
    const moves = [
      { gameId: this.gameId, cell: 9 + cell },
      { gameId: this.gameId, cell: String(cell) },
      { gameId: noGame(), cell },
      { gameId: this.opponent, cell },
    ];
    const nonsense = this.random() < 0.2;
    const move = nonsense ? moves[cell % 4] : { gameId: this.gameId, cell };
    if ((await this.#try("move", move)) && nonsense) this.failures.push(`allowed: ${JSON.stringify(move)}`);
  }

  async #try(event, payload) {
    const { socket } = this.client;
    if (!socket.connected) return false;
    const answer = await socket.timeout(3_000).emitWithAck(event, payload).catch(() => undefined);
    if (answer === undefined) this.unanswered++;
    else if (!answer.ok && LEGAL.has(answer.error.code)) this.illegal++;
    else if (!answer.ok && !answer.error.retryable) this.failures.push(JSON.stringify(answer.error));
    return answer?.ok;
  }
}

/** All that both were told of their game fits together. */
function check(one, other) {
  assert.deepEqual([one.opponent.userId, other.opponent.userId], [other.client.id, one.client.id]);
  assert.deepEqual([one.symbol, other.symbol].sort(), ["O", "X"]);
  assert.deepEqual(one.over, other.over);
  const { winner, reason } = one.over;
  const states = [...one.states, ...other.states];
  for (const state of states) {
    assert.equal(state.gameId, one.gameId);
    assertLegal(state, one.over);
  }
  // Each state comes from the one before by one more move: all of them are on one way.
  const byMoves = new Map();
  for (const { board } of states) {
    const moves = 9 - count(board, null);
    assert.deepEqual(board, byMoves.get(moves) ?? board, "one board after so many moves");
    byMoves.set(moves, board);
  }
  const way = [...byMoves].sort(([a], [b]) => a - b).map(([, board]) => board);
  for (const [n, board] of way.entries()) {
    assert.ok(n === 0 || way[n - 1].every((cell, i) => cell === null || cell === board[i]), "nothing is taken back");
  }
  const [last] = way.slice(-1);
  if (reason === "win") assert.ok(wins(last, winner));
  if (reason === "draw") assert.deepEqual([winner, last.includes(null)], [null, false]);
}

test("50 games at once through the death of a node: no illegal state, and none is stuck", { timeout: 240_000 }, async (t) => {
  t.diagnostic(`STARLING_SEED=${SEED}`);
  t.after(() => cluster.revive());
  const players = Array.from({ length: PLAYERS }, (_, n) => new Player(t, n));
  await Promise.all(players.map(({ client }) => client.ready()));
  const began = performance.now();
  await Promise.all(players.map((player) => player.match()));
  t.diagnostic(`all have a match after ${Math.round(performance.now() - began)} ms`);
  const playing = Promise.all(players.map((player) => player.play()));
  const moves = () => players.reduce((sum, { states }) => sum + Math.max(0, ...states.map(({ board }) => 9 - count(board, null))), 0);
  await until(() => moves() >= PLAYERS * 2, "the games are half way", 60_000);
  const [dead, , alive] = cluster.nodes;
  // All but every tenth of those who were on it come back.
  const there = players.filter((_, n) => n % 3 === 0);
  for (const [n, player] of there.entries()) {
    if (n % 10 === 0 && !player.over) player.stayAway();
    else player.moveTo(alive.url);
  }
  await cluster.signal(dead, "SIGKILL");
  await playing;

  const games = new Map();
  for (const player of players) games.set(player.gameId, [...(games.get(player.gameId) ?? []), player]);
  assert.equal(games.size, PLAYERS / 2);
  const failures = players.flatMap(({ failures }) => failures);
  assert.deepEqual(failures, []);
  const reasons = {};
  for (const [one, other] of games.values()) {
    // Who stayed away cannot have been told.
    const told = [one, other].filter(({ over }) => over);
    for (const player of [one, other]) assert.ok(player.over || player.away, `${player.client.id} is stuck`);
    if (told.length === 0) continue;
    for (const player of [one, other]) player.over ??= told[0].over;
    check(one, other);
    reasons[one.over.reason] = (reasons[one.over.reason] ?? 0) + 1;
  }
  const sum = (key) => players.reduce((all, player) => all + player[key], 0);
  t.diagnostic(`${JSON.stringify(reasons)}, ${sum("lost")} connections lost, ${sum("illegal")} moves refused, ${sum("unanswered")} unanswered`);
  assert.ok(sum("lost") > 0 && sum("illegal") > 0);
});
