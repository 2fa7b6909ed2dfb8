// EVENTS.md, "/": reconnect-session, on another node, within the grace and after it.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { fence, roomOf, say, texts } from "../lib/rooms.js";
import { fresh } from "../lib/names.js";

const cluster = useCluster();

/** The same user on another node, connected but not restored. */
const comeBack = (t, user, route = DIRECT) => cluster.user(t, user.username, { id: user.id, node: 1, route });

onEveryRoute((route) => {
  test("within the grace a session comes back on another node with rooms and what was missed", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    await ann.ok("register", {});
    const roomName = await roomOf(ann, bob);
    const [, { seq }] = await say(ann, roomName, "one", "two");
    ann.drop();
    const missed = await say(bob, roomName, "three", "four");
    const again = await comeBack(t, ann, route);
    again.send("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: seq } });
    const [restored] = await again.next("session-restored");
    assert.deepEqual({ ...restored, missed: 0 }, {
      userId: ann.id,
      username: "ann",
      rooms: [roomName],
      missed: 0,
      recovered: { [roomName]: true },
    });
    assert.deepEqual(Object.keys(restored.missed), [roomName]);
    assert.deepEqual(restored.missed[roomName].map(({ text, seq }) => [text, seq]), [
      ["three", missed[0].seq],
      ["four", missed[1].seq],
    ]);
    await bob.next("user-online", { userId: ann.id });
    await say(bob, roomName, "five");
    await fence(roomName, bob, again);
    assert.equal(again.all("room-message").length, 2, "what was in missed is not sent again");
  });
});

test("a missed message looks like a delivered one", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  const roomName = await roomOf(ann, bob);
  ann.drop();
  await say(bob, roomName, "hi");
  const again = await comeBack(t, ann);
  await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: 0 } });
  const [{ missed }] = await again.next("session-restored");
  await bob.next("room-message", { roomName, text: "hi" });
  assert.deepEqual(missed[roomName], bob.all("room-message", { roomName }));
});

test("the members of its rooms do not see a session leave and come", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  const roomName = await roomOf(ann, bob);
  bob.forget();
  ann.drop();
  const again = await comeBack(t, ann);
  await again.ok("reconnect-session", { userId: ann.id });
  await say(again, roomName, "fence");
  await bob.next("room-message", { text: "fence" });
  assert.deepEqual(bob.all("user-left-room"), []);
  assert.deepEqual(bob.all("user-joined-room"), []);
});

test("missed and recovered have a key for each room in lastSeq, and for no other", async (t) => {
  const ann = await cluster.user(t, "ann");
  await ann.ok("register", {});
  const rooms = [await roomOf(ann), await roomOf(ann), await roomOf(ann)];
  for (const room of rooms) await say(ann, room, "hello");
  ann.drop();
  const again = await comeBack(t, ann);
  await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [rooms[0]]: 1, [rooms[1]]: 0 } });
  const [restored] = await again.next("session-restored");
  assert.deepEqual(restored.rooms.toSorted(), rooms.toSorted());
  assert.deepEqual(Object.keys(restored.missed).toSorted(), rooms.slice(0, 2).toSorted());
  assert.deepEqual(restored.recovered, { [rooms[0]]: true, [rooms[1]]: true });
  assert.deepEqual(restored.missed[rooms[0]], []);
  assert.deepEqual(restored.missed[rooms[1]].map(({ text }) => text), ["hello"]);
});

test("without lastSeq nothing is missed and nothing is recovered", async (t) => {
  const ann = await cluster.user(t, "ann");
  await ann.ok("register", {});
  await roomOf(ann);
  ann.drop();
  const again = await comeBack(t, ann);
  await again.ok("reconnect-session", { userId: ann.id });
  const [{ missed, recovered }] = await again.next("session-restored");
  assert.deepEqual({ missed, recovered }, { missed: {}, recovered: {} });
});

test("more than a history's worth can be missed", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  const roomName = await roomOf(ann, bob);
  const [{ seq }] = await say(ann, roomName, "last heard");
  ann.drop();
  await say(bob, roomName, ...texts(150));
  const again = await comeBack(t, ann);
  await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: seq } });
  const [{ missed, recovered }] = await again.next("session-restored");
  assert.equal(recovered[roomName], true);
  assert.deepEqual(missed[roomName].map(({ text }) => text), texts(150));
});

test("a lastSeq from another life of the room is not recovered, and what is held is sent", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  const roomName = await roomOf(ann, bob);
  await say(bob, roomName, "one", "two");
  ann.drop();
  const again = await comeBack(t, ann);
  await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: 1_000 } });
  const [{ missed, recovered }] = await again.next("session-restored");
  assert.equal(recovered[roomName], false);
  assert.deepEqual(missed[roomName].map(({ text }) => text), ["one", "two"]);
});

test("what others sent to rooms that one was not in is not in missed", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  const secret = fresh("secret");
  await bob.ok("create-room", { roomName: secret, private: true });
  await say(bob, secret, "not for ann");
  ann.drop();
  const again = await comeBack(t, ann);
  await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [secret]: 0 } });
  const [restored] = await again.next("session-restored");
  assert.deepEqual(restored.rooms, []);
  assert.deepEqual(restored.missed[secret] ?? [], []);
  assert.notEqual(restored.recovered[secret], true);
});

suite("after the grace", { concurrency: true }, () => {
  test("the session is gone: User not found", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("register", {});
    const roomName = await roomOf(ann, bob);
    ann.drop();
    await bob.next("user-offline", { userId: ann.id }, 15_000);
    const again = await comeBack(t, ann);
    const error = await again.refused("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: 0 } });
    assert.deepEqual(error, { code: "session_not_found", message: "User not found", retryable: false });
    assert.equal((await again.refused("room-message", { roomName, text: "x" })).code, "not_a_member");
    again.send("reconnect-session", { userId: ann.id });
    await again.next("error", { code: "session_not_found", message: "User not found", event: "reconnect-session" });
  });

  test("register and join begin anew", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("register", {});
    const roomName = await roomOf(ann, bob);
    ann.drop();
    await bob.next("user-offline", { userId: ann.id }, 15_000);
    const again = await comeBack(t, ann);
    await again.ok("register", {});
    await bob.next("user-online", { userId: ann.id });
    await again.ok("join-room", { roomName });
    await bob.next("user-joined-room", { userId: ann.id });
  });
});

test("the userId in reconnect-session is ignored: nobody restores another's session", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  await roomOf(ann);
  assert.equal((await bob.refused("reconnect-session", { userId: ann.id })).code, "session_not_found");
});

for (const lastSeq of [7, "x", ["a"], { room: "1" }, { room: -1 }, { room: 1.5 }, { "not a room": 1 }]) {
  test(`the lastSeq ${JSON.stringify(lastSeq)} is refused`, async (t) => {
    const ann = await cluster.user(t, "ann");
    await ann.ok("register", {});
    assert.equal((await ann.refused("reconnect-session", { userId: ann.id, lastSeq })).code, "invalid_payload");
  });
}
