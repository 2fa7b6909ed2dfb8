// What an installation can choose about the contract: limits, grants, old clients.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import ioV2 from "socket.io-client-v2";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT } from "../lib/routes.js";
import { roomOf, say, texts } from "../lib/rooms.js";
import { until, within } from "../lib/until.js";

suite("limits that are set lower", () => {
  const cluster = useCluster({
    env: { STARLING_MAX_TEXT: 10, STARLING_MAX_ROOMS: 2, STARLING_MAX_JSON_DEPTH: 8, STARLING_EVENTS_BURST: 20, STARLING_EVENTS_PER_SECOND: 10 },
  });

  test("hold", async (t) => {
    const ann = await cluster.user(t, "ann");
    const roomName = await roomOf(ann);
    assert.equal((await ann.refused("room-message", { roomName, text: "x".repeat(11) })).code, "too_large");
    await roomOf(ann);
    assert.equal((await ann.refused("create-room", { roomName: fresh("r") })).code, "too_many_rooms");
    assert.equal((await ann.refused("broadcast", [[[[[[[[[]]]]]]]]])).code, "invalid_payload");
  });

  test("of events hold as well", async (t) => {
    const ann = await cluster.user(t, "ann");
    const since = performance.now();
    const answers = await Promise.all(Array.from({ length: 400 }, () => ann.ask("ping")));
    const passed = answers.filter(({ ok }) => ok).length;
    const allowed = 20 + ((performance.now() - since) * 10) / 1_000;
    assert.ok(passed >= 20 && passed <= allowed && passed < 400, `${passed} passed, ${allowed} allowed`);
  });
});

suite("with a short history", () => {
  const cluster = useCluster({
    // While 540 messages are said, the session has to be kept.
    env: { STARLING_HISTORY: 100, STARLING_EVENTS_BURST: 1_000, STARLING_USER_EVENTS_PER_SECOND: 1_000, STARLING_GRACE_MS: 60_000 },
  });

  test("what was trimmed is not recovered, and what is held is sent", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("register", {});
    const roomName = await roomOf(ann, bob);
    const [{ seq }] = await say(bob, roomName, "the last that ann heard");
    ann.drop();
    // Streams are trimmed roughly, so it takes more than a hundred.
    await say(bob, roomName, ...texts(180), ...texts(180, "more"), ...texts(180, "most"));
    const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: seq } });
    const [{ missed, recovered }] = await again.next("session-restored");
    assert.equal(recovered[roomName], false);
    const held = missed[roomName].map(({ text }) => text);
    assert.ok(held.length >= 100 && held.length < 540, `${held.length} held`);
    assert.deepEqual(held.slice(-100), texts(180, "most").slice(-100));
  });
});

suite("with rooms.require_grant", () => {
  const cluster = useCluster({ env: { STARLING_ROOMS_REQUIRE_GRANT: "true" } });

  test("a public room needs a grant too", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann);
    assert.equal((await bob.refused("join-room", { roomName })).message, "Not authorized to join this room");
    const carl = await cluster.user(t, "carl", { node: 1, claims: { rooms: ["room-*"] } });
    await carl.ok("join-room", { roomName });
  });
});

suite("Engine.IO 3 clients", () => {
  const cluster = useCluster({ env: { STARLING_ALLOW_EIO3: "true" } });

  for (const transport of ["polling", "websocket"]) {
    test(`talk with version 4 clients (${transport})`, async (t) => {
      const bob = await cluster.user(t, "bob", { node: 1 });
      const roomName = await roomOf(bob);
      const Authorization = `Bearer ${cluster.token({ userId: fresh("old"), username: "old" })}`;
      const old = ioV2(cluster.nodes[0].url, {
        forceNew: true,
        transports: [transport],
        extraHeaders: { Authorization },
        transportOptions: { polling: { extraHeaders: { Authorization } } },
      });
      t.after(() => old.close());
      const heard = [];
      old.on("room-message", (message) => heard.push(message.text));
      const ask = (event, payload) => within(new Promise((resolve) => old.emit(event, payload, resolve)), `${event} is acknowledged`);
      await until(() => old.connected, "the old client connects");
      assert.equal((await ask("join-room", { roomName })).ok, true);
      assert.equal((await ask("room-message", { roomName, text: "from the past" })).ok, true);
      await bob.next("room-message", { text: "from the past", username: "old" });
      await say(bob, roomName, "from the present");
      await until(() => heard.includes("from the present"), "the old client hears");
    });
  }
});

suite("Engine.IO 3 clients by default", () => {
  const cluster = useCluster({ nodes: 1 });

  test("are refused", async () => {
    const answer = await fetch(`${cluster.url}/socket.io/?EIO=3&transport=polling`);
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /Unsupported protocol version/);
  });
});
