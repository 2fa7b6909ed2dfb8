// EVENTS.md: private rooms, and grants in the token where `*` matches any run of characters.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { say } from "../lib/rooms.js";

const cluster = useCluster();
const REFUSED = { code: "not_authorized", message: "Not authorized to join this room", retryable: false };

async function privateRoom(owner, roomName = fresh("private")) {
  await owner.ok("create-room", { roomName, private: true });
  return roomName;
}

onEveryRoute((route) => {
  test("a private room is closed to whoever has no grant", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await privateRoom(ann);
    assert.deepEqual(await bob.refused("join-room", { roomName }), REFUSED);
    bob.send("join-room", { roomName });
    await bob.next("error", { message: REFUSED.message, event: "join-room" });
  });

  test("a private room is open to a token that names it, on any node", async (t) => {
    const ann = await cluster.user(t, "ann", { route });
    const roomName = await privateRoom(ann);
    const bob = await cluster.user(t, "bob", { route, node: 1, claims: { rooms: [roomName] } });
    await bob.ok("join-room", { roomName });
    await say(bob, roomName, "let in");
    await ann.next("room-message", { text: "let in" });
  });
});

suite("a grant in the token", () => {
  const tries = [
    ["team:*", "team:red", true],
    ["team:*", "team:", true],
    ["*", "anything", true],
    ["*:red", "team:red", true],
    ["a*c*e", "abcde", true],
    ["a*c*e", "ace", true],
    ["team:*", "teams:red", false],
    ["team", "team:red", false],
    ["*:red", "team:redder", false],
    ["team:.*", "team:red", false],
    ["TEAM:*", "team:red", false],
  ];
  for (const [pattern, name, good] of tries) {
    test(`"${pattern}" ${good ? "opens" : "does not open"} "${name}"`, async (t) => {
      const ann = await cluster.user(t, "ann");
      await privateRoom(ann, name);
      const bob = await cluster.user(t, "bob", { node: 1, claims: { rooms: ["other", pattern] } });
      const answer = await bob.ask("join-room", { roomName: name });
      // The room ends with the test, for others use its name.
      if (answer.ok) await bob.ok("leave-room", { roomName: name });
      await ann.ok("leave-room", { roomName: name });
      if (good) assert.ok(answer.ok, answer.error?.message);
      else assert.deepEqual(answer.error, REFUSED);
    });
  }
});

test("the creator of a private room may come back to it", async (t) => {
  const ann = await cluster.user(t, "ann");
  const roomName = await privateRoom(ann);
  const bob = await cluster.user(t, "bob", { claims: { rooms: [roomName] } });
  await bob.ok("join-room", { roomName });
  await ann.ok("leave-room", { roomName });
  await ann.ok("join-room", { roomName });
});

test("a private room is listed only to those who may join", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await privateRoom(ann);
  const guest = await cluster.user(t, "carl", { node: 1, claims: { rooms: [`${roomName}*`] } });
  const listed = async (user) => {
    user.send("list-rooms");
    const [rooms, { total }] = await user.next("room-list");
    assert.equal(total, rooms.length);
    return rooms.some(({ name }) => name === roomName);
  };
  assert.deepEqual([await listed(ann), await listed(guest), await listed(bob)], [true, true, false]);
});

test("a room that does not exist is not found, whatever the token grants", async (t) => {
  const ann = await cluster.user(t, "ann", { claims: { rooms: ["*"] } });
  assert.equal((await ann.refused("join-room", { roomName: fresh("nowhere") })).message, "Room not found");
});

test("nobody talks in a private room before joining it", async (t) => {
  const ann = await cluster.user(t, "ann");
  const roomName = await privateRoom(ann);
  const bob = await cluster.user(t, "bob", { node: 1, claims: { rooms: ["*"] } });
  assert.equal((await bob.refused("room-message", { roomName, text: "psst" })).message, "Not a member of this room");
});

test("a session that comes back is let into its private rooms", async (t) => {
  const ann = await cluster.user(t, "ann");
  await ann.ok("register", {});
  const roomName = await privateRoom(ann);
  ann.drop();
  const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
  again.send("reconnect-session", { userId: ann.id });
  await again.next("session-restored", { rooms: [roomName] });
  await say(again, roomName, "back");
});
