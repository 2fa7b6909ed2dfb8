// EVENTS.md, override 7: lists do not grow without bound.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { DIRECT } from "../lib/routes.js";
import { roomOf } from "../lib/rooms.js";
import { fresh } from "../lib/names.js";
import { until } from "../lib/until.js";

const cluster = useCluster();
const MANY = 210;

async function inBatches(n, make) {
  const all = [];
  while (all.length < n) {
    const batch = Array.from({ length: Math.min(30, n - all.length) }, (_, i) => make(all.length + i));
    all.push(...(await Promise.all(batch)));
  }
  return all;
}

test("room-members carries at most 200 and says how many there are", async (t) => {
  const ann = await cluster.user(t, "ann");
  const roomName = await roomOf(ann);
  const joined = performance.now();
  await inBatches(MANY, async (i) => {
    const user = await cluster.user(t, `member${i}`, { node: i % 2 });
    await user.ok("join-room", { roomName });
  });
  const [list] = await ann.next("room-members", { roomName, total: MANY + 1 }, 10_000);
  assert.equal(list.truncated, true);
  assert.equal(list.members.length, 200);
  assert.equal(list.users.length, 200);
  assert.deepEqual(list.users.map(({ userId }) => userId), list.members);
  assert.equal(new Set(list.members).size, 200);

  const lists = ann.log.filter(({ event }) => event === "room-members");
  const possible = Math.ceil((performance.now() - joined) / 250) + 1;
  // Each of the two nodes may have sent one per 250 ms at the most.
  assert.ok(lists.length <= 2 * possible, `${lists.length} lists in ${possible} intervals`);
});

test("a burst of joins makes few lists, and the last of them is complete", async (t) => {
  const ann = await cluster.user(t, "ann");
  const roomName = await roomOf(ann);
  const users = await inBatches(20, (i) => cluster.user(t, `u${i}`, { node: i % 2 }));
  ann.forget();
  const since = performance.now();
  await Promise.all(users.map((user) => user.ok("join-room", { roomName })));
  await ann.next("room-members", { roomName, total: 21 });
  const intervals = Math.ceil((performance.now() - since) / 250) + 1;
  assert.ok(ann.all("room-members").length <= intervals, `${ann.all("room-members").length} in ${intervals} intervals`);
});

test("room-list carries at most 200 and says how many there are", async (t) => {
  // 64 rooms a connection: four of them.
  for (let i = 0; i < 4; i++) {
    const owner = await cluster.user(t, "owner", { node: i % 2 });
    for (let n = 0; n < 55; n++) await owner.ok("create-room", { roomName: fresh("many") });
  }
  const ann = await cluster.user(t, "ann");
  ann.send("list-rooms");
  const [rooms, { total, truncated }] = await ann.next("room-list");
  assert.equal(rooms.length, 200);
  assert.ok(total >= 220, `total ${total}`);
  assert.equal(truncated, true);
});

test("presence-list carries at most 200 and says how many there are", async (t) => {
  const users = await inBatches(MANY, (i) => cluster.user(t, `p${i}`, { node: i % 2 }));
  await Promise.all(users.map((user) => user.ok("register", {})));
  const ann = await cluster.user(t, "ann", { route: DIRECT });
  await until(async () => {
    ann.send("list-presence");
    const [list, { total, truncated }] = await ann.next("presence-list");
    return total >= MANY && truncated && list.length === 200;
  }, "a truncated list");
});
