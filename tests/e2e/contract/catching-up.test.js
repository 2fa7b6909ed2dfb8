// EVENTS.md, reconnect-session and "Connecting": what was missed may be many times what a connection's
// queue holds (1 MiB). It comes in parts, in order and before anything newer, as the client takes it,
// and nobody is closed for the size of its own history.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT } from "../lib/routes.js";
import { roomOf, say, texts } from "../lib/rooms.js";
import { slowLine } from "../lib/slow-line.js";
import { until } from "../lib/until.js";

const cluster = useCluster({
  env: {
    // Longer than everything here takes to be said.
    STARLING_GRACE_MS: 120_000,
    STARLING_HISTORY: 5_000,
    STARLING_EVENTS_BURST: 1_000_000,
    STARLING_EVENTS_PER_SECOND: 1_000_000,
    STARLING_USER_EVENTS_PER_SECOND: 1_000_000,
  },
});

/** 32 Mbit/s. */
const LINE = 4_000_000;
/** The queue of a connection. */
const QUEUE = 4 << 20;
/** What the answer carries of all that was missed. */
const MISSED = 256 * 1024;
/** How long a catching up may take on a busy machine. */
const LONG = 60_000;
const MANY = 1_000;

const LONG_TEXT = "Ж".repeat(4_096);
/** 400 letters, for eleven times a thousand of them to be more than the queue and the kernel hold. */
const SHORT_TEXT = "Ж".repeat(400);

/** `n` messages, each `text`, of which many are under way at a time; returns the highest `seq`. */
async function sayMany(user, roomName, n, text) {
  let [left, last] = [n, 0];
  const worker = async () => {
    while (left-- > 0) last = Math.max(last, (await user.ok("room-message", { roomName, text })).seq);
  };
  await Promise.all(Array.from({ length: 50 }, worker));
  return last;
}

/** The room's messages that `client` was given since it came back, in the order of arrival. */
function given(client, roomName) {
  return client.log.flatMap(({ event, args: [payload] }) => {
    if (event === "session-restored") return payload.missed[roomName] ?? [];
    if (payload?.roomName !== roomName) return [];
    if (event === "missed-messages" || event === "room-history") return payload.messages;
    return event === "room-message" ? [payload] : [];
  });
}

const bytesOf = (messages) => Buffer.byteLength(JSON.stringify(messages));
const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** `client` is given `from + 1` to `to` once, in order. */
async function givenAll(client, roomName, from, to) {
  await until(() => given(client, roomName).at(-1)?.seq >= to || !client.connected, `${to} of ${roomName} arrives`, LONG);
  assert.deepEqual(client.all("disconnect"), [], "it was cut");
  assert.deepEqual(given(client, roomName).map(({ seq }) => seq), range(from + 1, to));
}

/** The last of the parts says that it is the last. */
function assertParts(client, roomName) {
  const more = client.all("missed-messages", { roomName }).map((part) => part.more);
  assert.deepEqual(more, [...more.slice(0, -1).fill(true), false]);
  return more.length;
}

/** The user again, behind a slow line. */
async function comeBack(t, user, transport) {
  const url = await slowLine(t, cluster.nodes[1].url, LINE);
  const auth = { token: cluster.token({ userId: user.id, username: user.username }) };
  return cluster.open(t, url, { id: user.id, username: user.username, transport, auth }).ready();
}

test("1,000 missed messages of 4,096 Cyrillic letters arrive in parts, in order, before what is newer", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  const roomName = await roomOf(ann, bob);
  const [{ seq }] = await say(bob, roomName, "the last that ann heard");
  ann.drop();
  let last = await sayMany(bob, roomName, MANY, LONG_TEXT);
  assert.equal(last, seq + MANY);

  for (const transport of ["websocket", "polling"]) {
    const again = await comeBack(t, ann, transport);
    await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: seq } });
    const [{ missed, recovered }] = await again.next("session-restored");
    assert.equal(recovered[roomName], true);
    assert.ok(bytesOf(missed) <= MISSED + 1_000, `${bytesOf(missed)} bytes in the answer`);
    await again.next("missed-messages", { roomName, more: true });
    for (const { seq } of await say(bob, roomName, ...texts(20, "meanwhile"))) last = seq;
    await givenAll(again, roomName, seq, last);
    const parts = assertParts(again, roomName);
    const bytes = bytesOf(given(again, roomName));
    assert.ok(bytes > 1.9 * QUEUE, `${bytes} bytes`);
    t.diagnostic(`${transport}: ${(bytes / 1e6).toFixed(1)} MB in ${parts} parts`);
    again.close();
    await again.next("disconnect");
  }
});

test("1,000 missed messages in each of eleven rooms arrive in parts, in order", async (t) => {
  const ann = await cluster.user(t, "ann");
  await ann.ok("register", {});
  const speakers = await Promise.all(range(0, 10).map((i) => cluster.user(t, `speaker${i}`, { node: i % 2 })));
  const rooms = await Promise.all(speakers.map((speaker) => roomOf(ann, speaker)));
  ann.drop();
  const lasts = await Promise.all(speakers.map((speaker, i) => sayMany(speaker, rooms[i], MANY, SHORT_TEXT)));
  assert.deepEqual(lasts, lasts.map(() => MANY));

  const again = await comeBack(t, ann, "websocket");
  const lastSeq = Object.fromEntries(rooms.map((roomName) => [roomName, 0]));
  await again.ok("reconnect-session", { userId: ann.id, lastSeq });
  const [{ missed, recovered }] = await again.next("session-restored");
  assert.deepEqual(recovered, Object.fromEntries(rooms.map((roomName) => [roomName, true])));
  assert.ok(bytesOf(missed) <= MISSED + 1_000, `${bytesOf(missed)} bytes in the answer`);
  const live = await Promise.all(speakers.map((speaker, i) => say(speaker, rooms[i], "meanwhile")));
  for (const [i, roomName] of rooms.entries()) {
    await givenAll(again, roomName, 0, live[i][0].seq);
    assertParts(again, roomName);
  }
  const bytes = bytesOf(rooms.map((roomName) => given(again, roomName)));
  assert.ok(bytes > 2 * QUEUE, `${bytes} bytes`);
  t.diagnostic(`${(bytes / 1e6).toFixed(1)} MB`);
});

test("eleven rooms joined at once, each with a history of 800 KB, are joined and none of it is missing", async (t) => {
  const speakers = await Promise.all(range(0, 10).map((i) => cluster.user(t, `speaker${i}`, { node: i % 2 })));
  const rooms = await Promise.all(speakers.map((speaker) => roomOf(speaker)));
  const lasts = await Promise.all(speakers.map((speaker, i) => sayMany(speaker, rooms[i], 100, LONG_TEXT)));

  const url = await slowLine(t, cluster.nodes[1].url, LINE);
  const ann = await cluster.open(t, url, { auth: { token: cluster.token({ userId: fresh("ann") }) } }).ready();
  // Each is answered when the history of the one before has been taken.
  const join = (roomName) => ann.socket.timeout(LONG).emitWithAck("join-room", { roomName });
  const joins = Promise.all(rooms.map(join));
  await ann.next("room-history");
  const live = await Promise.all(speakers.map((speaker, i) => say(speaker, rooms[i], "meanwhile")));
  assert.deepEqual((await joins).map(({ ok }) => ok), rooms.map(() => true));
  for (const [i, roomName] of rooms.entries()) {
    const newest = live[i][0].seq;
    assert.equal(newest, lasts[i] + 1);
    await until(() => given(ann, roomName).at(-1)?.seq >= newest || !ann.connected, `all of ${roomName} arrives`, LONG);
    const seqs = given(ann, roomName).map(({ seq }) => seq);
    // The last hundred when it was joined: before or after the live one.
    assert.deepEqual(seqs, range(seqs[0], newest));
    assert.ok(seqs.length >= 100, `${seqs.length} messages`);
  }
  assert.deepEqual(ann.all("disconnect"), []);
});
