// EVENTS.md, "Connecting": clients that take nothing or too little, however many, are closed within 30 s,
// take bounded memory, and those beside them in a busy room hear everything, soon.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { residentMiB, useCluster } from "../lib/cluster.js";
import { total } from "../lib/metrics.js";
import { fresh } from "../lib/names.js";
import { RawWebsocket } from "../lib/raw-websocket.js";
import { until } from "../lib/until.js";

const cluster = useCluster();

/** How many of each, and what is said: `times` a text, each `every` ms, for longer than anybody may be slow. */
const BUSY = { node: 0, deaf: 100, trickling: 50, mute: 20, good: 20, every: 20, times: 1_000 };
/** Too little for 1 MiB to wait for anybody. */
const CALM = { node: 1, deaf: 10, trickling: 10, mute: 5, good: 5, every: 150, times: 227 };
const SIZE = 4_000;
/** What the kernel keeps beside the 1 MiB that may wait for a client: so much is said at the most until it is
 * gone. */
const KERNEL = 2 << 20;
/** Documented; a busy machine is late. */
const [GONE_MS, LATE_MS] = [30_000, 3_000];
/** For each that waits 1 MiB at the most; they share what is the same for all. */
const MOST_MIB = 100;
/** Of what the good ones hear, while the others are there as well; on a busy machine, and a hundredth of it on
 * another. Who had to wait for a slow one would wait for ten seconds. */
const [MEDIAN_MS, WORST_MS] = [250, 5_000];

const connectPacket = (name) => `40${JSON.stringify({ token: cluster.token({ userId: fresh(name), username: name }) })}`;
const join = (roomName) => `421["join-room",${JSON.stringify({ roomName })}]`;
const pause = (ms) => ms > 0 && new Promise((resolve) => setTimeout(resolve, ms));

/** A member who reads nothing from now on. */
async function enterDeaf(url, roomName) {
  const raw = await RawWebsocket.open(url);
  raw.send(connectPacket("deaf"));
  await raw.until("40{", "a deaf one enters");
  raw.send(join(roomName));
  await raw.until('431[{"ok":true', "a deaf one joins");
  raw.stop();
  return raw;
}

/** A member who polls no more. */
async function enterMute(url, roomName) {
  const address = `${url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(address)).text()).slice(1));
  const session = `${address}&sid=${sid}`;
  for (const [packet, answer] of [[connectPacket("mute"), "40{"], [join(roomName), '431[{"ok":true']]) {
    assert.equal((await fetch(session, { method: "POST", body: packet })).status, 200);
    let heard = "";
    await until(async () => (heard += await (await fetch(session)).text()).includes(answer), "a mute one joins");
  }
}

suite("who reads nothing, trickles or polls no more is gone in time, and others are not disturbed", { concurrency: true }, () => {
  test("in a busy room, of 200 kB/s", (t) => listen(t, BUSY));
  test("in a calm one, of 27 kB/s", (t) => listen(t, CALM));
});

async function listen(t, { deaf, trickling, mute, ...how }) {
  const node = cluster.nodes[how.node];
  const { every, times } = how;
  const slowOnes = deaf + trickling + mute;
  // And who talks in the other room.
  const others = how.good + 1;
  const sockets = () => total([node], "starling_sockets");
  const slow = () => total([node], "starling_slow_consumers_total");
  const ann = await cluster.user(t, "ann", { node: 1 - how.node });
  const roomName = fresh("room");
  await ann.ok("create-room", { roomName });
  const good = await Promise.all(Array.from({ length: how.good }, (_, i) => cluster.user(t, `good${i}`, { node: how.node })));
  for (const user of good) await user.ok("join-room", { roomName });
  const before = { slow: await slow(), memory: residentMiB(node.pid) };
  const bad = [];
  t.after(() => bad.forEach((raw) => raw.drop()));
  for (let i = 0; i < deaf + trickling; i += 10) bad.push(...(await Promise.all(Array.from({ length: 10 }, () => enterDeaf(node.url, roomName)))));
  await Promise.all(Array.from({ length: mute }, () => enterMute(node.url, roomName)));
  const taken = bad.map((raw) => raw.taken);
  const trickle = setInterval(() => bad.slice(deaf).forEach((raw) => raw.sip()), 1_000);
  t.after(() => clearInterval(trickle));
  await until(async () => (await sockets()) === others + slowOnes, "all are there");

  const since = performance.now();
  const [sent, left] = [[], []];
  const text = "x".repeat(SIZE - 10);
  let [most, gone] = [0];
  for (let i = 0; i < times; i++) {
    sent.push(performance.now());
    ann.send("room-message", { roomName, text: `${i} ${text}` });
    if (i % Math.ceil(500 / every) === 0) {
      most = Math.max(most, residentMiB(node.pid));
      const there = await sockets();
      left.push(`${((performance.now() - since) / 1_000).toFixed(0)} s ${there - others}`);
      // Who talks in this room is gone when the other test is done before.
      const all = there <= others && (await slow()) - before.slow >= slowOnes;
      if (!gone && all) gone = { ms: performance.now() - since, bytes: i * SIZE };
    }
    await pause(since + (i + 1) * every - performance.now());
  }
  const counted = (await slow()) - before.slow;
  t.diagnostic(`slow ones left: ${left.join(", ")}`);
  t.diagnostic(`${(most - before.memory).toFixed(0)} MiB more than ${before.memory.toFixed(0)} at the most, ${counted} counted as slow`);
  const drunk = bad.map((raw, i) => raw.taken - taken[i]);
  assert.ok(drunk.every((bytes, i) => (i < deaf ? bytes === 0 : bytes > 3_000)), `read meanwhile: ${drunk}`);
  assert.ok(gone, "all are gone");
  assert.ok(gone.ms < GONE_MS + LATE_MS && gone.bytes < (1 << 20) + KERNEL, `all are gone after ${gone.ms} ms and ${gone.bytes} bytes`);

  const late = [];
  for (const user of good) {
    await until(() => user.all("room-message").length >= times, `${user.username} hears everything`);
    const heard = user.log.filter(({ event }) => event === "room-message");
    assert.deepEqual(heard.map(({ args }) => parseInt(args[0].text)), Array.from({ length: times }, (_, i) => i));
    late.push(...heard.map(({ at }, i) => at - sent[i]));
    assert.ok(!user.log.some(({ event }) => event === "disconnect"), `${user.username} was disconnected`);
  }
  late.sort((a, b) => a - b);
  const [median, worst] = [late[late.length >> 1], late.at(-1)];
  t.diagnostic(`latency: median ${median.toFixed(0)} ms, 99 % ${late[Math.floor(late.length * 0.99)].toFixed(0)} ms, worst ${worst.toFixed(0)} ms`);
  assert.ok(median < MEDIAN_MS && worst < WORST_MS, `latency: median ${median} ms, worst ${worst} ms`);
  assert.ok(most - before.memory < MOST_MIB, `${most - before.memory} MiB`);
  assert.equal(counted, slowOnes, "each is counted as slow, once");
}
