// EVENTS.md, "/whiteboard": boards on all nodes as one.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { onEveryRoute } from "../lib/routes.js";
import { holds, until } from "../lib/until.js";

const namespace = "/whiteboard";
const MIB = 1024 * 1024;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Boards are filled faster than a hand can. */
const env = { STARLING_EVENTS_PER_SECOND: "10000", STARLING_EVENTS_BURST: "10000", STARLING_USER_EVENTS_PER_SECOND: "10000" };
const cluster = useCluster({ nodes: 3, env });

/** Somebody on a board. */
const painter = (t, name, roomId, options = {}) => cluster.user(t, name, { namespace, said: { roomId }, ...options });

/** A line of the seed's client. */
const line = (x, more = {}) => ({ x1: x, y1: 0, x2: x, y2: 9, color: "#1a2b3c", ...more });

/** What somebody who comes now is shown. */
async function picture(t, roomId, options = {}) {
  const late = await painter(t, "late", roomId, options);
  const [draws, shown] = await late.next("drawing-state");
  late.close();
  return { draws, ...shown };
}

/** What somebody was shown of the board on coming. */
const drawn = async (one) => (await one.next("drawing-state"))[0];

/** All that is drawn and cleared before has reached these. */
async function fence(sender, ...listeners) {
  const { seq } = await sender.ok("draw", line(-1));
  for (const one of listeners) await one.next("draw", { seq });
}

onEveryRoute((route) => {
  test("what one draws the others see, and who comes later too", async (t) => {
    const board = fresh("board");
    const ann = await painter(t, "ann", board, { route });
    assert.deepEqual(await ann.next("drawing-state"), [[], { seq: 0, total: 0, limit: 20_000, pens: [], strokes: [] }]);
    const ben = await painter(t, "ben", board, { route, node: 1 });
    const { id, seq } = await ann.ok("draw", { ...line(1.23), width: 3, stroke: "s-1" });
    await ann.ok("draw", { points: [1.2, 9, 5, 6, 7, 8], color: "#1a2b3c", width: 3, stroke: "s-1" });
    const [{ timestamp, ...drawn }] = await ben.next("draw");
    assert.deepEqual(drawn, { ...line(1.2), x2: 1.2, width: 3, stroke: "s-1", userId: ann.id, id, seq });
    assert.match(timestamp, TIMESTAMP);
    const cy = await painter(t, "cy", board, { route, node: 2 });
    const [draws, shown] = await cy.next("drawing-state");
    assert.deepEqual(draws[0], { ...drawn, timestamp });
    assert.equal(draws.length, 2);
    assert.deepEqual(shown, {
      seq: 2,
      total: 2,
      limit: 20_000,
      pens: [["#1a2b3c", 3, ann.id, 0]],
      strokes: [[0, "s-1", 1.2, 0, 1.2, 9, 5, 6, 7, 8]],
    });
    await ben.ok("cursor-move", { x: 4, y: 5.55 });
    assert.deepEqual(await cy.next("cursor-move"), [{ userId: ben.id, username: "ben", x: 4, y: 5.6 }]);
    assert.deepEqual(ann.all("draw"), [], "it drew that itself");
  });
});

suite("one and several", { concurrency: true }, () => {
  test("a clear has its place among what is drawn, the same for all", async (t) => {
    const board = fresh("board");
    const people = [];
    for (const [node, name] of ["ann", "bob", "cy"].entries()) people.push(await painter(t, name, board, { node }));
    const own = people.map(() => []);
    await Promise.all(people.map(async (one, n) => {
      for (let i = 0; i < 30; i++) {
        if (i % 10 === n * 3) await one.ok("clear-board");
        own[n].push({ ...(await one.ok("draw", line(n * 100 + i))), x: n * 100 + i });
      }
    }));
    await fence(people[0], people[1], people[2]);
    await fence(people[1], people[0]);
    const late = await picture(t, board, { node: 1 });
    const { seq: cleared } = people[0].all("board-cleared").at(-1);
    for (const [n, one] of people.entries()) {
      assert.equal(one.all("board-cleared").length, 9);
      const heard = one.log.filter(({ event }) => /^(draw|board-cleared)$/.test(event)).map(({ args }) => args[0].seq);
      assert.deepEqual(heard, [...heard].sort((a, b) => a - b), "in order");
      const seen = [...one.all("draw"), ...own[n]].filter(({ seq }) => seq > cleared).map(({ seq }) => seq);
      const mine = late.draws.map(({ seq }) => seq).filter((seq) => seen.includes(seq));
      assert.ok(late.draws.length - mine.length <= 2, "but for the fences that it drew itself");
      assert.ok(seen.every((seq) => mine.includes(seq)));
    }
    const { userId, username, timestamp } = people[0].all("board-cleared")[0];
    assert.match(timestamp, TIMESTAMP);
    assert.ok(people.some((one) => one.id === userId && one.username === username));
    assert.ok(late.draws.every(({ seq }) => seq > cleared));
  });

  test("a board is named in the query too, as the seed's client does, and else it is the default", async (t) => {
    const board = fresh("board");
    const query = { query: { roomId: board }, said: {} };
    const ann = await cluster.user(t, "ann", { namespace, ...query });
    const ben = await painter(t, "ben", board, { node: 1 });
    const cy = await cluster.user(t, "cy", { namespace, node: 1 });
    const dan = await painter(t, "dan", "default");
    await ann.ok("draw", line(1));
    await ben.next("draw", { userId: ann.id });
    await cy.ok("draw", line(2));
    await dan.next("draw", { userId: cy.id });
    assert.equal(ben.all("draw").length + dan.all("draw", { userId: ann.id }).length, 1);
    await cy.ok("clear-board");
  });

  test("one's own stroke is taken back for everybody, another's is not", async (t) => {
    const board = fresh("board");
    const [ann, ben] = [await painter(t, "ann", board), await painter(t, "ben", board, { node: 1 })];
    await ann.ok("draw", line(1, { stroke: "s" }));
    await ben.ok("draw", line(2, { stroke: "s" }));
    await ann.ok("draw", line(3, { stroke: "s" }));
    const { seq, id } = await ann.ok("undo", { stroke: "s", clientId: "u" });
    assert.deepEqual(await ann.ok("undo", { stroke: "s", clientId: "u" }), { ok: true, seq, id });
    const [{ timestamp, ...undone }] = await ben.next("undone");
    assert.deepEqual(undone, { stroke: "s", userId: ann.id, seq, id });
    const { draws, strokes } = await picture(t, board);
    assert.deepEqual(draws.map(({ x1 }) => x1), [2]);
    assert.deepEqual(strokes, [[1, "s", 2, 0, 2, 9]]);
    await ben.ok("undo", { stroke: "unknown" });
  });

  test("a cursor goes with its connection", async (t) => {
    const board = fresh("board");
    const [ann, ben] = [await painter(t, "ann", board), await painter(t, "ben", board, { node: 1 })];
    for (let n = 0; n < 40; n++) ann.send("cursor-move", { x: n, y: 1 });
    await ben.next("cursor-move", { x: 39 });
    assert.ok(ben.all("cursor-move").length < 20, "only the newest");
    await ann.ok("cursor-remove");
    assert.deepEqual(await ben.next("cursor-remove"), [{ userId: ann.id }]);
    await ann.ok("cursor-move", { x: 1, y: 2 });
    ann.drop();
    await ben.next("cursor-remove");
    const heard = ben.log.filter(({ event }) => event.startsWith("cursor"));
    assert.equal(heard.at(-1).event, "cursor-remove");
  });

  test("a board has the rules of the room of its name", async (t) => {
    const owner = await cluster.user(t, "owner");
    const board = fresh("secret");
    await owner.ok("create-room", { roomName: board, private: true });
    const said = { roomId: board };
    const refused = async (node) => {
      const auth = { ...said, token: cluster.token({ userId: fresh("eve") }) };
      return cluster.open(t, cluster.nodes[node].url + namespace, { auth }).refusal();
    };
    for (const node of [0, 1]) assert.equal(await refused(node), "Not authorized to join this room");
    const own = await painter(t, "owner", board, { node: 1, id: owner.id });
    const vouched = await painter(t, "guest", board, { node: 2, claims: { rooms: ["secret*"] } });
    await own.ok("draw", line(1));
    await vouched.next("draw");
    for (const roomId of ["a b", "x".repeat(65), ["a"]]) {
      const auth = { roomId, token: cluster.token({ userId: fresh("ann") }) };
      const refusal = await cluster.open(t, cluster.nodes[0].url + namespace, { auth }).refusal();
      assert.match(refusal, /^roomName must match/, JSON.stringify(roomId));
    }
  });

  test("a private room's board is seen by nobody else when the room has died, whoever takes its name", async (t) => {
    const owner = await cluster.user(t, "owner");
    const board = fresh("secret");
    await owner.ok("create-room", { roomName: board, private: true });
    const own = await painter(t, "owner", board, { id: owner.id });
    await own.ok("draw", line(1));
    await owner.ok("leave-room", { roomName: board });
    const eve = await painter(t, "eve", board, { node: 1 });
    assert.deepEqual(await drawn(eve), []);
    const next = await cluster.user(t, "next", { node: 2 });
    await next.ok("create-room", { roomName: board, private: true });
    const theirs = await painter(t, "next", board, { node: 2, id: next.id });
    assert.deepEqual(await drawn(theirs), []);
    await own.ok("draw", line(2));
    await eve.ok("draw", line(3));
    await theirs.ok("draw", line(4));
    const late = await painter(t, "next", board, { node: 0, id: next.id });
    assert.deepEqual((await drawn(late)).map(({ x1 }) => x1), [4]);
  });

  test("who may not be on a board any more is put out", async (t) => {
    const board = fresh("board");
    const eve = await painter(t, "eve", board);
    const owner = await cluster.user(t, "owner", { node: 1 });
    await owner.ok("create-room", { roomName: board, private: true });
    const [error] = await eve.next("error", undefined, 40_000);
    assert.deepEqual(error, { code: "not_authorized", message: "Not authorized to join this room" });
    const [reason] = await eve.next("disconnect");
    assert.equal(reason, "io server disconnect");
  });

  test("bad input is refused by its reason and changes nothing", async (t) => {
    const board = fresh("board");
    const ann = await painter(t, "ann", board);
    const cases = [
      ["draw", {}],
      ["draw", "line"],
      ["draw", line("1")],
      ["draw", line(100_000.1)],
      ["draw", line(NaN)],
      ["draw", line(1, { color: "no color" })],
      ["draw", line(1, { color: undefined })],
      ["draw", line(1, { width: 101 })],
      ["draw", line(1, { points: [1, 2, 3, 4] })],
      ["draw", { points: new Array(258).fill(1), color: "red" }],
      ["draw", { points: [1, 2, 3], color: "red" }],
      ["draw", line(1, { stroke: "x".repeat(33) })],
      ["draw", line(1, { clientId: "" })],
      ["undo", {}],
      ["undo", { stroke: 7 }],
      ["cursor-move", { x: 1 }],
      ["cursor-move", { x: 1, y: 1e9 }],
      ["clear-board", { clientId: 7 }],
    ];
    for (const [event, ...args] of cases) assert.equal((await ann.refused(event, ...args)).code, "invalid_payload", JSON.stringify(args));
    assert.equal((await picture(t, board)).total, 0);
  });

  test("a repeat with one clientId is one line", async (t) => {
    const board = fresh("board");
    const [ann, ben] = [await painter(t, "ann", board), await painter(t, "ben", board, { node: 1 })];
    const first = await ann.ok("draw", line(1, { clientId: "c-1" }));
    assert.deepEqual(await ann.ok("draw", line(1, { clientId: "c-1" })), first);
    await fence(ann, ben);
    assert.equal(ben.all("draw").length, 2);
  });
});

/** Sends `draws`, all of them; returns the errors of those that were refused. */
async function fill(people, draws) {
  const left = [...draws];
  const refused = [];
  const lane = async (one) => {
    for (let draw; (draw = left.pop()); ) {
      const { error } = await one.ask("draw", draw);
      if (error) refused.push(error);
    }
  };
  await Promise.all(people.flatMap((one) => Array.from({ length: 40 }, () => lane(one))));
  return refused;
}

const people = (t, board, n) => Promise.all(Array.from({ length: n }, (_, i) => painter(t, `p${i}`, board, { node: i % 3 })));

test("a full board says so, and what to do", { timeout: 120_000 }, async (t) => {
  const board = fresh("board");
  const all = await people(t, board, 2);
  const points = Array.from({ length: 256 }, (_, n) => -99_999.9 + n / 10);
  const refused = await fill(all, new Array(600).fill({ points, color: "red" }));
  assert.ok(refused.length > 0 && refused.length < 300, `${refused.length}`);
  for (const error of refused) assert.deepEqual(error, { code: "full", message: "The board is full: clear it first", retryable: false });
  const before = await picture(t, board);
  assert.equal(before.strokes.length, 600 - refused.length);
  await all[0].ok("clear-board");
  await all[1].ok("draw", { points, color: "red" });
  assert.equal((await picture(t, board, { node: 2 })).total, 2);
});

test("20,000 strokes are one message, and survive a killed node", { timeout: 280_000 }, async (t) => {
  const board = fresh("board");
  const all = await people(t, board, 2);
  const some = (n, range = 99_999) => ((n * 7_919) % range) / 10;
  const draws = Array.from({ length: 20_000 }, (_, n) => ({
    x1: some(n), y1: some(n + 1), x2: some(n + 2), y2: some(n + 3), color: `#0000${(16 + (n % 100)).toString(16)}`, stroke: `s${n % 500}`,
  }));
  const began = performance.now();
  assert.deepEqual(await fill(all, draws), []);
  t.diagnostic(`drawn in ${Math.round(performance.now() - began)} ms`);
  assert.equal((await all[0].refused("draw", line(1))).code, "full");
  const [opened, states] = [[], []];
  for (const node of [0, 0, 1, 2]) {
    const asked = performance.now();
    // A build without optimisations reads it slowly, on a busy machine.
    const auth = { roomId: board, token: cluster.token({ userId: fresh("late") }) };
    const late = cluster.open(t, cluster.nodes[node].url + namespace, { auth });
    const [none, shown] = await late.next("drawing-state", undefined, 60_000);
    const took = Math.round(performance.now() - asked);
    assert.deepEqual([none, shown.total, shown.strokes.length], [[], 20_000, 20_000]);
    const bytes = Buffer.byteLength(JSON.stringify(["drawing-state", none, shown]));
    assert.ok(bytes < MIB);
    opened.push(`${bytes} bytes in ${took} ms on node ${node}`);
    states.push(JSON.stringify(shown));
  }
  t.diagnostic(opened.join("; "));
  assert.equal(new Set(states).size, 1);
  await all[1].ok("undo", { stroke: "s1" });
  const node = cluster.nodes[0];
  await cluster.signal(node, "SIGKILL");
  await until(() => !all[0].connected, "it is gone");
  const back = await painter(t, "p0", board, { node: 1, id: all[0].id });
  const [, shown] = await back.next("drawing-state");
  assert.equal(shown.total, 20_001);
  assert.ok(shown.strokes.length < 20_000);
  await back.ok("clear-board");
  await all[1].next("board-cleared");
  await holds(() => all[1].connected, "others stay");
  await cluster.revive();
});
