// EVENTS.md: payloads of a wrong shape are `invalid_payload`, and nothing else happens.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT } from "../lib/routes.js";
import { roomOf, say } from "../lib/rooms.js";

const cluster = useCluster();

const NO_OBJECTS = [undefined, null, 7, "text", true, [], [[]]];
const NO_NAMES = [undefined, null, 7, true, {}, [], "", "two words", "a/b", "ä", "a\nb", "a*", "#", "x".repeat(65)];

/** Events that take `{roomName, …}`, with what else they need. */
const IN_ROOMS = {
  "create-room": {},
  "join-room": {},
  "leave-room": {},
  "room-message": { text: "hi" },
  "room-event": { event: "wave", data: 1 },
  typing: {},
  "stop-typing": {},
};

for (const [event, rest] of Object.entries(IN_ROOMS)) {
  suite(event, () => {
    test("refuses what is no object", async (t) => {
      const ann = await cluster.user(t, "ann");
      for (const payload of NO_OBJECTS) {
        const { code } = await ann.refused(event, payload);
        assert.equal(code, "invalid_payload", JSON.stringify(payload));
      }
    });

    test("refuses what is no room name", async (t) => {
      const ann = await cluster.user(t, "ann");
      for (const roomName of NO_NAMES) {
        const { code } = await ann.refused(event, { ...rest, roomName });
        assert.equal(code, "invalid_payload", JSON.stringify(roomName));
      }
    });

    test("says so in an error event when no acknowledgement was asked for", async (t) => {
      const ann = await cluster.user(t, "ann");
      ann.send(event, { ...rest, roomName: 7 });
      const [error] = await ann.next("error");
      assert.deepEqual([error.code, error.event, typeof error.message], ["invalid_payload", event, "string"]);
    });
  });
}

test("room names have 1 to 64 letters, digits, underscores, dots, colons and dashes", async (t) => {
  const ann = await cluster.user(t, "ann");
  for (const roomName of ["a", "A-Za-z0-9_.:-", "x".repeat(64), ".", "--", "::"]) {
    await ann.ok("create-room", { roomName });
    await ann.ok("leave-room", { roomName });
  }
});

suite("errors of rooms, to the letter", () => {
  const cases = [
    ["join-room", {}, "room_not_found", "Room not found"],
    ["room-message", { text: "x" }, "room_not_found", "Room not found"],
    ["room-event", { event: "wave", data: 1 }, "room_not_found", "Room not found"],
    ["typing", {}, "room_not_found", "Room not found"],
  ];
  for (const [event, rest, code, message] of cases) {
    test(`${event} in a room that does not exist: ${message}`, async (t) => {
      const ann = await cluster.user(t, "ann");
      const roomName = fresh("nowhere");
      assert.deepEqual(await ann.refused(event, { ...rest, roomName }), { code, message, retryable: false });
      ann.send(event, { ...rest, roomName });
      assert.deepEqual(await ann.next("error"), [{ code, message, event }]);
    });
  }

  test("room-message by somebody who is not in the room: Not a member of this room", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann);
    const expected = { code: "not_a_member", message: "Not a member of this room" };
    assert.deepEqual(await bob.refused("room-message", { roomName, text: "x" }), { ...expected, retryable: false });
    bob.send("room-message", { roomName, text: "x" });
    assert.deepEqual(await bob.next("error"), [{ ...expected, event: "room-message" }]);
    await say(ann, roomName, "fence");
    await ann.next("room-message", { text: "fence" });
    assert.deepEqual(ann.all("room-message", { roomName }).map(({ text }) => text), ["fence"]);
  });
});

suite("room-message", () => {
  for (const text of [undefined, null, 7, true, {}, []]) {
    test(`refuses ${JSON.stringify(text)} as a text`, async (t) => {
      const ann = await cluster.user(t, "ann");
      const roomName = await roomOf(ann);
      assert.equal((await ann.refused("room-message", { roomName, text })).code, "invalid_payload");
    });
  }

  for (const clientId of [7, {}, [], true]) {
    test(`refuses ${JSON.stringify(clientId)} as a clientId`, async (t) => {
      const ann = await cluster.user(t, "ann");
      const roomName = await roomOf(ann);
      assert.equal((await ann.refused("room-message", { roomName, text: "x", clientId })).code, "invalid_payload");
    });
  }
});

test("message needs a text", async (t) => {
  const ann = await cluster.user(t, "ann");
  for (const payload of [undefined, null, 7, "text", {}, { text: 7 }, { text: null }]) {
    assert.equal((await ann.refused("message", payload)).code, "invalid_payload", JSON.stringify(payload));
  }
  assert.equal((await ann.refused("message", { text: "x".repeat(4_097) })).code, "too_large");
});

test("create-room refuses a private that is neither true nor false", async (t) => {
  const ann = await cluster.user(t, "ann");
  for (const value of ["yes", 1, {}]) {
    const { code } = await ann.refused("create-room", { roomName: fresh("room"), private: value });
    assert.equal(code, "invalid_payload");
  }
});

test("private: null is no private", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = fresh("room");
  await ann.ok("create-room", { roomName, private: null });
  await bob.ok("join-room", { roomName });
});

test("roomId beside roomName is ignored, whatever it is and wherever it stands", async (t) => {
  const ann = await cluster.user(t, "ann");
  const { "leave-room": last, ...first } = IN_ROOMS;
  for (const both of [(roomName) => ({ roomId: "elsewhere", roomName }), (roomName) => ({ roomName, roomId: 7 })]) {
    const room = both(fresh("room"));
    for (const [event, rest] of Object.entries({ ...first, "leave-room": last })) await ann.ok(event, { ...room, ...rest });
  }
});

test("auth-refresh refuses what is no token", async (t) => {
  const ann = await cluster.user(t, "ann");
  for (const payload of [undefined, null, "token", {}, { token: 7 }]) {
    assert.equal((await ann.refused("auth-refresh", payload)).code, "invalid_payload", JSON.stringify(payload));
  }
  assert.ok(ann.connected);
});

suite("nesting", () => {
  const nested = (depth) => JSON.parse("[".repeat(depth) + "]".repeat(depth));

  test("of 32 is good and arrives", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("broadcast", nested(32));
    await bob.next("message", (data) => JSON.stringify(data) === JSON.stringify(nested(32)));
  });

  for (const depth of [33, 1_000]) {
    test(`of ${depth} is refused and the gateway lives`, async (t) => {
      const ann = await cluster.user(t, "ann");
      assert.equal((await ann.refused("broadcast", nested(depth))).code, "invalid_payload");
      await ann.ok("ping");
    });
  }

  test("in a string does not count", async (t) => {
    const ann = await cluster.user(t, "ann");
    await ann.ok("broadcast", `"${"[".repeat(200)}`);
  });
});

test("fields that nobody knows are ignored", async (t) => {
  const ann = await cluster.user(t, "ann");
  const roomName = await roomOf(ann);
  await ann.ok("room-message", { roomName, text: "x", __proto__: { a: 1 }, constructor: "c", seq: -1, id: "mine" });
  const [message] = await ann.next("room-message", { roomName });
  assert.notEqual(message.id, "mine");
  assert.ok(message.seq > 0);
});

test("a refused payload does not end the connection", async (t) => {
  const ann = await cluster.user(t, "ann");
  for (const event of Object.keys(IN_ROOMS)) ann.send(event, "no object");
  await ann.ok("ping");
});
