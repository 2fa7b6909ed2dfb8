// CONFIGURATION.md, `[limits]`.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { onEveryRoute } from "../lib/routes.js";
import { fenceAll, roomOf } from "../lib/rooms.js";
import { total } from "../lib/metrics.js";
import { until } from "../lib/until.js";

const cluster = useCluster();
const KIB = 1024;
/** More than passes within seconds, however slowly it is sent and handled. */
const FLOOD = 1_000;

suite("events", () => {
  test("beyond the burst of 200 are rate_limited, which is retryable, and pass again after a pause", async (t) => {
    const ann = await cluster.user(t, "ann");
    const since = performance.now();
    const answers = await Promise.all(Array.from({ length: FLOOD }, () => ann.ask("ping")));
    const passed = answers.filter(({ ok }) => ok).length;
    const allowed = 200 + ((performance.now() - since) * 100) / 1_000;
    assert.ok(passed >= 200 && passed <= allowed && passed < FLOOD, `${passed} passed, ${allowed} allowed`);
    for (const { error } of answers.filter(({ ok }) => !ok)) {
      assert.deepEqual([error.code, error.retryable], ["rate_limited", true]);
    }
    await until(async () => (await ann.ask("ping")).ok, "events pass again");
  });

  test("beyond the limit and without an acknowledgement are told by error", async (t) => {
    const ann = await cluster.user(t, "ann");
    for (let i = 0; i < FLOOD; i++) ann.send("ping");
    await ann.next("error", { code: "rate_limited", event: "ping" });
  });

  test("at 90 a second are never limited", async (t) => {
    const ann = await cluster.user(t, "ann");
    const answers = [];
    let last = performance.now();
    await until(() => {
      // What could not be sent in time on a busy machine is not made up for: that would be a burst.
      const due = Math.min(Math.floor(((performance.now() - last) * 90) / 1_000), 20);
      if (due > 0) last = performance.now();
      for (let i = 0; i < due; i++) answers.push(ann.ask("ping"));
      return answers.length >= 360;
    }, "more events than a burst", 60_000);
    assert.ok((await Promise.all(answers)).every(({ ok }) => ok));
  });

  test("of a user who takes two nodes count together", async (t) => {
    const ann = await cluster.user(t, "ann");
    const devices = [ann];
    for (let i = 1; i < 16; i++) devices.push(await cluster.user(t, "ann", { id: ann.id, node: i % 2 }));
    // Within the burst of each connection, and many times what the user may send in a second.
    const floods = devices.flatMap((device) => Array.from({ length: 190 }, () => device.ask("ping")));
    const answers = await Promise.all(floods);
    const refused = answers.filter(({ ok }) => !ok);
    assert.ok(refused.length > 0, `none of ${answers.length} refused: the nodes do not count together`);
    assert.ok(refused.every(({ error }) => error.code === "rate_limited"));
  });

  test("that flood for ten seconds end the connection, and only that one", async (t) => {
    const [flood, calm] = [await cluster.user(t, "flood"), await cluster.user(t, "calm")];
    const since = performance.now();
    await until(
      () => {
        for (let i = 0; i < 30 && flood.connected; i++) flood.send("ping");
        return !flood.connected;
      },
      "the flood ends",
      40_000,
    );
    const seconds = (performance.now() - since) / 1_000;
    assert.ok(seconds >= 10, `after ${seconds} s`);
    await calm.ok("ping");
    assert.ok((await total(cluster.nodes, "starling_rate_limited_total")) > 0);
  });
});

test("a connection is in 64 rooms at the most, and in the 64 it stays", async (t) => {
  const ann = await cluster.user(t, "ann");
  const rooms = [];
  for (let i = 0; i < 64; i++) rooms.push(await roomOf(ann));
  const bob = await cluster.user(t, "bob", { node: 1 });
  const another = await roomOf(bob);
  for (const [event, roomName] of [["create-room", fresh("room")], ["join-room", another]]) {
    assert.equal((await ann.refused(event, { roomName })).code, "too_many_rooms", event);
  }
  // The room that could not be created is nobody's.
  await ann.ok("room-message", { roomName: rooms[63], text: "still here" });
  await ann.ok("join-room", { roomName: rooms[0] });
  await ann.ok("leave-room", { roomName: rooms[0] });
  await ann.ok("join-room", { roomName: another });
});

test("a room that was refused as the 65th does not exist", async (t) => {
  const ann = await cluster.user(t, "ann");
  for (let i = 0; i < 64; i++) await roomOf(ann);
  const roomName = fresh("refused");
  await ann.refused("create-room", { roomName });
  const bob = await cluster.user(t, "bob", { node: 1 });
  assert.equal((await bob.refused("join-room", { roomName })).code, "room_not_found");
});

onEveryRoute((route) => {
  test("a packet near 256 KiB passes, a larger one ends the connection", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const size = 250 * KIB;
    ann.send("broadcast", "x".repeat(size));
    await bob.next("message", (data) => data?.length === size);
    ann.send("broadcast", "y".repeat(1_100 * KIB));
    await ann.next("disconnect");
    // From the node that the large one was sent to.
    await fenceAll(await cluster.user(t, "carl", { route }), bob);
    assert.equal(bob.all("message", (data) => data?.[0] === "y").length, 0);
  });

  test("ten attachments pass", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const parts = (n) => Array.from({ length: n }, (_, i) => Buffer.from([i]));
    await ann.ok("room-event", { roomName, event: "parts", data: parts(10) });
    const [received] = await bob.next("parts");
    assert.deepEqual(received.map((part) => part[0]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("an eleventh attachment reaches nobody", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const data = Array.from({ length: 11 }, (_, i) => Buffer.from([i]));
    ann.send("room-event", { roomName, event: "parts", data });
    await until(() => !ann.connected || ann.all("error").length > 0, "it is refused");
    await bob.ok("room-message", { roomName, text: "fence" });
    await bob.next("room-message", { text: "fence" });
    assert.equal(bob.all("parts").length, 0);
  });
});
