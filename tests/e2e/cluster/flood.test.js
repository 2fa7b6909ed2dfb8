// A client that sends faster than its events are handled is read more slowly, and answered in order.

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";

import { connectedByHand } from "../lib/by-hand.js";
import { residentMiB, useCluster } from "../lib/cluster.js";
import { roomOf } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster();
const EVENTS = 10_000;
const TEXT = "x".repeat(2_000);
/** Far less than what is sent, in MiB: what the kernel keeps on either side is not the gateway's. */
const GROWTH = 10;

/** The answers to a flood of messages, and what of them each answer was. */
const answersIn = (packets) => packets.map((packet) => /^43(\d+)(.*)$/.exec(packet)).filter(Boolean);

test("a flood while Redis is stopped stays with its sender, and all of it is answered in order", async (t) => {
  const [ann, gateway] = [await cluster.user(t, "ann"), cluster.nodes[0]];
  const roomName = await roomOf(ann);
  const socket = await connectedByHand(t, cluster);
  socket.send(`42${JSON.stringify(["join-room", { roomName }])}`);
  await until(() => socket.packets.some((packet) => packet.includes("joined-room")), "it has joined");
  const before = residentMiB(gateway.pid);

  await cluster.signal(cluster.redis, "SIGSTOP");
  try {
    for (let i = 0; i < EVENTS; i++) socket.send(`42${i}${JSON.stringify(["room-message", { roomName, text: `${i} ${TEXT}` }])}`);
    await delay(3_000);
    const [left, grown] = [socket.bufferedAmount / 2 ** 20, residentMiB(gateway.pid) - before];
    t.diagnostic(`${left.toFixed(1)} MiB are left with the sender, and the gateway grew by ${grown.toFixed(1)} MiB`);
    assert.ok(left > 1, `${left} MiB are left`);
    assert.ok(grown < GROWTH, `grew by ${grown} MiB`);
  } finally {
    await cluster.signal(cluster.redis, "SIGCONT");
  }

  await until(() => answersIn(socket.packets).length === EVENTS, "all is answered", 60_000);
  const answers = answersIn(socket.packets);
  answers.forEach(([, id], i) => assert.equal(Number(id), i, "answers come in order"));
  const stored = answers.filter(([, , answer]) => answer.startsWith('[{"ok":true')).map(([, id]) => Number(id));
  t.diagnostic(`${stored.length} were stored`);
  assert.ok(stored.length > 0);
  assert.equal(socket.readyState, socket.OPEN);
  await until(() => ann.all("room-message", { roomName }).length >= stored.length, "all that was stored is heard");
  const heard = ann.all("room-message", { roomName }).map(({ text }) => parseInt(text));
  // One that was answered `unavailable` may be stored as well.
  assert.deepEqual(heard.filter((i) => stored.includes(i)), stored);
  assert.deepEqual(heard, heard.toSorted((a, b) => a - b));
});
