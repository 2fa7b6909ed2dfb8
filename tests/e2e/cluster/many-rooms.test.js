// A node with 5,000 rooms loses the relay again and again under load: that a whole node's worth of rooms
// is subscribed, read and listed anew costs it neither its lease nor anybody a message.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { total } from "../lib/metrics.js";
import { fresh } from "../lib/names.js";
import { redis } from "../lib/resp.js";
import { fence } from "../lib/rooms.js";
import { DIRECT } from "../lib/routes.js";
import { holds, until } from "../lib/until.js";

const ROOMS = 5_000;
const PAIRS = 10;
const CUTS = 10;
/** Pause between two messages of one person, in ms. */
const EVERY = 25;
/** How long anything may take here, on a busy machine. */
const LONG = 30_000;

const cluster = useCluster({
  nodes: 2,
  env: {
    STARLING_MAX_ROOMS: ROOMS,
    // Whoever is lost is gone soon.
    STARLING_GRACE_MS: 1_000,
    STARLING_EVENTS_BURST: 1_000_000,
    STARLING_EVENTS_PER_SECOND: 1_000_000,
    STARLING_USER_EVENTS_PER_SECOND: 1_000_000,
  },
});

/** `work` on all of `items`, so many at a time. */
async function each(items, atOnce, work) {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** A person on either node, both in the same rooms; together the pairs are in all rooms. */
async function pair(t, n) {
  const [host, guest] = [await cluster.user(t, `host${n}`), await cluster.user(t, `guest${n}`, { node: 1 })];
  const rooms = Array.from({ length: ROOMS / PAIRS }, () => fresh(`pair${n}`));
  for (const person of [host, guest]) await person.ok("register", {});
  await each(rooms, 20, async (roomName) => {
    await host.ok("create-room", { roomName });
    await guest.ok("join-room", { roomName });
  });
  return { rooms, people: [host, guest] };
}

/** Talks in its rooms in turn until told to stop; returns the places of what was acknowledged, by room. */
async function talk(person, rooms, stopped) {
  const acknowledged = [];
  for (let i = 0; !stopped(); i++) {
    const roomName = rooms[(i * 7) % rooms.length];
    const text = fresh("text");
    const message = { roomName, text, clientId: text };
    const answer = await until(async () => {
      const answer = await person.ask("room-message", message).catch(() => ({ error: { retryable: true } }));
      assert.ok(answer.ok || answer.error.retryable, `refused: ${answer.error?.code}`);
      return answer.ok && answer;
    }, "a message is acknowledged", LONG);
    acknowledged.push({ roomName, seq: answer.seq, text });
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  return acknowledged;
}

/** Joins and leaves one room after the other until told to stop: steps whose outcome must not be in doubt. */
async function wander(person, rooms, stopped) {
  for (let i = 0; !stopped(); i++) {
    const roomName = rooms[(i * 7) % rooms.length];
    const answer = await person.ask("join-room", { roomName });
    assert.ok(answer.ok || answer.error.retryable, `refused: ${answer.error?.code}`);
    if (answer.ok) await person.ok("leave-room", { roomName });
  }
}

/** What somebody was given of each room, in order; `undefined` where they were told that something is missing. */
function heard({ log }) {
  const rooms = new Map();
  for (const { event, args: [payload] } of log) {
    if (event === "room-message") rooms.set(payload.roomName, [...(rooms.get(payload.roomName) ?? []), payload]);
  }
  for (const { event, args: [payload] } of log) {
    if (event === "room-history" && payload.recovered === false) rooms.set(payload.roomName, undefined);
  }
  return rooms;
}

/** Each member has each acknowledged message of its rooms, once and in order, or was told. */
function assertHeard(person, acknowledged) {
  const rooms = heard(person);
  for (const { roomName, seq, text } of acknowledged) {
    if (rooms.has(roomName) && rooms.get(roomName) === undefined) continue;
    const there = (rooms.get(roomName) ?? []).filter((message) => message.seq === seq);
    assert.deepEqual(there.map((message) => message.text), [text], `${person.username}: ${seq} of ${roomName}`);
  }
  for (const [roomName, messages] of rooms) {
    const seqs = messages?.map(({ seq }) => seq) ?? [];
    assert.deepEqual(seqs, seqs.map((_, i) => 1 + i), `${person.username}: the order in ${roomName}`);
  }
}

const reconnects = () => Promise.all(cluster.nodes.map((node) => total([node], "starling_redis_reconnects_total")));
const incarnations = () => total(cluster.nodes, "starling_incarnations_total");
const ready = async () => (await Promise.all(cluster.nodes.map(({ admin }) => fetch(`${admin}/health/ready`)))).every(({ ok }) => ok);

/** Who of `people` was shown as gone to whom, or lost their connection. */
function gone(people) {
  const ids = new Set(people.map(({ id }) => id));
  const shown = ({ event, args }) => event === "disconnect" || (/^user-(left-room|offline)$/.test(event) && ids.has(args[0].userId));
  return people.flatMap(({ log }) => log.filter(shown));
}

test("5,000 rooms, ten cuts of the relay under load: no new life, nobody is shown as gone, nothing is lost", async (t) => {
  const since = performance.now();
  const pairs = await Promise.all(Array.from({ length: PAIRS }, (_, n) => pair(t, n)));
  const people = pairs.flatMap((pair) => pair.people);
  t.diagnostic(`${ROOMS} rooms with ${2 * ROOMS} members after ${((performance.now() - since) / 1_000).toFixed(1)} s`);
  const before = await incarnations();

  let stop = false;
  t.after(() => (stop = true));
  const talking = pairs.map(({ rooms, people }) => Promise.all(people.map((person) => talk(person, rooms, () => stop))));
  const wanderers = await cluster.users(t, DIRECT, ...Array.from({ length: 8 }, (_, i) => `wanderer${i}`));
  const wandering = wanderers.map((person, i) => wander(person, pairs[i].rooms, () => stop));
  for (let cut = 0; cut < CUTS; cut++) {
    const seen = await reconnects();
    await redis(cluster.redis.url, "CLIENT", "KILL", "TYPE", "pubsub");
    // All is subscribed again; what follows from that is cut short by the next one.
    await until(async () => (await reconnects()).every((n, i) => n > seen[i]), "the nodes hear again", LONG);
  }
  t.diagnostic(`cut ${CUTS} times after ${((performance.now() - since) / 1_000).toFixed(1)} s`);
  stop = true;
  const acknowledged = await Promise.all(talking);
  await Promise.all(wandering);
  await until(ready, "all nodes are ready", LONG);

  for (const [i, { people }] of pairs.entries()) {
    const all = acknowledged[i].flat();
    for (const person of people) {
      const complete = () => {
        const rooms = heard(person);
        return all.every(({ roomName, seq }) => (rooms.has(roomName) && !rooms.get(roomName)) || rooms.get(roomName)?.some((message) => message.seq === seq));
      };
      await until(complete, `${person.username} hears everything`, LONG).catch(() => {});
      assertHeard(person, all);
    }
  }
  const said = acknowledged.flat(2).length;
  assert.ok(said > 500, `${said} messages`);
  const told = people.flatMap((person) => person.all("room-history", { recovered: false })).length;
  t.diagnostic(`${said} messages, ${told} times recovered: false, ${((performance.now() - since) / 1_000).toFixed(1)} s`);

  // Beyond the grace and a lease, when whoever was lost would be declared gone.
  await holds(() => gone(people).length === 0, "nobody is shown as gone", 5_000);
  assert.equal(await incarnations(), before, "a healthy node began a new life");
  assert.ok(await ready());
  const newcomer = await cluster.user(t, "newcomer", { node: 1 });
  for (const { rooms, people } of pairs) {
    await newcomer.ok("join-room", { roomName: rooms[0] });
    await newcomer.next("room-members", { roomName: rooms[0], total: 3 });
    await fence(rooms[0], newcomer, ...people);
  }
  assert.deepEqual(gone(people), []);
});
