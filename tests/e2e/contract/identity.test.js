// EVENTS.md, overrides 1 and 2: identity comes from the token, and transport ids stay secret.
// Every other test file watches for transport ids too, when its cluster stops.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { onEveryRoute } from "../lib/routes.js";
import { roomOf, say } from "../lib/rooms.js";
import { Witness, witness } from "../lib/witness.js";

const cluster = useCluster();

onEveryRoute((route) => {
  test("nothing that a user is sent contains another's transport id", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    for (const user of [ann, bob]) await user.ok("register", {});
    const roomName = await roomOf(ann, bob);
    await say(ann, roomName, "hi");
    ann.send("typing", { roomName }).send("message", { text: "all" }).send("broadcast", { roomName });
    await ann.ok("room-event", { roomName, event: "wave", data: 1 });
    await ann.ok("set-status", { status: "away" });
    bob.send("list-presence").send("list-rooms");
    for (const event of ["presence-list", "room-list", "user-typing", "wave", "user-status"]) await bob.next(event);
    await ann.ok("leave-room", { roomName });
    await bob.next("user-left-room");
    for (const secret of [ann.socket.id, ann.socket.io.engine.id]) {
      assert.ok(secret.length >= 16);
      assert.ok(!JSON.stringify(bob.log).includes(secret));
    }
    assert.deepEqual(witness.leaks(), []);
  });

  test("a payload's userId and username are ignored in favour of the token's", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(bob);
    const mask = { userId: bob.id, username: "mask" };
    await ann.ok("register", mask);
    await ann.ok("join-room", { roomName, ...mask });
    await ann.ok("room-message", { roomName, text: "hi", ...mask });
    await ann.ok("typing", { roomName, ...mask });
    await ann.ok("set-status", { status: "away", ...mask });
    await ann.ok("message", { text: "to all", ...mask });
    await ann.ok("leave-room", { roomName, ...mask });
    const as = { userId: ann.id, username: "ann" };
    for (const event of ["user-online", "user-joined-room", "room-message", "user-typing", "user-status", "message", "user-left-room"]) {
      await bob.next(event, as);
    }
    assert.ok(!JSON.stringify(bob.log).includes("mask"));
  });
});

test("the witness of every test file would see a leak", () => {
  const other = new Witness();
  other.keepSecret("gw9-0123456789abcdefghij", "ann");
  other.hear("user-online", [{ userId: "ann" }]);
  assert.deepEqual(other.leaks(), []);
  other.hear("user-joined", ["0123456789abcdefghij"]);
  assert.deepEqual(other.leaks(), ['ann\'s transport id in: user-joined ["0123456789abcdefghij"]']);
});
