// Redis stops for a while, loses its subscribers, or is slow to come back: the cluster heals by itself.

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { suite, test } from "node:test";

import { residentMiB, useCluster } from "../lib/cluster.js";
import { total } from "../lib/metrics.js";
import { allHear, assertNothingLost, gather } from "../lib/participant.js";
import { redis } from "../lib/resp.js";
import { roomOf, say, texts } from "../lib/rooms.js";
import { DIRECT } from "../lib/routes.js";
import { holds, until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3 });
/** What a node may grow by while Redis is away, in MiB. */
const GROWTH = 64;

const memory = () => cluster.nodes.map(({ pid }) => residentMiB(pid));
const status = (node) => fetch(`${node.admin}/health/ready`).then((answer) => answer.status);
const offlineOf = (people) => people.flatMap(({ client }) => client.all("user-offline", { userId: (id) => people.some((p) => p.id === id) }));

/** Stops Redis while `during` runs; it goes on whatever happens. */
async function withRedisStopped(during) {
  await cluster.signal(cluster.redis, "SIGSTOP");
  try {
    return await during();
  } finally {
    await cluster.signal(cluster.redis, "SIGCONT");
  }
}

async function healthy() {
  await until(async () => (await Promise.all(cluster.nodes.map(status))).every((s) => s === 200), "all nodes are ready", 20_000);
}

test("Redis stopped for 5 s under load: nothing acknowledged is lost, nobody is offline, memory is bounded", async (t) => {
  const people = await gather(t, cluster, 9, cluster.nodes.map(({ url }) => url));
  const before = memory();
  const talking = Promise.all(people.slice(0, 6).map((p) => p.sayAll(texts(200, p.id), 40)));
  await until(() => people[0].heard.length >= 200, "the load runs", 60_000);
  await withRedisStopped(() => delay(5_000));
  await talking;
  await allHear(people);
  assert.equal(assertNothingLost(people), 1_200);
  const growth = memory().map((now, i) => now - before[i]);
  t.diagnostic(`memory grew by ${growth.map((mib) => mib.toFixed(1)).join(", ")} MiB`);
  assert.ok(growth.every((mib) => mib < GROWTH), `grew by ${growth} MiB`);
  await healthy();
  await holds(() => offlineOf(people).length === 0, "nobody is shown offline", 8_000);
});

test("subscribers killed again and again under load: nothing is lost, not even late", async (t) => {
  const people = await gather(t, cluster, 9, cluster.nodes.map(({ url }) => url));
  const before = memory();
  const talking = Promise.all(people.slice(0, 6).map((p) => p.sayAll(texts(150, p.id), 40)));
  let killed = 0;
  for (let i = 0; i < 10; i++) {
    await until(() => people[0].heard.length >= 80 * i, "the load runs", 60_000);
    const answer = await redis(cluster.redis.url, "CLIENT", "KILL", "TYPE", "pubsub");
    killed += Number(answer.slice(1));
  }
  await talking;
  await allHear(people);
  assert.equal(assertNothingLost(people), 900);
  assert.ok(killed >= 10, `${killed} connections killed`);
  const growth = memory().map((now, i) => now - before[i]);
  t.diagnostic(`${killed} connections killed, memory grew by ${growth.map((mib) => mib.toFixed(1)).join(", ")} MiB`);
  assert.ok(growth.every((mib) => mib < GROWTH), `grew by ${growth} MiB`);
  assert.ok(people.every(({ lost }) => lost === 0), "no client noticed");
  assert.ok((await total(cluster.nodes, "starling_gaps_healed_total")) >= 0);
});

suite("while Redis does not answer", () => {
  test("a message fails fast as unavailable, and the same one passes afterwards, once", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const message = { roomName, text: "again", clientId: "again" };
    await withRedisStopped(async () => {
      const error = await ann.refused("room-message", message);
      assert.deepEqual([error.code, error.retryable], ["unavailable", true]);
    });
    await until(async () => (await ann.ask("room-message", message)).ok, "it passes", 10_000);
    await say(ann, roomName, "fence");
    await bob.next("room-message", { text: "fence" });
    assert.equal(bob.all("room-message", { text: "again" }).length, 1);
    await healthy();
  });

  test("joining fails as Failed to join room or unavailable, both retryable", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann);
    const error = await withRedisStopped(() => bob.refused("join-room", { roomName }));
    assert.ok(error.retryable);
    assert.ok(error.message === "Failed to join room" || error.code === "unavailable", error.message);
    await healthy();
    await bob.ok("join-room", { roomName });
  });

  test("live events still reach members on the same node", async (t) => {
    const ann = await cluster.user(t, "ann");
    const bob = await cluster.user(t, "bob", { node: 0 });
    const roomName = await roomOf(ann, bob);
    await withRedisStopped(async () => {
      ann.send("room-event", { roomName, event: "wave", data: "hello?" });
      await bob.next("wave", (data) => data === "hello?");
    });
    await healthy();
  });

  test("readiness turns red and green again, and liveness stays green", async () => {
    await withRedisStopped(async () => {
      await until(async () => (await Promise.all(cluster.nodes.map(status))).every((s) => s === 503), "all are unready", 20_000);
      for (const { admin } of cluster.nodes) assert.equal((await fetch(`${admin}/health/live`)).status, 200);
    });
    await healthy();
  });
});

test("a node that hears nothing any more is not ready, although its commands pass", async (t) => {
  const ann = await cluster.user(t, "ann");
  const roomName = await roomOf(ann);
  const forbid = (rule) => redis(cluster.redis.url, "ACL", "SETUSER", "default", rule);
  await forbid("-subscribe");
  try {
    await redis(cluster.redis.url, "CLIENT", "KILL", "TYPE", "pubsub");
    await until(async () => (await Promise.all(cluster.nodes.map(status))).every((s) => s === 503), "all are unready", 8_000);
    await ann.ok("room-message", { roomName, text: "stored" });
  } finally {
    await forbid("+subscribe");
  }
  await healthy();
  await ann.next("room-message", { text: "stored" });
});
