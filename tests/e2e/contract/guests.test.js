// EVENTS.md, override 1: guest mode. A guest's userId is a private key; others see a public id.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { roomOf, say } from "../lib/rooms.js";

const cluster = useCluster({ guest: true });

function guest(t, username, { node = 0, route = DIRECT, key = fresh(`key-of-${username}`) } = {}) {
  const client = cluster.open(t, route.address(cluster, node), { username, transport: route.transport });
  client.key = key;
  return client.ready();
}

/** A guest who has registered; `id` is what others see. */
async function registered(t, username, options) {
  const client = await guest(t, username, options);
  const { userId } = await client.ok("register", { userId: client.key, username });
  client.id = userId;
  return client;
}

test("a guest that says who it is when it connects goes on with its game on another node", async (t) => {
  const player = (name, node) => cluster.open(t, cluster.nodes[node].url + "/game", { auth: { userId: name, username: "guest" } }).ready();
  const names = [fresh("ann"), fresh("bob")];
  const [ann, bob] = [await player(names[0], 0), await player(names[1], 1)];
  await ann.ok("find-match");
  await bob.ok("find-match");
  const [{ gameId }] = await ann.next("match-found");
  await ann.ok("move", { gameId, cell: 4 });
  ann.drop();
  const back = await player(names[0], 1);
  await back.next("match-found", { gameId, symbol: "X" });
  await back.next("game-state", { gameId, turn: "O" });
  await bob.next("opponent-reconnected");
});

onEveryRoute((route) => {
  test("a guest needs no token and is announced by a public id", async (t) => {
    const bob = await registered(t, "bob", { route, node: 1 });
    const ann = await registered(t, "ann", { route });
    assert.deepEqual(await bob.next("user-online", { userId: ann.id }), [{ userId: ann.id, username: "ann" }]);
    assert.notEqual(ann.id, ann.key);
  });

  test("message is answered to the sender alone, as in the seed", async (t) => {
    const [ann, bob] = [await guest(t, "ann", { route }), await guest(t, "bob", { route, node: 1 })];
    const data = { text: fresh("hello") };
    ann.send("message", data);
    assert.deepEqual(await ann.next("message"), [{ text: "Message received", data }]);
    ann.send("broadcast", { fence: data.text });
    await bob.next("message", { fence: data.text });
    assert.equal(bob.all("message", { text: "Message received" }).length, 0);
  });

  test("a guest's key restores the session on another node", async (t) => {
    const [ann, bob] = [await registered(t, "ann", { route }), await registered(t, "bob", { route, node: 1 })];
    const roomName = await roomOf(ann, bob);
    ann.drop();
    await say(bob, roomName, "missed");
    const again = await guest(t, "ann", { route, node: 1 });
    again.send("reconnect-session", { userId: ann.key, lastSeq: { [roomName]: 0 } });
    const [restored] = await again.next("session-restored");
    assert.deepEqual([restored.userId, restored.username, restored.rooms], [ann.id, "ann", [roomName]]);
    assert.deepEqual(restored.missed[roomName].map(({ text }) => text), ["missed"]);
  });
});

test("what a guest buffered while away is refused until it has said who it is, and may be repeated then", async (t) => {
  const [ann, bob] = [await registered(t, "ann"), await registered(t, "bob", { node: 1 })];
  const roomName = await roomOf(ann, bob);
  ann.drop();
  await ann.next("disconnect");
  const message = { roomName, text: "said while away", clientId: fresh("once") };
  // The client sends it right at the reconnect, before the application has its turn.
  const buffered = ann.ask("room-message", message);
  ann.socket.connect();
  assert.equal((await buffered).error?.code, "not_a_member");
  await ann.ok("reconnect-session", { userId: ann.key });
  await ann.ok("room-message", message);
  await bob.next("room-message", { text: message.text, userId: ann.id });
  assert.equal(bob.all("room-message", { text: message.text }).length, 1);
});

test("the same key is the same public id on every node", async (t) => {
  const ann = await registered(t, "ann");
  const tablet = await registered(t, "ann", { node: 1, key: ann.key });
  assert.equal(tablet.id, ann.id);
});

test("a public id restores nobody", async (t) => {
  const ann = await registered(t, "ann");
  const mallory = await guest(t, "mallory", { node: 1 });
  const error = await mallory.refused("reconnect-session", { userId: ann.id });
  assert.deepEqual([error.code, error.message], ["session_not_found", "User not found"]);
});

test("registering with somebody's public id makes somebody else", async (t) => {
  const ann = await registered(t, "ann");
  const mallory = await registered(t, "ann", { node: 1, key: ann.id });
  assert.notEqual(mallory.id, ann.id);
});

test("nobody is ever sent another guest's key", async (t) => {
  const [ann, bob] = [await registered(t, "ann"), await registered(t, "bob", { node: 1 })];
  const roomName = await roomOf(ann, bob);
  await say(ann, roomName, "hi");
  await ann.ok("typing", { roomName });
  await bob.next("user-typing");
  bob.send("list-presence");
  await bob.next("presence-list");
  assert.ok(!JSON.stringify(bob.log).includes(ann.key));
});

test("an unregistered guest may join and talk under a random public id and the name it gives", async (t) => {
  const bob = await registered(t, "bob", { node: 1 });
  const roomName = await roomOf(bob);
  const visitor = await guest(t, "visitor");
  await visitor.ok("join-room", { roomName, username: "Visitor" });
  const [joined] = await bob.next("user-joined-room", { roomName });
  assert.equal(joined.username, "Visitor");
  assert.notEqual(joined.userId, visitor.socket.id);
  await say(visitor, roomName, "hello");
  await bob.next("room-message", { userId: joined.userId, username: "Visitor", text: "hello" });
});

test("a guest who is not registered cannot act for a registered one", async (t) => {
  const ann = await registered(t, "ann");
  const bob = await registered(t, "bob", { node: 1 });
  const roomName = await roomOf(bob);
  const mallory = await guest(t, "mallory");
  await mallory.ok("join-room", { roomName, username: "ann", userId: ann.id });
  await mallory.ok("room-message", { roomName, text: "I am ann", userId: ann.id });
  const [message] = await bob.next("room-message", { text: "I am ann" });
  assert.notEqual(message.userId, ann.id);
});

test("a guest who registers without a key is present under a random id", async (t) => {
  const bob = await registered(t, "bob", { node: 1 });
  const ids = [];
  for (let i = 0; i < 2; i++) {
    const client = await guest(t, "ann");
    const { userId } = await client.ok("register", { username: "ann" });
    await bob.next("user-online", { userId });
    ids.push(userId);
  }
  assert.notEqual(ids[0], ids[1]);
});

for (const userId of ["", 7, {}, "x".repeat(200)]) {
  test(`registering with the userId ${JSON.stringify(userId)?.slice(0, 20)} is refused`, async (t) => {
    const client = await guest(t, "ann");
    assert.equal((await client.refused("register", { userId, username: "ann" })).code, "invalid_payload");
  });
}

test("guests play each other, and are strangers when they come back", async (t) => {
  const player = (username, node) => {
    const url = `${cluster.nodes[node].url}/game`;
    return cluster.open(t, url, { username, auth: { username } }).ready();
  };
  const [ann, ben] = [await player("ann", 0), await player("ben", 1)];
  await ann.ok("find-match");
  const { gameId } = await ben.ok("find-match");
  const [found] = await ann.next("match-found", { gameId, symbol: "X", opponent: { username: "ben" } });
  assert.match(found.opponent.userId, /^guest-/);
  await ann.ok("move", { gameId, cell: 4 });
  await ben.next("game-state", { gameId, turn: "O" });
  ann.close();
  const back = await player("ann", 1);
  assert.equal((await back.refused("move", { gameId, cell: 0 })).code, "game_not_found");
  assert.deepEqual(await ben.next("game-over"), [{ gameId, winner: "O", reason: "forfeit" }]);
  assert.equal(back.all("game-state").length, 0);
});

/** A guest who says who it is when it connects. */
function said(t, username, userId, { node = 0, namespace = "", ...auth } = {}) {
  return cluster.open(t, DIRECT.address(cluster, node) + namespace, { username, auth: { username, userId, ...auth } });
}

test("who says its key when it connects is the same in every namespace, and what it buffered counts", async (t) => {
  const [key, bob] = [fresh("key"), await registered(t, "bob", { node: 1 })];
  const ann = await said(t, "ann", key).ready();
  const { userId: id } = await ann.ok("register", {});
  const roomName = await roomOf(ann, bob);
  const chat = await said(t, "ann", key, { namespace: "/chat", node: 1 }).ready();
  assert.deepEqual(await chat.ok("join", {}), { ok: true, userId: id, username: "ann" });
  const polls = await said(t, "ann", key, { namespace: "/polls" }).ready();
  assert.equal((await polls.ok("create-poll", { question: "Tea?", options: ["yes", "no"], roomName })).poll.createdBy, id);
  ann.drop();
  const again = await said(t, "ann", key, { node: 1 }).ready();
  await again.ok("room-message", { roomName, text: "buffered" });
  await bob.next("room-message", { userId: id, text: "buffered" });
});

test("somebody's public id makes nobody that somebody, said when connecting either", async (t) => {
  const ann = await registered(t, "ann");
  const eve = await said(t, "eve", ann.id, { namespace: "/chat" }).ready();
  assert.notEqual((await eve.ok("join", {})).userId, ann.id);
  const unnamed = cluster.open(t, DIRECT.address(cluster, 0), { auth: { userId: fresh("key") } });
  const { userId, username } = await (await unnamed.ready()).ok("register", {});
  assert.equal(username, userId);
});

test("a key that is none is refused when connecting", async (t) => {
  for (const key of ["", "x".repeat(129), "x".repeat(10_000)]) {
    assert.equal(await said(t, "ann", key).refusal(), "userId must be 1 to 128 bytes", key.length);
  }
});
