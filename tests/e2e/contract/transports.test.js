// EVENTS.md, "Connecting": Engine.IO 4 over polling and websocket, and the ids a balancer routes by.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { onEveryRoute } from "../lib/routes.js";
import { scrape, total } from "../lib/metrics.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3 });

const polling = (query = "") => `${cluster.url}/socket.io/?EIO=4&transport=polling${query}`;

async function handshake(url = polling()) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  return JSON.parse((await answer.text()).slice(1));
}

onEveryRoute((route) => {
  test("a text of every kind of character comes back unharmed", async (t) => {
    const user = await cluster.user(t, "ann", { route });
    const text = "ASCII, ümläut, 漢字, 👩‍👩‍👧, \u001e, \u2028, \"quotes\" and \\";
    user.send("broadcast", { text });
    assert.deepEqual(await user.next("message", { text }), [{ text }]);
  });

  test("a large message comes back unharmed", async (t) => {
    const user = await cluster.user(t, "ann", { route });
    const large = "x".repeat(200_000);
    user.send("broadcast", { large });
    await user.next("message", { large });
  });

  test("150 events at once arrive in the order they were sent", async (t) => {
    const user = await cluster.user(t, "ann", { route });
    // 150 are within the burst of the rate limit.
    for (let i = 0; i < 150; i++) user.send("broadcast", { i });
    await user.next("message", { i: 149 });
    assert.deepEqual(user.all("message").map(({ i }) => i), Array.from({ length: 150 }, (_, i) => i));
  });
});

suite("the Engine.IO handshake", () => {
  test("tells the contract's times and limits", async () => {
    const { pingInterval, pingTimeout, maxPayload, upgrades } = await handshake();
    assert.deepEqual({ pingInterval, pingTimeout, upgrades }, {
      pingInterval: 25_000,
      pingTimeout: 60_000,
      upgrades: ["websocket"],
    });
    assert.ok(maxPayload >= 256 * 1024, `maxPayload ${maxPayload}`);
  });

  test("gives ids that begin with the node's name", async () => {
    for (const node of cluster.nodes) {
      const { sid } = await handshake(`${node.url}/socket.io/?EIO=4&transport=polling`);
      assert.match(sid, new RegExp(`^${node.name}-.{16,}$`));
    }
  });

  test("gives ids that nobody can guess", async () => {
    const sids = await Promise.all(Array.from({ length: 20 }, () => handshake().then(({ sid }) => sid)));
    assert.equal(new Set(sids).size, 20);
  });

  test("is refused for an unknown version, transport or session", async () => {
    for (const query of ["EIO=7&transport=polling", "EIO=4&transport=carrier-pigeon", "EIO=4&transport=polling&sid=gw1-none"]) {
      assert.equal((await fetch(`${cluster.url}/socket.io/?${query}`)).status, 400, query);
    }
  });

  test("through nginx is spread over all nodes", async () => {
    const nodes = new Set();
    for (let i = 0; i < 12; i++) nodes.add((await handshake()).sid.split("-")[0]);
    assert.deepEqual([...nodes].sort(), cluster.nodes.map(({ name }) => name));
  });
});

suite("nginx", () => {
  test("keeps thirty polling clients without cookies on their nodes", async (t) => {
    const { NGINX } = await import("../lib/routes.js");
    const route = { ...NGINX, transport: "polling" };
    const users = await Promise.all(Array.from({ length: 30 }, () => cluster.user(t, "poller", { route })));
    for (const user of users) user.send("ping");
    await Promise.all(users.map((user) => user.next("pong")));
    assert.ok(users.every((user) => user.connected));
  });

  test("spreads plain websockets over all nodes", async (t) => {
    const { NGINX } = await import("../lib/routes.js");
    await Promise.all(Array.from({ length: 12 }, () => cluster.user(t, "socket", { route: NGINX })));
    await until(async () => (await total(cluster.nodes, "starling_connections", { transport: "websocket" })) >= 12, "all count");
    for (const node of cluster.nodes) {
      const samples = await scrape(node);
      const own = samples.find((s) => s.name === "starling_connections" && s.labels.transport === "websocket");
      assert.ok(own.value >= 2, `${node.name} has ${own.value}`);
    }
  });

  test("serves a client with a node's cookie on any node", async () => {
    const answer = await fetch(polling(), { headers: { cookie: "starling_node=gw2" } });
    assert.equal(answer.status, 200);
  });

  test("tells a client of a session on a node that does not exist to begin anew", async () => {
    const answer = await fetch(polling("&sid=gw9-abcdefghijklmnopqrst"));
    assert.equal(answer.status, 400);
  });
});
