// EVENTS.md, "/": room-event, named events that are relayed and not stored, binary included.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { roomOf, say } from "../lib/rooms.js";

const cluster = useCluster();

onEveryRoute((route) => {
  test("the named event reaches the others in the room, not its sender", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    await ann.ok("room-event", { roomName, event: "wave", data: { hand: ["left", 2] } });
    assert.deepEqual(await bob.next("wave"), [{ hand: ["left", 2] }]);
    await say(ann, roomName, "fence");
    await ann.next("room-message", { text: "fence" });
    assert.equal(ann.all("wave").length, 0);
  });

  test("an image arrives byte for byte", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const image = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251));
    await ann.ok("room-event", { roomName, event: "image", data: image });
    const [received] = await bob.next("image");
    assert.ok(Buffer.isBuffer(received), "a Buffer, not an object that describes one");
    assert.ok(image.equals(received));
  });

  test("binary parts keep their places among the rest", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const data = { first: Buffer.from([1]), text: "between", list: [Buffer.from([2, 2]), Buffer.alloc(0)] };
    await ann.ok("room-event", { roomName, event: "parts", data });
    assert.deepEqual((await bob.next("parts"))[0], data);
  });
});

test("an event is not stored: who joins later sees nothing of it", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann);
  await ann.ok("room-event", { roomName, event: "wave", data: 1 });
  await bob.ok("join-room", { roomName });
  assert.deepEqual((await bob.next("room-history"))[0].messages, []);
});

test("another device of the sender gets it", async (t) => {
  const ann = await cluster.user(t, "ann");
  const tablet = await cluster.user(t, "ann", { id: ann.id, node: 1 });
  const roomName = await roomOf(ann);
  await tablet.ok("join-room", { roomName });
  await ann.ok("room-event", { roomName, event: "wave", data: "both hands" });
  assert.deepEqual(await tablet.next("wave"), ["both hands"]);
});

test("someone outside the room neither sends nor hears", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann);
  const { code, message } = await bob.refused("room-event", { roomName, event: "wave", data: 1 });
  assert.deepEqual({ code, message }, { code: "not_a_member", message: "Not a member of this room" });
  await ann.ok("room-event", { roomName, event: "wave", data: 1 });
  ann.send("broadcast", `fence ${roomName}`);
  await bob.next("message", (data) => data === `fence ${roomName}`);
  assert.equal(bob.all("wave").length, 0);
});

suite("names", () => {
  const good = ["a", "custom:event_1-x", "0", "x".repeat(64)];
  const bad = ["", "A", "two words", "x".repeat(65), "ümlaut", "a.b", "new\nline", 7, null, ["a"]];
  const ours = ["room-message", "message", "user-online", "user-offline", "room-members", "session-restored", "error", "pong"];
  const socketIo = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

  for (const event of good) {
    test(`"${event.slice(0, 20)}" may be used`, async (t) => {
      const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
      const roomName = await roomOf(ann, bob);
      await ann.ok("room-event", { roomName, event, data: fresh("d") });
      await bob.next(event);
    });
  }

  for (const event of [...bad, ...ours, ...socketIo]) {
    test(`${JSON.stringify(event).slice(0, 30)} may not`, async (t) => {
      const ann = await cluster.user(t, "ann");
      const roomName = await roomOf(ann);
      assert.equal((await ann.refused("room-event", { roomName, event, data: 1 })).code, "invalid_payload");
    });
  }
});
