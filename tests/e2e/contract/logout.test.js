// EVENTS.md, logout: all connections of the user are disconnected, wherever they are and whatever they
// are in, and nobody is left in any room or list.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT } from "../lib/routes.js";
import { fence, fenceAll } from "../lib/rooms.js";
import { holds, until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3, env: { STARLING_GRACE_MS: 1_000 } });
/** Beyond the grace, where a ghost would show up, or go. */
const BEYOND = 2_500;
const NODES = [0, 1, 2];

/** Somebody on each node, all in three rooms; nobody is registered. */
async function watched(t) {
  const watchers = await cluster.users(t, DIRECT, "watcher0", "watcher1", "watcher2");
  const rooms = NODES.map((n) => fresh(`room${n}`));
  for (const roomName of rooms) {
    await watchers[0].ok("create-room", { roomName });
    for (const watcher of watchers.slice(1)) await watcher.ok("join-room", { roomName });
    for (const watcher of watchers) await watcher.next("room-members", { roomName, total: watchers.length });
  }
  return { watchers, rooms };
}

/** Three connections of `ann`, the n-th on node n; only the first is registered and in no room. */
async function devices(t) {
  const phone = await cluster.user(t, "ann");
  const others = [1, 2].map((node) => cluster.user(t, "ann", { id: phone.id, node }));
  const all = [phone, ...(await Promise.all(others))];
  await phone.ok("register", {});
  return all;
}

/** Each of `joining`, devices of one user, enters its rooms, and all watchers have heard it. */
async function join(joining, watchers) {
  for (const [device, rooms] of joining) for (const roomName of rooms) await device.ok("join-room", { roomName });
  const [[{ id }]] = joining;
  for (const roomName of new Set(joining.flatMap(([, rooms]) => rooms))) {
    for (const watcher of watchers) await watcher.next("room-members", { roomName, members: (ids) => ids.includes(id) });
  }
  for (const watcher of watchers) watcher.forget();
}

/** Nobody lists the user: not the rooms, as a newcomer on each node is told, nor `presence-list`. */
async function assertNowhere(t, { id }, rooms, expected) {
  for (const node of NODES) {
    const asker = await cluster.user(t, "asker", { node });
    await asker.ok("list-presence");
    assert.deepEqual((await asker.next("presence-list"))[0].filter(({ userId }) => userId === id), []);
    for (const roomName of rooms) {
      // The list may be as old as its interval.
      await until(async () => (await countOf(asker, roomName)) === expected.length, `${roomName} by node ${node}`);
      await asker.ok("join-room", { roomName });
      const [{ members }] = await asker.next("room-members", { roomName, members: (ids) => ids.includes(asker.id) });
      assert.deepEqual(members.filter((other) => other !== asker.id).toSorted(), expected.map((user) => user.id).toSorted());
      await asker.ok("leave-room", { roomName });
    }
    asker.close();
  }
}

async function countOf(asker, roomName) {
  await asker.ok("list-rooms");
  const [list] = await asker.next("room-list");
  return list.find(({ name }) => name === roomName)?.memberCount;
}

/** All watchers hear, once, that the user has left each of the rooms, and is not listed there. */
async function assertLeft(watchers, { id: userId }, rooms) {
  for (const roomName of rooms) {
    for (const watcher of watchers) {
      await watcher.next("user-left-room", { roomName, userId });
      await watcher.next("room-members", { roomName, total: watchers.length, members: (ids) => !ids.includes(userId) });
    }
    await fence(roomName, ...watchers);
    for (const watcher of watchers) assert.equal(watcher.all("user-left-room", { roomName, userId }).length, 1);
  }
}

async function assertDisconnected(all) {
  for (const device of all) assert.equal((await device.next("disconnect"))[0], "io server disconnect");
}

const offlines = (watchers, { id: userId }) => watchers.map((watcher) => watcher.all("user-offline", { userId }).length);

suite("of a user whose other connections joined rooms without register", { concurrency: true }, () => {
  test("all are out of all rooms, for everybody, and user-offline comes once", async (t) => {
    const { watchers, rooms } = await watched(t);
    const all = await devices(t);
    const [phone, tablet, laptop] = all;
    await join([[tablet, rooms.slice(0, 2)], [laptop, rooms.slice(1)]], watchers);
    await phone.ok("logout");
    await assertDisconnected(all);
    await assertLeft(watchers, phone, rooms);
    for (const watcher of watchers) await watcher.next("user-offline", { userId: phone.id, username: "ann" });
    await holds(() => offlines(watchers, phone).every((n) => n === 1), "user-offline comes once", BEYOND);
    await assertNowhere(t, phone, rooms, watchers);
    for (const watcher of watchers) assert.equal(watcher.all("user-left-room", { userId: phone.id }).length, rooms.length);
  });

  test("one of them may be the one that logs out", async (t) => {
    const { watchers, rooms } = await watched(t);
    const all = await devices(t);
    const [phone, tablet, laptop] = all;
    await join([[tablet, rooms.slice(0, 2)], [laptop, rooms.slice(1)]], watchers);
    await laptop.ok("logout");
    await assertDisconnected(all);
    await assertLeft(watchers, phone, rooms);
    for (const watcher of watchers) await watcher.next("user-offline", { userId: phone.id });
    await holds(() => offlines(watchers, phone).every((n) => n === 1), "user-offline comes once", BEYOND);
    await assertNowhere(t, phone, rooms, watchers);
  });

  test("one that is being let in meanwhile is out as well", async (t) => {
    const { watchers, rooms } = await watched(t);
    const all = await devices(t);
    const [phone, tablet, laptop] = all;
    // None of them is waited for: what passes and what is refused is a matter of luck.
    for (const roomName of rooms) for (const device of [tablet, laptop]) device.send("join-room", { roomName });
    phone.send("logout");
    await assertDisconnected(all);
    for (const watcher of watchers) await watcher.next("user-offline", { userId: phone.id });
    await holds(() => offlines(watchers, phone).every((n) => n === 1), "user-offline comes once", BEYOND);
    await assertNowhere(t, phone, rooms, watchers);
  });
});

test("of a user who never registered takes all connections out of their rooms, and shows nobody offline", async (t) => {
  const { watchers, rooms } = await watched(t);
  const tablet = await cluster.user(t, "ann", { node: 1 });
  const laptop = await cluster.user(t, "ann", { id: tablet.id, node: 2 });
  await join([[tablet, rooms.slice(0, 2)], [laptop, rooms.slice(1)]], watchers);
  await tablet.ok("logout");
  await assertDisconnected([tablet, laptop]);
  await assertLeft(watchers, tablet, rooms);
  await fenceAll(...watchers);
  assert.deepEqual(offlines(watchers, tablet), [0, 0, 0]);
  await assertNowhere(t, tablet, rooms, watchers);
});

suite("that is repeated is harmless", { concurrency: true }, () => {
  test("by several devices at the same moment, and several times by each", async (t) => {
    const { watchers, rooms } = await watched(t);
    const all = await devices(t);
    const [phone, tablet, laptop] = all;
    await join([[tablet, rooms], [laptop, rooms]], watchers);
    for (const device of all) for (let i = 0; i < 3; i++) device.send("logout");
    await assertDisconnected(all);
    await assertLeft(watchers, phone, rooms);
    for (const watcher of watchers) await watcher.next("user-offline", { userId: phone.id });
    await holds(() => offlines(watchers, phone).every((n) => n === 1), "user-offline comes once", BEYOND);
    await assertNowhere(t, phone, rooms, watchers);
  });

  test("by a connection that comes afterwards", async (t) => {
    const { watchers, rooms } = await watched(t);
    const all = await devices(t);
    const [phone, tablet] = all;
    await join([[tablet, rooms]], watchers);
    await phone.ok("logout");
    await assertDisconnected(all);
    const again = await cluster.user(t, "ann", { id: phone.id, node: 2 });
    await again.ok("logout");
    await assertDisconnected([again]);
    await assertLeft(watchers, phone, rooms);
    await holds(() => offlines(watchers, phone).every((n) => n <= 1), "user-offline comes once", BEYOND);
    await assertNowhere(t, phone, rooms, watchers);
  });

  test("by the user after a new session, which is a session like any other meanwhile", async (t) => {
    const { watchers, rooms } = await watched(t);
    const all = await devices(t);
    await join([[all[1], rooms]], watchers);
    await all[0].ok("logout");
    await assertDisconnected(all);
    await assertLeft(watchers, all[0], rooms);

    const again = await cluster.user(t, "ann", { id: all[0].id, node: 2 });
    await again.ok("register", {});
    await join([[again, rooms]], watchers);
    await fence(rooms[0], again, ...watchers);
    await holds(() => again.connected && watchers.every((w) => w.all("user-left-room").length === 0), "it stays", BEYOND);
    await again.ok("logout");
    await assertDisconnected([again]);
    await assertLeft(watchers, again, rooms);
    for (const watcher of watchers) await watcher.next("user-offline", { userId: again.id });
    await assertNowhere(t, again, rooms, watchers);
  });
});
