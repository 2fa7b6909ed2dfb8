// EVENTS.md, "Connecting": a client that does not read is closed within 30 s, and nobody waits for it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";

import { residentMiB, useCluster } from "../lib/cluster.js";
import { total } from "../lib/metrics.js";
import { fresh } from "../lib/names.js";
import { until, within } from "../lib/until.js";

const cluster = useCluster();
/** Together far more than the kernel's buffers take. */
const [SIZE, TIMES] = [200_000, 190];
/** So many may be on their way to somebody who reads: less than the 1 MiB that may wait for it. */
const UNHEARD = 4;

test("a client that does not read is closed within 30 s, and the others hear everything", async (t) => {
  const [node] = cluster.nodes;
  const [ann, bob] = [await cluster.user(t, "ann", { node: 1 }), await cluster.user(t, "bob")];
  const deaf = new WebSocket(`${node.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
  t.after(() => deaf.terminate());
  deaf.on("error", () => {});
  await within(once(deaf, "open"), "open");
  deaf.send(`40${JSON.stringify({ token: cluster.token({ userId: fresh("deaf") }) })}`);
  const connections = () => total([node], "starling_connections");
  await until(async () => (await total([node], "starling_sockets")) === 2, "both are connected");
  const before = { connections: await connections(), memory: residentMiB(node.pid) };
  deaf.pause();

  const data = "x".repeat(SIZE);
  for (let i = 0; i < TIMES; i++) {
    await until(() => bob.all("message").length >= i - UNHEARD, "bob keeps up", 30_000);
    await ann.ok("broadcast", { i, data });
  }
  await until(() => bob.all("message").length === TIMES, "bob hears everything", 30_000);
  assert.deepEqual(bob.all("message").map(({ i }) => i), Array.from({ length: TIMES }, (_, i) => i));
  await until(async () => (await connections()) === before.connections - 1, "the deaf one is closed", 30_000);
  const growth = residentMiB(node.pid) - before.memory;
  assert.ok(growth < 100, `${growth} MiB for one deaf client`);
  await bob.ok("ping");
});
