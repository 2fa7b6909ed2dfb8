// EVENTS.md, "Namespaces": messages-batch.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { roomOf, texts } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster();

/** A batch comes no sooner after the one before. */
const INTERVAL_MS = 100;
/** By how much two clocks may differ meanwhile. */
const CLOCKS_MS = 10;

/** A user that asks for batches; `id`: of one who is there already. */
function batched(t, username, { route = DIRECT, node = 1, id = fresh(username) } = {}) {
  const auth = { token: cluster.token({ userId: id, username }), batch: true };
  return cluster.user(t, username, { route, node, id, auth });
}

/** Says `n` things, each without waiting for the one before; returns when all are acknowledged. */
const sayAtOnce = (user, roomName, n) =>
  Promise.all(texts(n, user.username).map((text) => user.ok("room-message", { roomName, text })));

/** What the client was given of the room, in the order of arrival, histories included. */
function given(client, roomName) {
  return client.log.flatMap(({ event, args: [payload] }) => {
    if (event === "session-restored") return payload.missed[roomName] ?? [];
    if (event === "messages-batch") return payload.filter((message) => message.roomName === roomName);
    return event === "room-history" && payload.roomName === roomName ? payload.messages : [];
  });
}

/** Waits until `client` was given all that `other` heard one by one, in one order without a gap. */
async function givenAll(client, other, roomName, n) {
  await until(() => other.all("room-message", { roomName }).length >= n, `${other.username} hears ${n}`);
  const heard = other.all("room-message", { roomName });
  await until(() => given(client, roomName).at(-1)?.seq >= heard.at(-1).seq, `${client.username} is given them`);
  assert.deepEqual(given(client, roomName), heard);
  const seqs = heard.map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
  assert.deepEqual(client.all("room-message"), []);
}

onEveryRoute((route) => {
  test("who asks for batches gets the same messages, in order and complete, ten batches a second at most", async (t) => {
    const speakers = await cluster.users(t, route, "ann", "bob", "cid", "dan");
    const [ann] = speakers;
    const eve = await batched(t, "eve", { route });
    const roomName = await roomOf(...speakers);
    await eve.ok("join-room", { roomName });
    const began = performance.now();
    await Promise.all(speakers.map((speaker) => sayAtOnce(speaker, roomName, 50)));
    await givenAll(eve, ann, roomName, 200);
    const batches = eve.log.filter(({ event }) => event === "messages-batch");
    const took = batches.at(-1).at - began + CLOCKS_MS;
    assert.ok((batches.length - 1) * INTERVAL_MS <= took, `${batches.length} batches in ${took} ms`);
    assert.ok(batches.length < 100, `${batches.length} batches`);
    assert.ok(batches.every(({ args }) => args.length === 1 && args[0].length > 0));
    assert.deepEqual(ann.all("messages-batch"), []);
  });
});

test("who joins while others talk misses nothing, and nothing overtakes its history", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const eve = await batched(t, "eve");
  const [first, second] = [await roomOf(ann, bob), await roomOf(bob, ann)];
  await eve.ok("join-room", { roomName: first });
  const talking = [sayAtOnce(ann, first, 80), sayAtOnce(bob, second, 80)];
  await eve.next("messages-batch");
  await eve.ok("join-room", { roomName: second });
  await Promise.all(talking);
  await sayAtOnce(ann, second, 20);
  await givenAll(eve, bob, second, 100);
  await givenAll(eve, bob, first, 80);
});

test("who comes back on another node goes on where it was", async (t) => {
  const ann = await cluster.user(t, "ann");
  const eve = await batched(t, "eve");
  await eve.ok("register", {});
  const roomName = await roomOf(ann, eve);
  await sayAtOnce(ann, roomName, 30);
  await givenAll(eve, ann, roomName, 30);
  eve.drop();
  await eve.next("disconnect");
  const talking = sayAtOnce(ann, roomName, 100);
  const again = await batched(t, "eve", { node: 0, id: eve.id });
  const lastSeq = { [roomName]: given(eve, roomName).at(-1).seq };
  const { recovered } = await again.ok("reconnect-session", { userId: eve.id, lastSeq });
  assert.deepEqual(recovered, { [roomName]: true });
  await talking;
  await ann.next("room-message", { text: "ann 99" });
  const rest = () => ann.all("room-message", { roomName }).slice(30);
  await until(() => given(again, roomName).length >= rest().length, "the rest is given");
  assert.deepEqual(given(again, roomName), rest());
});
