// EVENTS.md, "/": create-room, join-room, leave-room, list-rooms, and when a room ends.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { TIMESTAMP } from "../lib/match.js";
import { fresh } from "../lib/names.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { fence, roomOf, say } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster();

const order = (user, ...events) => user.log.map(({ event }) => event).filter((event) => events.includes(event));
const exists = async (user, roomName) => (await user.ask("join-room", { roomName })).ok;

onEveryRoute((route) => {
  test("create-room answers with room-created, then joined-room", async (t) => {
    const ann = await cluster.user(t, "ann", { route });
    const roomName = fresh("room");
    ann.send("create-room", { roomName, username: "ignored" });
    await ann.next("joined-room", { roomName });
    assert.deepEqual(await ann.next("room-created"), [{ roomName }]);
    assert.deepEqual(order(ann, "room-created", "joined-room"), ["room-created", "joined-room"]);
  });

  test("a room that exists on another node cannot be created again", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann);
    const { code, message } = await bob.refused("create-room", { roomName });
    assert.deepEqual({ code, message }, { code: "room_exists", message: "Room already exists" });
  });

  test("join-room answers with room-history, then joined-room", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann);
    await say(ann, roomName, "before");
    bob.send("join-room", { roomName });
    const [history] = await bob.next("room-history");
    assert.equal(history.roomName, roomName);
    assert.deepEqual(history.messages.map(({ text }) => text), ["before"]);
    assert.deepEqual(await bob.next("joined-room"), [{ roomName }]);
    assert.deepEqual(order(bob, "room-history", "joined-room"), ["room-history", "joined-room"]);
  });

  test("join-room takes roomId for roomName", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann);
    await bob.ok("join-room", { roomId: roomName });
    await bob.next("joined-room", { roomName });
  });

  test("the others hear user-joined-room, the one who joins does not", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    assert.deepEqual(await ann.next("user-joined-room"), [{ roomName, userId: bob.id, username: "bob" }]);
    await fence(roomName, ann, bob);
    assert.equal(bob.all("user-joined-room").length, 0);
  });

  test("everybody in the room gets the list of members, each once", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = fresh("room");
    await ann.ok("create-room", { roomName });
    await bob.ok("join-room", { roomName });
    for (const user of [ann, bob]) {
      const [list] = await user.next("room-members", { roomName, total: 2 });
      assert.deepEqual(list.members.toSorted(), [ann.id, bob.id].toSorted());
      assert.deepEqual(new Set(list.users.map((u) => `${u.userId} ${u.username}`)), new Set([`${ann.id} ann`, `${bob.id} bob`]));
      assert.equal(list.truncated, false);
    }
  });

  test("leave-room tells the others, and the leaver hears no more of the room", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    ann.forget();
    assert.equal((await bob.ok("leave-room", { roomName })).ok, true);
    const [left] = await ann.next("user-left-room");
    assert.deepEqual(left, { roomName, userId: bob.id, username: "bob" });
    await ann.next("room-members", { roomName, total: 1, members: [ann.id] });
    bob.forget();
    await say(ann, roomName, "alone");
    ann.send("broadcast", `fence of ${roomName}`);
    await bob.next("message", (data) => data === `fence of ${roomName}`);
    assert.deepEqual(bob.log.map(({ event }) => event), ["message"]);
  });

  test("list-rooms names public rooms with how many are in them", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    bob.send("list-rooms");
    const [rooms, { total, truncated }] = await bob.next("room-list");
    const room = rooms.find(({ name }) => name === roomName);
    assert.match(room.createdAt, TIMESTAMP);
    assert.deepEqual({ ...room, createdAt: 0 }, { name: roomName, memberCount: 2, createdAt: 0 });
    assert.deepEqual({ total, truncated }, { total: rooms.length, truncated: false });
  });
});

suite("several devices of one user", () => {
  test("are one member, announced once, and gone with the last", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const tablet = await cluster.user(t, "bob", { id: bob.id, node: 0 });
    const roomName = await roomOf(ann, bob);
    await tablet.ok("join-room", { roomName });
    await tablet.next("room-history");
    await bob.ok("leave-room", { roomName });
    await fence(roomName, ann, tablet);
    assert.equal(ann.all("user-left-room").length, 0);
    assert.equal(ann.all("user-joined-room").length, 1);
    assert.ok(ann.all("room-members").every(({ members, total }) => members.length === total && total <= 2));
    ann.forget();
    await tablet.ok("leave-room", { roomName });
    await ann.next("user-left-room", { userId: bob.id });
    await ann.next("room-members", { total: 1, members: [ann.id] });
  });
});

suite("a room", { concurrency: true }, () => {
  test("is deleted at once when its last member leaves", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    await ann.ok("leave-room", { roomName });
    await bob.ok("leave-room", { roomName });
    assert.equal((await ann.refused("join-room", { roomName })).message, "Room not found");
    await ann.ok("create-room", { roomName });
  });

  test("that is made anew has none of the old one's history", async (t) => {
    const ann = await cluster.user(t, "ann");
    const roomName = await roomOf(ann);
    await say(ann, roomName, "old");
    await ann.ok("leave-room", { roomName });
    await ann.ok("create-room", { roomName });
    const [{ seq }] = await say(ann, roomName, "new");
    const bob = await cluster.user(t, "bob", { node: 1 });
    await bob.ok("join-room", { roomName });
    const [{ messages }] = await bob.next("room-history");
    assert.deepEqual(messages.map(({ text, seq }) => [text, seq]), [["new", seq]]);
  });

  test("outlives the disconnect of its last member by the grace, and no longer", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const [kept, lost] = [await roomOf(ann), await roomOf(ann)];
    const since = performance.now();
    ann.drop();
    await ann.next("disconnect");
    assert.ok(await exists(bob, kept), "within the grace it is still there");
    const gone = async () => {
      bob.send("list-rooms");
      const [rooms] = await bob.next("room-list");
      return !rooms.some(({ name }) => name === lost);
    };
    await until(gone, "the room ends", 15_000);
    const ms = performance.now() - since;
    assert.ok(ms >= 4_900, `ended ${ms} ms after the disconnect`);
    assert.ok(await exists(bob, kept), "somebody else is in this one");
  });

  test("loses a member who disconnected only after the grace", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    ann.forget();
    const since = performance.now();
    bob.drop();
    const [left] = await ann.next("user-left-room", { roomName }, 15_000);
    assert.deepEqual(left, { roomName, userId: bob.id, username: "bob" });
    assert.ok(performance.now() - since >= 4_900);
    await ann.next("room-members", { roomName, total: 1, members: [ann.id] });
  });
});

test("leaving a room that one is not in is refused, and told to nobody", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann);
  assert.equal((await bob.refused("leave-room", { roomName })).message, "Not a member of this room");
  assert.equal((await bob.refused("leave-room", { roomName: fresh("nowhere") })).message, "Room not found");
  await say(ann, roomName, "fence");
  await ann.next("room-message", { text: "fence" });
  assert.equal(ann.all("user-left-room").length, 0);
});

test("joining twice is no failure and announces nobody twice", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann, bob);
  await bob.ok("join-room", { roomName });
  await say(bob, roomName, "once");
  // After the fence nothing that came before it is still on its way to either of them.
  await fence(roomName, bob, ann);
  assert.equal(ann.all("user-joined-room").length, 1);
  assert.equal(bob.all("room-message", { text: "once" }).length, 1);
});
