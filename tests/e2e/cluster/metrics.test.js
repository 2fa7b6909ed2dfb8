// What /metrics says is what happened.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { total } from "../lib/metrics.js";
import { DIRECT } from "../lib/routes.js";
import { roomOf, say, texts } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3 });
const count = (name, labels) => total(cluster.nodes, name, labels);
const reaches = (n, name, labels) =>
  until(async () => (await count(name, labels)) === n, `${name} ${JSON.stringify(labels)} is ${n}`).catch(async (error) => {
    throw new Error(`${error.message}, but ${await count(name, labels)}`);
  });

const on = (transport) => ({ ...DIRECT, transport });

test("connections by transport and sockets by namespace are counted, and go when they go", async (t) => {
  const sockets = await Promise.all(Array.from({ length: 5 }, (_, node) => cluster.user(t, "ws", { node, route: on("websocket") })));
  const upgraded = await Promise.all(Array.from({ length: 3 }, (_, node) => cluster.user(t, "up", { node, route: on("upgrade") })));
  const pollers = await Promise.all(Array.from({ length: 4 }, (_, node) => cluster.user(t, "poll", { node, route: on("polling") })));
  await reaches(8, "starling_connections", { transport: "websocket" });
  await reaches(4, "starling_connections", { transport: "polling" });
  await reaches(12, "starling_sockets", { namespace: "/" });
  for (const user of [...sockets, ...upgraded, ...pollers]) user.close();
  await reaches(0, "starling_connections", { transport: "websocket" });
  await reaches(0, "starling_connections", { transport: "polling" });
  await reaches(0, "starling_sockets", { namespace: "/" });
});

test("a refused connection is no socket", async (t) => {
  const before = await count("starling_sockets", { namespace: "/" });
  const client = cluster.open(t, cluster.nodes[0].url, { auth: { token: "bad" } });
  await client.refusal();
  client.close();
  // The engine keeps a transport that never entered a namespace, but it is no connection any more.
  await reaches(0, "starling_connections", { transport: "websocket" });
  assert.equal(await count("starling_sockets", { namespace: "/" }), before);
});

test("events received and messages delivered are as many as were sent and heard", async (t) => {
  const people = await cluster.users(t, DIRECT, "ann", "bob", "carl", "dora", "emil", "fred");
  const roomName = await roomOf(...people);
  const event = "room-message";
  const before = {
    ok: await count("starling_events_received_total", { event, outcome: "ok" }),
    refused: await count("starling_events_received_total", { event, outcome: "not_a_member" }),
    delivered: await count("starling_deliveries_total", { event }),
    stored: await count("starling_events_published_total", { kind: "stored" }),
  };
  const outsider = await cluster.user(t, "outsider", { node: 1 });
  for (let i = 0; i < 3; i++) await outsider.refused(event, { roomName, text: "x" });
  const [first, second] = people;
  await say(first, roomName, ...texts(30, "a"));
  await say(second, roomName, ...texts(20, "b"));
  for (const user of people) await until(() => user.all(event, { roomName }).length === 50, "all is heard");
  const heard = people.reduce((sum, user) => sum + user.all(event).length, 0);
  assert.equal(heard, 50 * people.length);

  await reaches(before.ok + 50, "starling_events_received_total", { event, outcome: "ok" });
  await reaches(before.refused + 3, "starling_events_received_total", { event, outcome: "not_a_member" });
  await reaches(before.delivered + heard, "starling_deliveries_total", { event });
  await reaches(before.stored + 50, "starling_events_published_total", { kind: "stored" });
});

test("a repeat with the same clientId is received twice and delivered once", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann, bob);
  const before = await count("starling_deliveries_total", { event: "room-message" });
  for (let i = 0; i < 2; i++) await ann.ok("room-message", { roomName, text: "x", clientId: "x" });
  await say(ann, roomName, "fence");
  await bob.next("room-message", { text: "fence" });
  await reaches(before + 4, "starling_deliveries_total", { event: "room-message" });
});

test("rate limits are counted", async (t) => {
  const ann = await cluster.user(t, "ann");
  const before = await count("starling_rate_limited_total");
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => ann.ask("ping")));
  const refused = answers.filter(({ ok }) => !ok).length;
  assert.ok(refused > 0);
  await reaches(before + refused, "starling_rate_limited_total");
});

test("Redis is up on every node, and every node knows itself", async () => {
  await reaches(3, "starling_redis_up", {});
});
