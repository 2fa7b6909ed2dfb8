// EVENTS.md, "/game": tic-tac-toe between two users, on whatever nodes.
//
// There is one queue of those who want to play, so these tests run one after the other.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { boardOf, noGame, pair, play, player } from "../lib/players.js";
import { onEveryRoute } from "../lib/routes.js";
import { holds, until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3 });
const EVENTS = ["match-found", "game-state", "game-over", "opponent-disconnected", "opponent-reconnected"];

/** What a client was told of games, in order. */
const told = (client) => client.log.filter(({ event }) => EVENTS.includes(event)).map(({ event, args }) => [event, ...args]);

onEveryRoute((route) => {
  test("two who look for a match play each other to the end, on two nodes", async (t) => {
    const x = await player(cluster, t, "ann", { route, node: 0 });
    const o = await player(cluster, t, "ben", { route, node: 1 });
    assert.deepEqual(await x.ok("find-match"), { ok: true, waiting: true });
    const { gameId, ...ack } = await o.ok("find-match");
    assert.deepEqual(ack, { ok: true, waiting: false });
    assert.match(gameId, /^[A-Za-z0-9]{16}$/);
    await play({ x, o, gameId }, 4, 0, 2, 6, 3, 5, 1, 7, 8);
    const cells = [4, 0, 2, 6, 3, 5, 1, 7, 8];
    const states = Array.from({ length: 10 }, (_, n) => {
      const turn = n === 9 ? null : "XO"[n % 2];
      return ["game-state", { gameId, board: boardOf(...cells.slice(0, n)), turn, winner: null, draw: n === 9 }];
    });
    const over = ["game-over", { gameId, winner: null, reason: "draw" }];
    const found = (symbol, { id, username }) => ["match-found", { gameId, symbol, opponent: { userId: id, username } }];
    for (const one of [x, o]) await one.next("game-over", { gameId });
    assert.deepEqual(told(x), [found("X", o), ...states, over]);
    assert.deepEqual(told(o), [found("O", x), ...states, over]);
  });
});

test("three in a row win, and then the game is over", async (t) => {
  const game = await pair(cluster, t, { nodes: [2, 1] });
  const { x, o, gameId } = game;
  await play(game, 0, 3, 1, 4, 2);
  const state = { gameId, board: boardOf(0, 3, 1, 4, 2), turn: null, winner: "X", draw: false };
  for (const one of [x, o]) {
    assert.deepEqual(one.all("game-state").at(-1), state);
    assert.deepEqual(await one.next("game-over"), [{ gameId, winner: "X", reason: "win" }]);
  }
  assert.equal((await o.refused("move", { gameId, cell: 8 })).code, "game_over");
  // Both may play on, with whomever.
  await x.ok("find-match");
  await o.ok("find-match");
  const [next] = await x.next("match-found", { gameId: (id) => id !== gameId });
  await o.next("match-found", { gameId: next.gameId, symbol: "O" });
});

test("what is no legal move is refused by its reason and changes nothing", async (t) => {
  const game = await pair(cluster, t);
  const { x, o, gameId } = game;
  const eve = await player(cluster, t, "eve", { node: 2 });
  await play(game, 4, 0);
  const before = [x, o].map((one) => told(one).length);
  const cases = [
    [o, "not_your_turn", { gameId, cell: 8 }],
    [x, "cell_taken", { gameId, cell: 0 }],
    [o, "not_your_turn", { gameId, cell: 4 }],
    [x, "invalid_payload", { gameId, cell: 9 }],
    [x, "invalid_payload", { gameId, cell: -1 }],
    [x, "invalid_payload", { gameId, cell: 1.5 }],
    [x, "invalid_payload", { gameId, cell: "1" }],
    [x, "invalid_payload", { gameId, cell: null }],
    [x, "invalid_payload", { gameId, cell: [1] }],
    [x, "invalid_payload", { gameId }],
    [x, "invalid_payload", { gameId: 7, cell: 1 }],
    [x, "invalid_payload", { cell: 1 }],
    [x, "invalid_payload", "move"],
    [x, "invalid_payload", null],
    [x, "game_not_found", { gameId: noGame(), cell: 1 }],
    [x, "game_not_found", { gameId: "", cell: 1 }],
    [x, "game_not_found", { gameId: `${gameId}x`, cell: 1 }],
    [x, "game_not_found", { gameId: "a}:{b\n*#@!~", cell: 1 }],
    [eve, "game_not_found", { gameId, cell: 1 }],
  ];
  for (const [who, code, move] of cases) {
    const error = await who.refused("move", move);
    assert.deepEqual([error.code, error.retryable], [code, false], JSON.stringify(move));
  }
  x.send("move", { gameId, cell: 0 });
  assert.deepEqual(await x.next("error"), [{ code: "cell_taken", message: "Cell is taken", event: "move" }]);
  // The acknowledgement of a move may have been lost: its repeat is one.
  await x.ok("move", { gameId, cell: 4 });
  await o.ok("move", { gameId, cell: 0 });
  assert.deepEqual([x, o].map((one) => told(one).length), before);
  await x.ok("move", { gameId, cell: 8 });
  for (const one of [x, o]) await one.next("game-state", { board: (board) => board[8] === "X" });
  assert.deepEqual(x.all("game-state").at(-1).board, boardOf(4, 0, 8));
  assert.deepEqual(told(eve), []);
});

test("of many moves at once on two devices of a player one is made", async (t) => {
  const { x, o, gameId } = await pair(cluster, t);
  const laptop = await player(cluster, t, "ann", { node: 2, id: x.id });
  const all = Array.from({ length: 9 }, (_, cell) => [x, laptop].map((one) => one.ask("move", { gameId, cell })));
  const made = (await Promise.all(all.flat())).filter(({ ok }) => ok);
  assert.ok(made.length >= 1 && made.length <= 2, "the same cell on both is one move");
  const [state] = await o.next("game-state", { turn: "O" });
  assert.equal(state.board.filter((cell) => cell === "X").length, 1);
  assert.equal(state.board.filter((cell) => cell === "O").length, 0);
});

test("all devices of a player hear the game and may play it; nobody plays with themselves", async (t) => {
  const phone = await player(cluster, t, "ann");
  const laptop = await player(cluster, t, "ann", { node: 1, id: phone.id });
  await phone.ok("find-match");
  assert.deepEqual(await laptop.ok("find-match"), { ok: true, waiting: true });
  const o = await player(cluster, t, "ben", { node: 2 });
  const { gameId } = await o.ok("find-match");
  await laptop.next("match-found", { gameId, symbol: "X" });
  await laptop.ok("move", { gameId, cell: 4 });
  await phone.next("game-state", { gameId, turn: "O" });
  await o.next("game-state", { gameId, turn: "O" });
  assert.equal((await phone.refused("move", { gameId, cell: 5 })).code, "not_your_turn");
  // One of the devices stays, so nobody is gone.
  phone.drop();
  await holds(() => told(o).every(([event]) => event !== "opponent-disconnected"), "the laptop is there", 1_000);
  assert.deepEqual(await laptop.ok("find-match"), { ok: true, waiting: false, gameId }, "one game at a time");
  assert.equal(laptop.all("match-found").length, 2);
});

test("who comes back within the grace, on another node, goes on", async (t) => {
  const game = await pair(cluster, t);
  const { x, o, gameId } = game;
  await play(game, 4);
  o.drop();
  assert.deepEqual(await x.next("opponent-disconnected"), [{ grace: 5_000 }]);
  const back = await player(cluster, t, "ben", { node: 2, id: o.id });
  assert.deepEqual(await x.next("opponent-reconnected"), []);
  assert.deepEqual(await back.next("match-found"), [{ gameId, symbol: "O", opponent: { userId: x.id, username: "ann" } }]);
  const state = { gameId, board: boardOf(4), turn: "O", winner: null, draw: false };
  assert.deepEqual(await back.next("game-state"), [state]);
  await holds(() => x.all("game-over").length === 0, "nobody has left", 6_500);
  await back.ok("move", { gameId, cell: 0 });
  await x.next("game-state", { board: (board) => board[0] === "O" });
  assert.deepEqual([x.all("opponent-disconnected").length, x.all("opponent-reconnected").length], [1, 1]);
});

test("who does not come back loses, once", async (t) => {
  const game = await pair(cluster, t, { nodes: [0, 2] });
  const { x, o, gameId } = game;
  const laptop = await player(cluster, t, "ben", { node: 1, id: o.id });
  await play(game, 4);
  x.drop();
  const over = { gameId, winner: "O", reason: "forfeit" };
  for (const one of [o, laptop]) {
    await one.next("opponent-disconnected");
    assert.deepEqual(await one.next("game-over"), [over]);
  }
  assert.equal((await o.refused("move", { gameId, cell: 0 })).code, "game_over");
  const late = await player(cluster, t, "ann", { node: 1, id: x.id });
  await late.next("game-state", { gameId, board: boardOf(4), winner: "O", turn: null });
  assert.deepEqual(await late.next("game-over"), [over]);
  assert.equal(o.all("game-over").length, 1);
  await until(() => laptop.all("game-over").length === 1, "once");
});

test("logout gives up at once", async (t) => {
  const { x, o, gameId } = await pair(cluster, t);
  const root = await cluster.user(t, "ann", { node: 2, id: x.id });
  await root.ok("logout");
  assert.deepEqual(await o.next("game-over", undefined, 3_000), [{ gameId, winner: "O", reason: "forfeit" }]);
});

test("leave-match gives up the game, or ends the waiting", async (t) => {
  const { x, o, gameId } = await pair(cluster, t);
  assert.deepEqual(await o.ok("leave-match"), { ok: true, gameId }, "who ends the waiting keeps the game");
  await play({ x, o, gameId }, 4);
  const third = await player(cluster, t, "cy");
  for (const id of [gameId, "0123456789abcdef", "x"]) {
    assert.equal((await third.refused("leave-match", { gameId: id })).code, "game_not_found");
  }
  assert.deepEqual(await o.ok("leave-match", { gameId }), { ok: true });
  for (const one of [x, o]) assert.deepEqual(await one.next("game-over"), [{ gameId, winner: "X", reason: "forfeit" }]);
  await x.ok("leave-match", { gameId });
  await x.ok("leave-match");
  await x.ok("find-match");
  await x.ok("leave-match");
  assert.deepEqual(await o.ok("find-match"), { ok: true, waiting: true });
  await holds(() => x.all("match-found").length === 1, "ann waits no more", 3_000);
  assert.deepEqual(await x.ok("find-match").then(({ waiting }) => waiting), false);
});

test("who waits and has gone is not played with; who came back waits on", async (t) => {
  const gone = await player(cluster, t, "gone");
  await gone.ok("find-match");
  gone.drop();
  const back = await player(cluster, t, "gone", { node: 1, id: gone.id });
  const ben = await player(cluster, t, "ben", { node: 2 });
  await ben.ok("find-match");
  const [{ gameId }] = await back.next("match-found", { opponent: { userId: ben.id } });
  await ben.ok("leave-match", { gameId });
  await back.next("game-over", { gameId });
  await back.ok("find-match");
  back.drop();
  const cy = await player(cluster, t, "cy");
  await holds(() => true, "the grace is over", 7_000);
  assert.deepEqual(await cy.ok("find-match"), { ok: true, waiting: true });
  const late = await player(cluster, t, "gone", { node: 1, id: gone.id });
  await holds(() => late.all("match-found", { gameId: (id) => id !== gameId }).length === 0, "it had gone", 3_000);
  await cy.ok("leave-match");
});

test("the players of a killed node come back and go on, or lose", { timeout: 120_000 }, async (t) => {
  t.after(() => cluster.revive());
  const one = await pair(cluster, t, { nodes: [0, 1] });
  const two = await pair(cluster, t, { nodes: [1, 0] });
  await play(one, 4);
  await play(two, 4);
  await cluster.signal(cluster.nodes[0], "SIGKILL");
  const back = await player(cluster, t, "ann", { node: 2, id: one.x.id });
  await back.next("game-state", { gameId: one.gameId, turn: "O", board: boardOf(4) });
  await one.o.ok("move", { gameId: one.gameId, cell: 0 });
  await back.next("game-state", { gameId: one.gameId, turn: "X" });
  await back.ok("move", { gameId: one.gameId, cell: 8 });
  await one.o.next("game-state", { board: boardOf(4, 0, 8) });
  await two.x.next("opponent-disconnected", undefined, 15_000);
  const [over] = await two.x.next("game-over", undefined, 15_000);
  assert.deepEqual(over, { gameId: two.gameId, winner: "X", reason: "forfeit" });
  assert.equal(one.o.all("game-over").length, 0);
});
