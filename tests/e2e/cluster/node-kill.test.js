// A node is killed under load: publishers repeat with their clientId, receivers come back with lastSeq.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { allHear, assertNothingLost, gather } from "../lib/participant.js";
import { texts } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3 });

test("kill -9 half way: nothing acknowledged is lost, nothing arrives twice", async (t) => {
  const people = await gather(t, cluster, 14);
  const publishers = people.slice(0, 8);
  const talking = Promise.all(publishers.map((publisher) => publisher.sayAll(texts(200, publisher.id), 20)));
  await until(() => people[0].heard.length >= 800, "half of it is said", 60_000);
  await cluster.signal(cluster.nodes[1], "SIGKILL");
  await talking;
  await allHear(people);
  assert.equal(assertNothingLost(people), 1_600);
  assert.ok(people.some(({ lost }) => lost > 0), "somebody was on the killed node");
  assert.ok(people.every(({ anew }) => anew === 0), "everybody came back within the grace");
  t.diagnostic(`${people.filter(({ lost }) => lost > 0).length} of ${people.length} lost their connection`);
});
