// EVENTS.md, "/": room-message; overrides 3 (ids, seq, timestamps), 4 (acks) and 5 (idempotency).

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { TIMESTAMP } from "../lib/match.js";
import { fresh } from "../lib/names.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { fence, roomOf, say, texts } from "../lib/rooms.js";

const cluster = useCluster();

onEveryRoute((route) => {
  test("room-message reaches everybody in the room, the sender too, with the token's identity", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const { id, seq } = await ann.ok("room-message", { roomName, text: "hi", userId: bob.id, username: "mallory" });
    for (const user of [ann, bob]) {
      const [message] = await user.next("room-message", { roomName });
      assert.match(message.timestamp, TIMESTAMP);
      assert.ok(Math.abs(Date.parse(message.timestamp) - Date.now()) < 10_000);
      const { timestamp, ...rest } = message;
      assert.deepEqual(rest, { id, seq, roomName, userId: ann.id, username: "ann", text: "hi" });
    }
    assert.equal(typeof id, "string");
    assert.ok(Number.isInteger(seq));
  });

  test("seq grows by one without a gap, and both nodes see one order", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const answers = (await Promise.all([say(ann, roomName, ...texts(20, "a")), say(bob, roomName, ...texts(20, "b"))])).flat();
    const orders = [];
    for (const user of [ann, bob]) {
      const last = Math.max(...answers.map(({ seq }) => seq));
      await user.next("room-message", { roomName, seq: last });
      orders.push(user.all("room-message", { roomName }).map(({ seq, text }) => `${seq} ${text}`));
    }
    const seqs = orders[0].map((line) => Number(line.split(" ")[0]));
    assert.deepEqual(seqs, Array.from({ length: 40 }, (_, i) => seqs[0] + i));
    assert.deepEqual(orders[1], orders[0]);
    assert.equal(new Set(answers.map(({ id }) => id)).size, 40);
  });

  test("a message is in the history of whoever joins after its acknowledgement", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const roomName = await roomOf(ann);
    const answers = await say(ann, roomName, ...texts(5));
    bob.send("join-room", { roomName });
    const [{ messages }] = await bob.next("room-history", { roomName });
    await ann.next("room-message", { roomName, text: "text 4" });
    assert.deepEqual(messages, ann.all("room-message", { roomName }));
    assert.deepEqual(messages.map(({ id, seq }) => ({ id, seq })), answers.map(({ id, seq }) => ({ id, seq })));
  });
});

test("a message without an acknowledgement is delivered as well", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann, bob);
  ann.send("room-message", { roomName, text: "quietly" });
  await bob.next("room-message", { roomName, text: "quietly" });
});

test("history is the last hundred, oldest first", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann);
  await say(ann, roomName, ...texts(105));
  await bob.ok("join-room", { roomName });
  const [{ messages }] = await bob.next("room-history");
  assert.deepEqual(messages.map(({ text }) => text), texts(105).slice(5));
});

test("history is empty in a new room", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann);
  await bob.ok("join-room", { roomName });
  assert.deepEqual((await bob.next("room-history"))[0], { roomName, messages: [] });
});

test("a room's messages do not reach other rooms or people outside", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const [one, other] = [await roomOf(ann), await roomOf(bob)];
  await say(ann, one, "in one");
  await say(bob, other, "in other");
  await bob.next("room-message", { roomName: other });
  assert.equal(bob.all("room-message", { roomName: one }).length, 0);
});

test("who joins while others talk misses nothing between history and the first message", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann);
  const talking = say(ann, roomName, ...texts(60));
  await ann.next("room-message", { text: "text 10" });
  await bob.ok("join-room", { roomName });
  await talking;
  const [{ messages }] = await bob.next("room-history");
  await fence(roomName, ann, bob);
  const heard = [...messages, ...bob.all("room-message", { roomName })].map(({ text }) => text);
  assert.deepEqual(heard.slice(0, -1), texts(60));
});

suite("clientId", () => {
  test("makes a repeat on another node answer with the first one's id and seq, delivered once", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const laptop = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    await laptop.ok("join-room", { roomName });
    const message = { roomName, text: "once", clientId: fresh("c") };
    const first = await ann.ok("room-message", message);
    const again = await laptop.ok("room-message", message);
    assert.deepEqual([again.id, again.seq], [first.id, first.seq]);
    await say(ann, roomName, "fence");
    await bob.next("room-message", { text: "fence" });
    assert.deepEqual(bob.all("room-message", { roomName }).map(({ text }) => text), ["once", "fence"]);
  });

  test("of two users are two messages, even when they are the same", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const message = { roomName, text: "same", clientId: "1" };
    const [a, b] = [await ann.ok("room-message", message), await bob.ok("room-message", message)];
    assert.equal(b.seq, a.seq + 1);
  });

  test("repeated ten times at once is one message", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    const message = { roomName, text: "race", clientId: fresh("c") };
    const answers = await Promise.all(Array.from({ length: 10 }, () => ann.ok("room-message", message)));
    assert.equal(new Set(answers.map(({ id, seq }) => `${id} ${seq}`)).size, 1);
    await say(ann, roomName, "fence");
    await bob.next("room-message", { text: "fence" });
    assert.equal(bob.all("room-message", { text: "race" }).length, 1);
  });

  test("of 64 bytes is good, of 65 is not", async (t) => {
    const ann = await cluster.user(t, "ann");
    const roomName = await roomOf(ann);
    await ann.ok("room-message", { roomName, text: "a", clientId: "c".repeat(64) });
    const error = await ann.refused("room-message", { roomName, text: "a", clientId: "c".repeat(65) });
    assert.equal(error.code, "invalid_payload");
    // Bytes, not characters.
    assert.equal((await ann.refused("room-message", { roomName, text: "a", clientId: "ü".repeat(33) })).code, "invalid_payload");
  });
});

suite("the text of a message", () => {
  test("may have 4,096 characters and no more", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    // Characters, not bytes.
    const longest = "ü".repeat(4_096);
    await ann.ok("room-message", { roomName, text: longest });
    await bob.next("room-message", { text: longest });
    assert.equal((await ann.refused("room-message", { roomName, text: "x".repeat(4_097) })).code, "too_large");
  });
});
