// Breaking the connection, and watching it heal.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";

const cluster = useCluster({ nodes: 3, guest: true });
const browser = useBrowser();

test("a dropped connection comes back and says what was missed", async (t) => {
  const [ann, bob] = await visitors(t, browser, cluster, "Ann", "Bob");
  const room = fresh("room");
  await ann.create(room);
  await bob.enter(room);
  await ann.go("lab");
  await ann.sees(".lab", "No interruption since");
  await ann.context.setOffline(true);
  await ann.sees(".connection", "Reconnecting");
  for (const text of ["one", "two"]) await bob.say(room, text);
  await bob.hears("two");
  await ann.context.setOffline(false);
  await ann.sees(".plain-list li", "2 messages missed and recovered");
  await ann.page.getByRole("button", { name: "Drop the connection" }).click();
  await ann.sees(".plain-list li", "nothing missed");
  await ann.sees(".events li", "Session taken up again");
  await ann.go(`rooms/${room}`);
  await ann.hears("two");
  assert.deepEqual(await ann.texts(), ["one", "two"]);
  for (const one of [ann, bob]) one.assertCalm();
});

test("one moves to another node, and the rooms do not notice", async (t) => {
  const [ann, bob] = await visitors(t, browser, cluster, "Ann", "Bob");
  const room = fresh("room");
  await ann.create(room);
  await bob.enter(room);
  await ann.go("lab");
  const before = await ann.node();
  await ann.page.locator(".lab").getByRole("button", { name: "Move to another node" }).click();
  await ann.sees(".told", `Moved from ${before} to `);
  assert.notEqual(await ann.node(), before);
  await ann.enter(room);
  await ann.say(room, "still here");
  await bob.hears("still here");
  assert.equal(await bob.page.locator(".notice", { hasText: "left" }).count(), 0);
  for (const one of [ann, bob]) one.assertCalm();
});
