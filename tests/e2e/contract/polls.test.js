// EVENTS.md, "/polls": each user is counted once, on all nodes; a room's polls are its members' own.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { fresh } from "../lib/names.js";
import { TIMESTAMP } from "../lib/match.js";
import { holds, until } from "../lib/until.js";

const namespace = "/polls";
const cluster = useCluster({ nodes: 3 });

const voter = (t, name, options = {}) => cluster.user(t, name, { namespace, ...options });
const tea = (more = {}) => ({ question: fresh("Tea"), options: ["yes", "no"], ...more });

/** A poll for everybody, by `one`. */
async function poll(one, more) {
  const answer = await one.ok("create-poll", tea(more));
  return answer.poll;
}

/** Somebody at `/` who is in the room. */
async function member(t, name, roomName, event, options) {
  const client = await cluster.user(t, name, options);
  await client.ok(event, { roomName });
  return client;
}

onEveryRoute((route) => {
  test("a poll is made, voted in, closed, and everybody sees it", async (t) => {
    const [ann, bob, cy] = await Promise.all(["ann", "bob", "cy"].map((name, node) => voter(t, name, { route, node })));
    const asked = tea();
    const { poll } = await ann.ok("create-poll", asked);
    for (const one of [ann, bob, cy]) {
      const [{ poll: seen }] = await one.next("poll-created", { poll: { id: poll.id } });
      assert.deepEqual(seen, poll);
    }
    const { createdAt, ...rest } = poll;
    assert.deepEqual(rest, { ...asked, id: poll.id, createdBy: ann.id, username: "ann", closed: false });
    assert.match(createdAt, TIMESTAMP);
    const pollId = poll.id;
    assert.deepEqual(await bob.ok("vote", { pollId, option: 1 }), { ok: true, counts: [0, 1], total: 1 });
    await cy.ok("vote", { pollId, option: 0 });
    for (const one of [ann, bob, cy]) {
      assert.deepEqual(await one.next("poll-results", { pollId, total: 2 }), [{ pollId, counts: [1, 1], total: 2 }]);
    }
    const { code, message } = await bob.refused("vote", { pollId, option: 0 });
    assert.deepEqual({ code, message }, { code: "already_voted", message: "Already voted" });
    assert.deepEqual(await bob.ok("get-poll", { pollId }), { ok: true, poll, counts: [1, 1], total: 2, voted: 1 });
    assert.equal((await bob.refused("close-poll", { pollId })).code, "not_authorized");
    await ann.ok("close-poll", { pollId });
    for (const one of [ann, bob, cy]) assert.deepEqual(await one.next("poll-closed", { pollId }), [{ pollId, counts: [1, 1], total: 2 }]);
    assert.equal((await ann.refused("vote", { pollId, option: 0 })).code, "poll_closed");
    const after = await ann.ok("get-poll", { pollId });
    assert.deepEqual([after.poll.closed, after.voted, after.counts], [true, null, [1, 1]]);
    const { polls } = await cy.ok("list-polls");
    const { closed: _, ...listed } = poll;
    assert.deepEqual(polls.find(({ id }) => id === pollId), listed, "who asks for one is told whether it is closed");
  });
});

suite("votes", { concurrency: true }, () => {
  test("a hundred users vote twice each at once on three nodes: a hundred are counted", { timeout: 120_000 }, async (t) => {
    const asker = await voter(t, "asker");
    const { id: pollId } = await poll(asker);
    const crowd = [];
    for (let n = 0; n < 100; n++) crowd.push(await voter(t, `v${n}`, { node: n % 3 }));
    const votes = crowd.flatMap((one, n) => [0, 1].map((more) => one.ask("vote", { pollId, option: (n + more) % 2 })));
    const answers = await Promise.all(votes);
    const counted = answers.filter(({ ok }) => ok).length;
    const refused = answers.filter(({ error }) => error?.message === "Already voted").length;
    assert.deepEqual([counted, refused], [100, 100]);
    const { counts, total } = await asker.ok("get-poll", { pollId });
    assert.deepEqual([total, counts[0] + counts[1]], [100, 100]);
    for (const one of [asker, ...crowd]) await one.next("poll-results", { pollId, total: 100 });
    const totals = asker.all("poll-results", { pollId }).map(({ total }) => total);
    assert.deepEqual(totals, [...totals].sort((a, b) => a - b), "never fewer than before");
  });

  test("one user votes from three nodes at once: one vote", async (t) => {
    const ann = await voter(t, "ann");
    const others = await Promise.all([1, 2].map((node) => voter(t, "ann", { node, id: ann.id })));
    const { id: pollId } = await poll(ann);
    const answers = await Promise.all([ann, ...others].map((one, option) => one.ask("vote", { pollId, option: option % 2 })));
    assert.equal(answers.filter(({ ok }) => ok).length, 1);
    assert.equal((await ann.ok("get-poll", { pollId })).total, 1);
  });

  test("a repeat with one clientId makes one poll", async (t) => {
    const [ann, bob] = [await voter(t, "ann"), await voter(t, "bob", { node: 1 })];
    const asked = tea({ clientId: "c-1" });
    const first = await ann.ok("create-poll", asked);
    assert.deepEqual(await ann.ok("create-poll", { ...asked, question: "Another?" }), first);
    await poll(bob);
    await bob.next("poll-created", ({ poll }) => poll.createdBy === bob.id);
    assert.equal(bob.all("poll-created", { poll: { id: first.poll.id } }).length, 1);
  });
});

suite("a room's polls", { concurrency: true }, () => {
  test("are seen and voted in by its members only, wherever and whenever they connected", async (t) => {
    const roomName = fresh("room");
    const early = await voter(t, "early", { node: 2 });
    const ann = await member(t, "ann", roomName, "create-room");
    await member(t, "bob", roomName, "join-room", { node: 1, id: "bob-of-" + roomName });
    await member(t, "early", roomName, "join-room", { node: 1, id: early.id });
    const annVotes = await voter(t, "ann", { id: ann.id });
    const bob = await voter(t, "bob", { node: 2, id: "bob-of-" + roomName });
    const stranger = await voter(t, "eve", { node: 1 });
    const { id: pollId, roomName: told } = await poll(annVotes, { roomName });
    assert.equal(told, roomName);
    for (const one of [annVotes, bob, early]) await one.next("poll-created", { poll: { id: pollId } });
    await bob.ok("vote", { pollId, option: 0 });
    for (const one of [annVotes, bob, early]) await one.next("poll-results", { pollId, total: 1 });
    for (const [event, payload] of [["vote", { pollId, option: 0 }], ["get-poll", { pollId }], ["close-poll", { pollId }], ["list-polls", { roomName }], ["create-poll", tea({ roomName })]]) {
      assert.equal((await stranger.refused(event, payload)).code, "not_a_member", event);
    }
    const ids = (answer) => answer.polls.map(({ id }) => id);
    assert.deepEqual(ids(await bob.ok("list-polls", { roomName })), [pollId]);
    assert.ok(!ids(await stranger.ok("list-polls")).includes(pollId));
    const { id: fence } = await poll(stranger);
    await stranger.next("poll-created", { poll: { id: fence } });
    assert.equal(stranger.all("poll-created", { poll: { id: pollId } }).length + stranger.all("poll-results", { pollId }).length, 0);
  });

  test("are not seen any more by who left", async (t) => {
    const roomName = fresh("room");
    const ann = await member(t, "ann", roomName, "create-room");
    const bob = await member(t, "bob", roomName, "join-room", { node: 1 });
    const annVotes = await voter(t, "ann", { id: ann.id });
    const bobVotes = await voter(t, "bob", { id: bob.id, node: 2 });
    const { id: pollId } = await poll(annVotes, { roomName });
    await bobVotes.next("poll-created", { poll: { id: pollId } });
    await bob.ok("leave-room", { roomName });
    assert.equal((await bobVotes.refused("vote", { pollId, option: 0 })).code, "not_a_member");
    await holds(() => true, "it is known everywhere", 300);
    await annVotes.ok("vote", { pollId, option: 0 });
    await annVotes.next("poll-results", { pollId });
    await holds(() => bobVotes.all("poll-results", { pollId }).length === 0, "bob left");
  });

  test("are not those of the next room of that name", async (t) => {
    const roomName = fresh("room");
    const ann = await member(t, "ann", roomName, "create-room");
    const annVotes = await voter(t, "ann", { id: ann.id });
    const { id: pollId } = await poll(annVotes, { roomName });
    await ann.ok("leave-room", { roomName });
    const eve = await member(t, "eve", roomName, "create-room", { node: 1 });
    const eveVotes = await voter(t, "eve", { id: eve.id, node: 1 });
    assert.equal((await eveVotes.refused("get-poll", { pollId })).code, "not_a_member");
    assert.deepEqual(await eveVotes.ok("list-polls", { roomName }), { ok: true, polls: [] });
  });
});

test("bad input is refused by its reason and changes nothing", async (t) => {
  const ann = await voter(t, "ann");
  const { id: pollId } = await poll(ann);
  const cases = [
    ["invalid_payload", "create-poll", {}],
    ["invalid_payload", "create-poll", "Tea?"],
    ["invalid_payload", "create-poll", { question: "Tea?", options: "yes" }],
    ["invalid_payload", "create-poll", { question: "Tea?", options: ["yes"] }],
    ["invalid_payload", "create-poll", { question: "Tea?", options: ["yes", 7] }],
    ["invalid_payload", "create-poll", { question: " ", options: ["yes", "no"] }],
    ["too_large", "create-poll", { question: "x".repeat(301), options: ["yes", "no"] }],
    ["room_not_found", "create-poll", tea({ roomName: fresh("nowhere") })],
    ["invalid_payload", "create-poll", tea({ roomName: "a b" })],
    ["invalid_payload", "vote", { pollId, option: 2 }],
    ["invalid_payload", "vote", { pollId, option: -1 }],
    ["invalid_payload", "vote", { pollId, option: 0.5 }],
    ["invalid_payload", "vote", { pollId, option: "0" }],
    ["invalid_payload", "vote", { pollId }],
    ["poll_not_found", "vote", { pollId: "a:b{c}", option: 0 }],
    ["poll_not_found", "vote", { pollId: "x".repeat(20), option: 0 }],
    ["poll_not_found", "get-poll", { pollId: "x".repeat(20) }],
    ["invalid_payload", "close-poll", { pollId: 7 }],
    ["unknown_event", "room-message", { roomName: "r", text: "hi" }],
  ];
  for (const [code, event, payload] of cases) assert.equal((await ann.refused(event, payload)).code, code, `${event} ${JSON.stringify(payload)}`);
  assert.deepEqual((await ann.ok("get-poll", { pollId })).counts, [0, 0]);
});

test("a list counts as five events", async (t) => {
  const ann = await voter(t, "ann");
  const answers = await Promise.all(Array.from({ length: 60 }, () => ann.ask("list-polls")));
  const refused = answers.filter(({ ok }) => !ok);
  assert.ok(refused.length > 0 && refused.length <= 20, `${refused.length} of 60`);
  for (const { error } of refused) assert.equal(error.code, "rate_limited");
});

test("polls are not made at the rate of messages", async (t) => {
  const ann = await voter(t, "ann");
  const answers = await Promise.all(Array.from({ length: 30 }, () => ann.ask("create-poll", tea())));
  const made = answers.filter(({ ok }) => ok).length;
  assert.ok(made >= 10 && made < 30, `${made} were made`);
  const codes = new Set(answers.filter(({ ok }) => !ok).map(({ error }) => error.code));
  assert.deepEqual([...codes], ["rate_limited"]);
});

test("a killed node loses no vote", { timeout: 120_000 }, async (t) => {
  const [ann, bob] = [await voter(t, "ann", { node: 1 }), await voter(t, "bob", { node: 0 })];
  const { id: pollId } = await poll(ann);
  await bob.ok("vote", { pollId, option: 1 });
  await cluster.signal(cluster.nodes[0], "SIGKILL");
  const back = await voter(t, "bob", { node: 2, id: bob.id });
  assert.equal((await back.ok("get-poll", { pollId })).voted, 1);
  assert.equal((await back.refused("vote", { pollId, option: 0 })).code, "already_voted");
  await until(async () => (await ann.ok("get-poll", { pollId })).total === 1, "the vote counts");
  await cluster.revive();
});
