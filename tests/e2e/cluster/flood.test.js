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
/** Far less than what is sent, in MiB: how much the gateway may grow. */
const GROWTH = 10;
/** What the kernel keeps on either side, in MiB. */
const KERNEL = 11;

/** Waits until a number stays the same for half a second. */
async function settled(count) {
  let [last, since] = [count(), Date.now()];
  while (Date.now() - since < 500) {
    await delay(50);
    if (count() !== last) [last, since] = [count(), Date.now()];
  }
}

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
    await settled(() => socket.bufferedAmount);
    const left = socket.bufferedAmount / 2 ** 20;
    // After a while a gateway that Redis does not answer says so to whatever comes, and reads on.
    const unanswered = ((EVENTS - answersIn(socket.packets).length) * TEXT.length) / 2 ** 20;
    const grown = residentMiB(gateway.pid) - before;
    const mib = (n) => `${n.toFixed(1)} MiB`;
    t.diagnostic(`${mib(unanswered)} are not answered, ${mib(left)} are left with the sender, and the gateway grew by ${mib(grown)}`);
    assert.ok(left > unanswered - KERNEL, "what is not answered is not read");
    assert.ok(grown < GROWTH, `grew by ${mib(grown)}`);
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
