// A node is killed under load: publishers repeat with their clientId, receivers come back with lastSeq.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { allHear, assertNothingLost, gather } from "../lib/participant.js";
import { roomOf, texts } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3 });

test("kill -9 half way: nothing acknowledged is lost, nothing arrives twice", async (t) => {
  t.after(() => cluster.revive());
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

test("who typed on a killed node and comes back types no more", { timeout: 60_000 }, async (t) => {
  t.after(() => cluster.revive());
  const [ann, bob] = [await cluster.user(t, "ann"), await cluster.user(t, "bob", { node: 1 })];
  await ann.ok("register", {});
  const roomName = await roomOf(bob, ann);
  const chats = (one, node) => cluster.user(t, one.username, { id: one.id, node, namespace: "/chat" });
  const [annChats, bobChats] = [await chats(ann, 0), await chats(bob, 1)];
  for (const one of [annChats, bobChats]) await one.ok("join", {});
  await ann.ok("typing", { roomName });
  await annChats.ok("typing");
  for (const one of [bob, bobChats]) await one.next("user-typing", { userId: ann.id });
  await cluster.signal(cluster.nodes[0], "SIGKILL");
  const back = await cluster.user(t, "ann", { id: ann.id, node: 2 });
  await back.ok("reconnect-session", {});
  await chats(ann, 2).then((one) => one.ok("join", {}));
  await bob.next("user-stop-typing", { roomName, userId: ann.id }, 10_000);
  await bobChats.next("user-stop-typing", { userId: ann.id }, 10_000);
  for (const one of [bob, bobChats]) assert.equal(one.all("user-stop-typing").length, 1);
});

test("what a stock client emits while its node is dead is accepted from the next one", async (t) => {
  t.after(() => cluster.revive());
  const often = { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500 };
  const [ann, bob] = [await cluster.user(t, "ann", often), await cluster.user(t, "bob", { node: 1 })];
  await ann.ok("register", {});
  const roomName = await roomOf(bob, ann);
  ann.socket.io.uri = cluster.url;
  await cluster.signal(cluster.nodes[0], "SIGKILL");
  await ann.next("disconnect");
  assert.ok(!ann.connected);
  const said = texts(10).map((text) => ann.ok("room-message", { roomName, text, clientId: text }));
  await Promise.all(said);
  await bob.next("room-message", { roomName, text: "text 9" });
  assert.deepEqual(bob.all("room-message", { userId: ann.id }).map(({ text }) => text), texts(10));
  assert.equal(bob.all("user-left-room").length, 0, "nobody saw the member leave");
});
