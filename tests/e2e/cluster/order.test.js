// Eight people on three nodes talk at once: everybody hears everything, in one order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { allHear, assertNothingLost, gather } from "../lib/participant.js";
import { texts } from "../lib/rooms.js";

const cluster = useCluster({ nodes: 3 });

test("8 publishers on 3 nodes × 200 messages: all hear all 1,600, same order, seq without a gap", async (t) => {
  const people = await gather(t, cluster, 14, cluster.nodes.map(({ url }) => url));
  const publishers = people.slice(0, 8);
  await Promise.all(publishers.map((publisher) => publisher.sayAll(texts(200, publisher.id))));
  await allHear(people);
  assert.equal(assertNothingLost(people), 1_600);
  for (const person of people) {
    assert.equal(person.heard.length, 1_600);
    assert.equal(person.lost, 0);
  }
});
