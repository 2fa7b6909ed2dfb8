// Nothing stays of a connection that is over: not a descriptor, not a count, no memory.
// CONNECTIONS=10000 is the number; fewer show the same, and sooner.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { residentMiB, useCluster } from "../lib/cluster.js";
import { total } from "../lib/metrics.js";
import { fresh } from "../lib/names.js";
import { RawWebsocket } from "../lib/raw-websocket.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ env: { STARLING_GRACE_MS: 1_000 } });

const CONNECTIONS = Number(process.env.CONNECTIONS ?? 2_000);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
/** At once. */
const BATCH = 100;
/** From the second round to the last. Of one that never enters, something is kept until it would have had to
 * (45 s), of others until their first ping: so it grows for the first 45 s, and then no more. */
const MOST_MIB = 8;

const descriptors = () => cluster.nodes.map(({ pid }) => readdirSync(`/proc/${pid}/fd`).length);
const memory = () => cluster.nodes.map(({ pid }) => Math.round(residentMiB(pid)));
const each = (n, action) => Promise.all(Array.from({ length: n }, (_, i) => action(i)));
const sum = (name) => total(cluster.nodes, name);

/** A websocket: most enter the namespace, and a quarter is online. Its address differs from
 * that of another round, for the ports of one take a minute to be free again. */
async function open(i, round, token) {
  const raw = await RawWebsocket.open(cluster.nodes[i % 2].url, { localAddress: `127.0.0.${round + 2}` });
  if (i % 8 < 2) return raw;
  raw.send(`40${JSON.stringify({ token })}`);
  await raw.until("40{", "a connection enters");
  if (i % 8 < 6) return raw;
  raw.send('421["register",{}]');
  await raw.until('431[{"ok":true', "a user is online");
  return raw;
}

/** A session that polls, and leaves. */
async function poll(i) {
  const address = `${cluster.nodes[i % 2].url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(address)).text()).slice(1));
  await (await fetch(`${address}&sid=${sid}`, { method: "POST", body: "1" })).text();
}

async function churn(n, round) {
  const token = cluster.token({ userId: fresh("user") });
  const open_ = [];
  for (let i = 0; i < n; i += BATCH) open_.push(...(await each(BATCH, (k) => open(i + k, round, token))));
  const peak = { descriptors: descriptors(), memory: memory() };
  // Some say goodbye, and others vanish.
  for (let i = 0; i < n; i += BATCH) await each(BATCH, (k) => (k % 3 ? open_[i + k].close() : open_[i + k].drop()));
  return peak;
}

test(`${CONNECTIONS} connections opened and closed ${ROUNDS} times leave nothing behind`, { timeout: 600_000 }, async (t) => {
  // What a node keeps for good, it has after the first ones.
  await churn(2 * BATCH, 0);
  await until(async () => (await sum("starling_connections")) === 0, "the first ones are gone");
  const baseline = await settled();
  const after = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const since = performance.now();
    const peak = await churn(CONNECTIONS, round);
    const [least] = peak.descriptors.map((now, i) => now - baseline[i]).sort((a, b) => a - b);
    assert.ok(least >= CONNECTIONS / 2, `only ${least} were open at a node`);
    await each(BATCH, poll);
    await until(async () => (await sum("starling_connections")) === 0, "no connection is counted any more", 30_000);
    await until(async () => (await sum("starling_sockets")) === 0, "no namespace has one any more");
    await until(() => String(descriptors()) === String(baseline), `descriptors are ${baseline} again`, 15_000);
    after.push(memory());
    const seconds = ((performance.now() - since) / 1_000).toFixed(1);
    t.diagnostic(`round ${round}: ${peak.memory} MiB while open, ${memory()} after; ${peak.descriptors} descriptors, ${descriptors()} after; ${seconds} s`);
  }
  for (const i of [0, 1]) {
    const growth = after.at(-1)[i] - after[1][i];
    assert.ok(growth < MOST_MIB, `${cluster.nodes[i].name} grew by ${growth} MiB after the second round`);
  }
});

/** The numbers of descriptors, when they have not changed for longer than an idle connection of ours is kept. */
async function settled() {
  let [now, since] = [descriptors(), performance.now()];
  const still = () => {
    if (String(descriptors()) !== String(now)) [now, since] = [descriptors(), performance.now()];
    return performance.now() - since > 6_000;
  };
  await until(still, "the descriptors settle", 60_000);
  return now;
}
