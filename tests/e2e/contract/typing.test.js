// EVENTS.md, "/": typing and stop-typing; the server stops by itself after 2 s without `typing`.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { fence, roomOf, say } from "../lib/rooms.js";
import { holds } from "../lib/until.js";

const cluster = useCluster();

onEveryRoute((route) => {
  test("typing and stop-typing are shown to the others in the room, not to the one who types", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    ann.send("typing", { roomName });
    assert.deepEqual(await bob.next("user-typing"), [{ roomName, username: "ann", userId: ann.id }]);
    ann.send("stop-typing", { roomName });
    assert.deepEqual(await bob.next("user-stop-typing"), [{ roomName, username: "ann", userId: ann.id }]);
    await say(ann, roomName, "fence");
    await ann.next("room-message", { text: "fence" });
    assert.equal(ann.all("user-typing").length + ann.all("user-stop-typing").length, 0);
  });
});

suite("silence", { concurrency: true }, () => {
  test("two seconds after the last typing the server says stop-typing, once", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const since = performance.now();
    ann.send("typing", { roomName });
    await bob.next("user-typing");
    await bob.next("user-stop-typing", { roomName, userId: ann.id });
    const ms = performance.now() - since;
    assert.ok(ms >= 2_000, `after ${ms} ms`);
    await fence(roomName, ann, bob);
    assert.equal(bob.all("user-stop-typing").length, 1);
  });

  test("whoever keeps typing is not stopped", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    let last = 0;
    await holds(() => {
      if (performance.now() - last > 250) ann.send("typing", { roomName }), (last = performance.now());
      return bob.all("user-stop-typing").length === 0;
    }, "no stop while typing", 3_300);
    await bob.next("user-stop-typing", { roomName });
  });

  test("stop-typing by the user means none by the server", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    ann.send("typing", { roomName });
    ann.send("stop-typing", { roomName });
    await bob.next("user-stop-typing");
    await holds(() => bob.all("user-stop-typing").length === 1, "one stop", 2_600);
  });

  test("whoever vanishes while typing is stopped", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    ann.send("typing", { roomName });
    await bob.next("user-typing");
    ann.drop();
    await bob.next("user-stop-typing", { roomName, userId: ann.id });
  });
});

for (const event of ["typing", "stop-typing"]) {
  test(`${event} in somebody else's room is refused`, async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann);
    const { code, message } = await bob.refused(event, { roomName });
    assert.deepEqual({ code, message }, { code: "not_a_member", message: "Not a member of this room" });
  });
}
