// Rooms and chat, as people with browsers see them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";

const cluster = useCluster({ nodes: 3, guest: true });
const browser = useBrowser();

test("two people meet in a room, see each other and talk", async (t) => {
  const [ann, bob] = await visitors(t, browser, cluster, "Ann", "Bob");
  const room = fresh("room");
  await ann.create(room);
  await bob.enter(room);
  for (const one of [ann, bob]) for (const name of ["Ann", "Bob"]) await one.sees(".members .member", name);
  await ann.sees(".notice", "Bob came in");
  await ann.composer(room).pressSequentially("He");
  await bob.sees(".typing", "Ann is typing");
  await ann.say(room, "Hello Bob");
  await bob.hears("Hello Bob");
  await ann.hears("Hello Bob");
  assert.deepEqual(await ann.texts(), ["Hello Bob"]);
  for (const one of [ann, bob]) one.assertCalm();
});
