// EVENTS.md, "Connecting" and "Operator ports": the client bundle, CORS, health and metrics.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { parse, scrape } from "../lib/metrics.js";

const ORIGIN = "https://app.example";
const cluster = useCluster({ env: { STARLING_CORS_ORIGINS: ORIGIN } });
const CLIENT_VERSION = createRequire(import.meta.url)("socket.io-client/package.json").version;

/** What operators draw and what alerts ask for. */
const METRICS = [
  "starling_connections",
  "starling_sockets",
  "starling_events_received_total",
  "starling_events_published_total",
  "starling_deliveries_total",
  "starling_handler_seconds",
  "starling_gaps_healed_total",
  "starling_slow_consumers_total",
  "starling_rate_limited_total",
  "starling_presence_transitions_total",
  "starling_redis_up",
];

const get = (path, headers = {}) => fetch(`${cluster.url}${path}`, { headers });

suite("the client bundle", () => {
  for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]) {
    test(`${name} is the official one`, async () => {
      const answer = await get(`/socket.io/${name}`);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get("content-type"), /^(text|application)\/javascript/);
      const text = await answer.text();
      const [, version] = /Socket\.IO v(\d+\.\d+\.\d+)/.exec(text);
      assert.equal(version.split(".")[0], CLIENT_VERSION.split(".")[0]);
      assert.ok(text.length > 30_000);
    });
  }

  test("is the same on every node, so that any may serve it", async () => {
    const texts = await Promise.all(cluster.nodes.map(async ({ url }) => (await fetch(`${url}/socket.io/socket.io.js`)).text()));
    assert.equal(new Set(texts).size, 1);
  });

  test("has no neighbours", async () => {
    for (const path of ["/socket.io/other.js", "/socket.io/../Cargo.toml", "/socket.io/%2e%2e/Cargo.toml"]) {
      assert.notEqual((await get(path)).status, 200, path);
    }
  });
});

suite("CORS", () => {
  const handshake = "/socket.io/?EIO=4&transport=polling";

  test("lets the configured origin read a handshake, with credentials", async () => {
    const { headers } = await get(handshake, { origin: ORIGIN });
    assert.equal(headers.get("access-control-allow-origin"), ORIGIN);
    assert.match(headers.get("vary") ?? "", /origin/i);
  });

  test("lets no other origin", async () => {
    const { headers } = await get(handshake, { origin: "https://evil.example" });
    assert.ok([null, ORIGIN].includes(headers.get("access-control-allow-origin")));
  });

  test("answers the preflight of a token in a header", async () => {
    const answer = await fetch(`${cluster.url}${handshake}`, {
      method: "OPTIONS",
      headers: {
        origin: ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
      },
    });
    assert.ok(answer.ok, `status ${answer.status}`);
    assert.equal(answer.headers.get("access-control-allow-origin"), ORIGIN);
    assert.match(answer.headers.get("access-control-allow-headers"), /authorization/i);
  });
});

suite("the operator port", () => {
  test("says that the node lives and is ready", async () => {
    for (const { admin } of cluster.nodes) {
      for (const path of ["/health/live", "/health/ready"]) assert.equal((await fetch(admin + path)).status, 200, path);
    }
  });

  test("has metrics with help texts and types, in Prometheus' own format", async () => {
    const answer = await fetch(`${cluster.nodes[0].admin}/metrics`);
    assert.match(answer.headers.get("content-type"), /^text\/plain/);
    const text = await answer.text();
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name]) => name);
    const own = families.filter((name) => name.startsWith("starling_"));
    for (const name of own) assert.match(text, new RegExp(`^# HELP ${name} \\S`, "m"));
    assert.ok(parse(text).every(({ value }) => !Number.isNaN(value)));
  });

  test("has every metric of the contract from the first scrape on, so that an alert never finds none", async () => {
    const names = new Set((await scrape(cluster.nodes[0])).map(({ name }) => name.replace(/_(bucket|sum|count)$/, "")));
    assert.deepEqual(METRICS.filter((name) => !names.has(name)), []);
  });

  test("counts processor time and memory of the process", async () => {
    const names = new Set((await scrape(cluster.nodes[0])).map(({ name }) => name));
    assert.ok(names.has("process_cpu_seconds_total"), "process_cpu_seconds_total");
    assert.ok(names.has("process_resident_memory_bytes"), "process_resident_memory_bytes");
  });

  for (const path of ["/metrics", "/health/live", "/health/ready", "/v1/rooms", "/v1/emit"]) {
    test(`${path} is not to be had through nginx or on the clients' port`, async () => {
      for (const base of [cluster.url, cluster.nodes[0].url]) {
        assert.equal((await fetch(base + path)).status, 404, base + path);
      }
    });
  }

  test("has no label that a client can grow", async (t) => {
    const ann = await cluster.user(t, "ann");
    for (let i = 0; i < 20; i++) await ann.refused(`made-up-${i}`, {});
    for (let i = 0; i < 20; i++) await ann.ok("create-room", { roomName: `grown-${i}` });
    const text = await (await fetch(`${cluster.nodes[0].admin}/metrics`)).text();
    assert.doesNotMatch(text, /made-up-|grown-/);
    assert.ok(!text.includes(ann.id));
  });
});
