// EVENTS.md, "/chat": the seed's chat server, on all nodes as one.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { TIMESTAMP } from "../lib/match.js";
import { onEveryRoute } from "../lib/routes.js";
import { holds, until } from "../lib/until.js";

const namespace = "/chat";
const cluster = useCluster({ nodes: 3 });

/** Somebody who has joined. */
async function chatter(t, name, options = {}) {
  const client = await cluster.user(t, name, { namespace, ...options });
  await client.ok("join", name);
  return client;
}

onEveryRoute((route) => {
  test("who joins gets the history and the list, and the others are told", async (t) => {
    const ann = await chatter(t, "ann", { route });
    const { id, seq } = await ann.ok("chat-message", { text: "first" });
    const bob = await chatter(t, "bob", { route, node: 1 });
    const [history] = await bob.next("history");
    assert.ok(history.length >= 1 && history.length <= 100);
    const { timestamp, ...last } = history.at(-1);
    assert.deepEqual(last, { id, seq, userId: ann.id, username: "ann", text: "first" });
    assert.match(timestamp, TIMESTAMP);
    const [joined] = await ann.next("user-joined", { userId: bob.id });
    assert.deepEqual({ ...joined, timestamp: 0 }, { userId: bob.id, username: "bob", timestamp: 0 });
    for (const one of [ann, bob]) {
      const [list, { total, truncated }] = await one.next("user-list", (list) => list.some(({ id }) => id === bob.id));
      const listed = list.find(({ id }) => id === ann.id);
      assert.deepEqual(Object.keys(listed).sort(), ["id", "joinedAt", "username"]);
      assert.match(listed.joinedAt, TIMESTAMP);
      assert.deepEqual([total, truncated], [list.length, false]);
    }
    assert.equal(bob.all("user-joined", { userId: bob.id }).length, 0);
  });

  test("a message reaches everybody who joined, on all nodes, in one order, and nobody else", async (t) => {
    const people = [];
    for (const [node, name] of ["ann", "bob", "cy"].entries()) people.push(await chatter(t, name, { route, node }));
    const stranger = await cluster.user(t, "eve", { route, node: 1, namespace });
    const texts = people.flatMap(({ id }) => Array.from({ length: 10 }, (_, n) => `${id} ${n}`));
    await Promise.all(people.map((one) => Promise.all(texts.filter((text) => text.startsWith(one.id)).map((text) => one.ok("chat-message", { text })))));
    const heard = (one) => one.all("chat-message").filter(({ text }) => texts.includes(text));
    for (const one of people) await until(() => heard(one).length === texts.length, `${one.id} hears all`);
    const [first, ...others] = people.map((one) => heard(one).map(({ seq, text }) => [seq, text]));
    for (const other of others) assert.deepEqual(other, first);
    await people[0].ok("typing");
    await people[1].next("user-typing");
    assert.deepEqual(stranger.log.map(({ event }) => event), ["connect"]);
  });
});

suite("one and several", { concurrency: true }, () => {
  test("whoever has not joined is told to", async (t) => {
    const eve = await cluster.user(t, "eve", { namespace });
    for (const [event, ...args] of [["chat-message", { text: "hi" }], ["typing"], ["private-message", { recipientId: "x", text: "hi" }]]) {
      const { code, message } = await eve.refused(event, ...args);
      assert.deepEqual({ code, message }, { code: "not_joined", message: "Please join first" }, event);
    }
    eve.send("chat-message", { text: "hi" });
    assert.deepEqual(await eve.next("error"), [{ code: "not_joined", message: "Please join first", event: "chat-message" }]);
  });

  test("a repeat with one clientId is one message", async (t) => {
    const [ann, bob] = [await chatter(t, "ann"), await chatter(t, "bob", { node: 1 })];
    const message = { text: `once ${ann.id}`, clientId: "c-1" };
    const first = await ann.ok("chat-message", message);
    assert.deepEqual(await ann.ok("chat-message", message), first);
    await ann.ok("chat-message", { text: `fence ${ann.id}` });
    await bob.next("chat-message", { text: `fence ${ann.id}` });
    assert.equal(bob.all("chat-message", { text: message.text }).length, 1);
  });

  test("joining again sends the history once more, and nothing twice after it", async (t) => {
    const ann = await chatter(t, "ann");
    await ann.ok("join", { username: "ann" });
    await ann.ok("chat-message", { text: `after ${ann.id}` });
    await ann.next("chat-message", { text: `after ${ann.id}` });
    assert.equal(ann.all("history").length, 2);
    assert.equal(ann.all("chat-message", { text: `after ${ann.id}` }).length, 1);
  });

  test("who falls silent stops typing", async (t) => {
    const [ann, bob] = [await chatter(t, "ann"), await chatter(t, "bob", { node: 1 })];
    ann.send("typing");
    assert.deepEqual(await bob.next("user-typing", { userId: ann.id }), [{ userId: ann.id, username: "ann" }]);
    assert.deepEqual(await bob.next("user-stop-typing", { userId: ann.id }), [{ userId: ann.id, username: "ann" }]);
  });

  test("user-left comes once, after the grace, when the last device is gone", async (t) => {
    const bob = await chatter(t, "bob", { node: 2 });
    const phone = await chatter(t, "ann");
    const laptop = await chatter(t, "ann", { node: 1, id: phone.id });
    assert.equal(bob.all("user-joined", { userId: phone.id }).length, 1);
    phone.drop();
    await holds(() => bob.all("user-left", { userId: phone.id }).length === 0, "the laptop is there", 6_500);
    laptop.drop();
    const back = await chatter(t, "ann", { node: 2, id: phone.id });
    await holds(() => bob.all("user-left", { userId: phone.id }).length === 0, "it came back", 6_500);
    assert.equal(bob.all("user-joined", { userId: phone.id }).length, 1, "it never left");
    back.drop();
    const [left] = await bob.next("user-left", { userId: phone.id });
    assert.match(left.timestamp, TIMESTAMP);
    await bob.next("user-list", (list) => !list.some(({ id }) => id === phone.id));
    assert.equal(bob.all("user-left", { userId: phone.id }).length, 1);
  });

  test("a private message reaches all devices of both, and nobody else", async (t) => {
    const ann = await chatter(t, "ann");
    const [annToo, bob, cy] = [
      await chatter(t, "ann", { node: 1, id: ann.id }),
      await chatter(t, "bob", { node: 1 }),
      await chatter(t, "cy", { node: 2 }),
    ];
    const bobToo = await chatter(t, "bob", { node: 2, id: bob.id });
    await ann.ok("private-message", { recipientId: bob.id, text: "psst", clientId: "p-1" });
    await ann.ok("private-message", { recipientId: bob.id, text: "psst", clientId: "p-1" });
    for (const one of [bob, bobToo]) {
      const [{ id, seq, timestamp, ...message }] = await one.next("private-message");
      assert.deepEqual(message, { from: "ann", fromId: ann.id, text: "psst" });
      assert.match(timestamp, TIMESTAMP);
      assert.equal(typeof id + typeof seq, "stringnumber");
    }
    for (const one of [ann, annToo]) {
      const [{ id, seq, timestamp, ...message }] = await one.next("private-message-sent");
      assert.deepEqual(message, { to: "bob", toId: bob.id, text: "psst" });
    }
    await cy.ok("chat-message", { text: `fence ${cy.id}` });
    for (const one of [ann, annToo, bob, bobToo, cy]) await one.next("chat-message", { text: `fence ${cy.id}` });
    const whispers = (one) => one.log.filter(({ event }) => event.startsWith("private-message")).length;
    assert.deepEqual([ann, annToo, bob, bobToo, cy].map(whispers), [1, 1, 1, 1, 0]);
    const later = await chatter(t, "bob", { id: bob.id });
    const [[kept]] = await later.next("private-history");
    assert.deepEqual([kept.fromId, kept.text], [ann.id, "psst"]);
  });

  test("what is kept is bounded: the newest hundred, and two hundred private ones", { timeout: 60_000 }, async (t) => {
    const [ann, bob] = [await chatter(t, "ann"), await chatter(t, "bob", { node: 1 })];
    for (let n = 0; n < 220; n += 20) {
      const some = Array.from({ length: 20 }, (_, i) => n + i);
      const whispers = some.map((i) => ann.ok("private-message", { recipientId: bob.id, text: `${i}` }));
      await Promise.all([...whispers, new Promise((later) => setTimeout(later, 250))]);
    }
    const later = await chatter(t, "bob", { node: 2, id: bob.id });
    const [kept] = await later.next("private-history");
    assert.deepEqual([kept.length, kept[0].text, kept.at(-1).text], [200, "20", "219"]);
    for (let n = 0; n < 120; n++) await ann.ok("chat-message", { text: `${ann.id} ${n}` });
    const last = await chatter(t, "cy", { node: 2 });
    const [history] = await last.next("history");
    assert.equal(history.length, 100);
  });

  test("one clientId to two recipients is two messages", async (t) => {
    const [ann, bob, cy] = await Promise.all(["ann", "bob", "cy"].map((name, node) => chatter(t, name, { node })));
    const clientId = fresh("c");
    const whisper = (to) => ann.ok("private-message", { recipientId: to.id, text: `to ${to.username}`, clientId });
    const [first, second] = [await whisper(bob), await whisper(cy)];
    assert.notEqual(first.id, second.id);
    for (const one of [bob, cy]) {
      await one.next("private-message", { text: `to ${one.username}` });
      await ann.next("private-message-sent", { toId: one.id });
    }
    assert.deepEqual(await whisper(cy), second, "a repeat");
  });

  test("a private message to oneself is received and sent", async (t) => {
    const ann = await chatter(t, "ann");
    await ann.ok("private-message", { recipientId: ann.id, text: "note", clientId: "n-1" });
    await ann.next("private-message", { fromId: ann.id });
    await ann.next("private-message-sent", { toId: ann.id });
  });

  test("bad input is refused by its reason and changes nothing", async (t) => {
    const [ann, bob] = [await chatter(t, "ann"), await chatter(t, "bob", { node: 1 })];
    const cases = [
      ["user_not_found", "private-message", { recipientId: "nobody", text: "hi" }],
      ["user_not_found", "private-message", { recipientId: "a\u0000b".slice(0, 1) + "~:{}#@!", text: "hi" }],
      ["invalid_payload", "private-message", { recipientId: "", text: "hi" }],
      ["invalid_payload", "private-message", { recipientId: "x".repeat(129), text: "hi" }],
      ["invalid_payload", "private-message", { recipientId: "a\n", text: "hi" }],
      ["invalid_payload", "private-message", { recipientId: bob.id }],
      ["invalid_payload", "private-message", "hi"],
      ["invalid_payload", "chat-message", { text: 7 }],
      ["invalid_payload", "chat-message", {}],
      ["invalid_payload", "chat-message", "hi"],
      ["invalid_payload", "chat-message", { text: "hi", clientId: "" }],
      ["too_large", "chat-message", { text: "x".repeat(4_097) }],
      ["too_large", "private-message", { recipientId: bob.id, text: "x".repeat(4_097) }],
      ["invalid_payload", "join", 7],
      ["unknown_event", "room-message", { roomName: "r", text: "hi" }],
    ];
    for (const [code, event, ...args] of cases) assert.equal((await ann.refused(event, ...args)).code, code, JSON.stringify(args));
    await ann.ok("chat-message", { text: `fence ${ann.id}` });
    await bob.next("chat-message", { text: `fence ${ann.id}` });
    const heard = bob.log.filter(({ event, args }) => JSON.stringify(args).includes(ann.id) && /message/.test(event));
    assert.equal(heard.length, 1);
  });
});

test("who was on a killed node left once, unless it came back", { timeout: 120_000 }, async (t) => {
  const witness = await chatter(t, "witness", { node: 1 });
  const [ann, bob] = [await chatter(t, "ann"), await chatter(t, "bob")];
  await ann.ok("chat-message", { text: `before ${ann.id}` });
  await cluster.signal(cluster.nodes[0], "SIGKILL");
  const back = await chatter(t, "ann", { node: 2, id: ann.id });
  const [history] = await back.next("history");
  assert.ok(history.some(({ text }) => text === `before ${ann.id}`));
  await witness.next("user-left", { userId: bob.id }, 20_000);
  await holds(() => witness.all("user-left", { userId: ann.id }).length === 0, "ann came back", 3_000);
  assert.equal(witness.all("user-left", { userId: bob.id }).length, 1);
  await cluster.revive();
});
