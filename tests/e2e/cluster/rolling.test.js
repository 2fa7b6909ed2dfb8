// All three nodes are replaced one after the other under load.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { useCluster } from "../lib/cluster.js";
import { allHear, assertNothingLost, gather } from "../lib/participant.js";
import { fresh } from "../lib/names.js";
import { holds } from "../lib/until.js";
import { Client } from "../lib/client.js";

const cluster = useCluster({ nodes: 3, env: { STARLING_DRAIN_MS: 5_000 } });

/** Talks until told to stop. */
async function chatter(person, stopped) {
  for (let i = 0; !stopped(); i++) await person.sayAll([`${person.id} ${i}`, `${person.id} ${i} bis`], 100);
}

/** Shakes hands through nginx until told to stop; returns how often, and what failed. */
async function shakeHands(stopped) {
  const failed = [];
  let done = 0;
  for (; !stopped(); done++) {
    const answer = await fetch(`${cluster.url}/socket.io/?EIO=4&transport=polling`).catch((error) => ({ error }));
    if (answer.status !== 200) failed.push(answer.error?.message ?? answer.status);
    await answer.text?.();
    await delay(20);
  }
  return { done, failed };
}

/** Connects stock clients until told to stop. */
async function connectAgainAndAgain(transport, stopped) {
  const failed = [];
  let done = 0;
  for (; !stopped(); done++) {
    const auth = { token: cluster.token({ userId: fresh("visitor") }) };
    const client = new Client(cluster.url, { transport, auth, reconnection: true });
    await client.ready().catch((error) => failed.push(error.message));
    client.close();
  }
  return { done, failed };
}

test("a rolling SIGTERM: no handshake fails, nothing acknowledged is lost, nobody is shown offline", async (t) => {
  const people = await gather(t, cluster, 12);
  let stop = false;
  const stopped = () => stop;
  const talking = people.slice(0, 6).map((person) => chatter(person, stopped));
  const hands = shakeHands(stopped);
  const visits = ["websocket", "polling"].map((transport) => connectAgainAndAgain(transport, stopped));

  const drains = [];
  for (const { name } of cluster.nodes) {
    const since = performance.now();
    await cluster.signal(cluster.node(name), "SIGTERM");
    drains.push(performance.now() - since);
    await cluster.revive();
  }
  stop = true;
  await Promise.all(talking);
  await allHear(people);
  const acknowledged = assertNothingLost(people);

  const results = await Promise.all([hands, ...visits]);
  t.diagnostic(`${acknowledged} messages; ${results.map(({ done }) => done).join(" + ")} handshakes; drained in ${drains.map((ms) => (ms / 1_000).toFixed(1)).join(", ")} s`);
  for (const { done, failed } of results) {
    assert.ok(done > 10, `${done} handshakes`);
    assert.deepEqual(failed, []);
  }
  assert.ok(drains.every((ms) => ms < 20_000), `drained in ${drains} ms`);
  assert.ok(people.every(({ lost }) => lost >= 1), "everybody had to move");
  assert.ok(people.every(({ anew }) => anew === 0), "everybody kept their session");
  const shown = () => people.flatMap(({ client }) => client.all("user-offline", { userId: (id) => people.some((p) => p.id === id) }));
  await holds(() => shown().length === 0, "nobody is shown offline", 7_000);
});

test("a drained connection ends as a lost transport, so that stock clients come back by themselves", async (t) => {
  const user = await cluster.user(t, "ann", { node: 1 });
  await cluster.signal(cluster.nodes[1], "SIGTERM");
  const [reason] = await user.next("disconnect");
  assert.match(reason, /^transport (close|error)$/);
  await cluster.revive();
});

test("a draining node is not ready and takes no handshakes", async (t) => {
  const node = cluster.nodes[2];
  // Somebody has to be there, or the drain is over at once.
  const user = await cluster.user(t, "ann", { node: 2 });
  const seen = { ready: [], handshake: [] };
  const ended = cluster.signal(node, "SIGTERM");
  const look = async () => {
    seen.ready.push(await fetch(`${node.admin}/health/ready`).then((a) => a.status, () => "gone"));
    seen.handshake.push(await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`).then((a) => a.status, () => "gone"));
  };
  while (user.connected) await look();
  // The last look may have been before the drain began; the user's end was not.
  await look();
  await ended;
  await cluster.revive();
  for (const answers of Object.values(seen)) assert.ok([503, "gone"].includes(answers.at(-1)), JSON.stringify(seen));
});
