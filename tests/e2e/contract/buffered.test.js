// EVENTS.md, "Who may send": what a stock client emits while it is away, it sends right at the
// reconnect, before its application can restore anything.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { fence, roomOf, say, texts } from "../lib/rooms.js";
import { PATIENCE, within } from "../lib/until.js";

const cluster = useCluster();
/** Long enough for what comes after the grace of 5 s, on a busy machine. */
const LATE = 15_000;

/** Ends the connection and waits until the client knows. */
async function lose(user) {
  user.drop();
  await user.next("disconnect");
}

/** Emits while away; resolves with the acknowledgement once the client is back. */
const buffer = (user, event, payload) =>
  within(new Promise((resolve) => user.socket.emit(event, payload, resolve)), `${event} is acknowledged`, 2 * PATIENCE);

/** Connects again as the stock client does, here or to another node; what was buffered goes out at once. */
function reconnect(user, url) {
  assert.ok(!user.connected);
  user.socket.io.uri = url;
  user.socket.connect();
  return user.next("connect");
}

onEveryRoute((route) => {
  test("is accepted on the same node and on another one, in order, before the session is restored", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    await ann.ok("register", {});
    const roomName = await roomOf(ann, bob);
    const [{ seq }] = await say(ann, roomName, "before");
    for (const user of [ann, bob]) await user.next("room-message", { text: "before" });
    await backWithWords(ann, bob, { roomName, seq, url: route.address(cluster, 0) });
    await backWithWords(ann, bob, { roomName, seq: seq + 21, url: route.address(cluster, 1) });
    await fence(roomName, bob, ann);
    assert.equal(bob.all("user-left-room").length, 0, "nobody saw the member leave");
  });
});

/** `ann`, who heard up to `seq`, is away, says something, and comes back at `url`; `bob` hears it all. */
async function backWithWords(ann, bob, { roomName, seq, url }) {
  const words = texts(20, `said before ${seq}`);
  await lose(ann);
  ann.forget();
  bob.forget();
  const answers = words.map((text) => buffer(ann, "room-message", { roomName, text, clientId: text }));
  const wave = buffer(ann, "room-event", { roomName, event: "wave", data: "hello" });
  const typing = buffer(ann, "typing", { roomName });
  await reconnect(ann, url);
  const stored = await Promise.all(answers);
  assert.deepEqual(stored.map((answer) => answer.seq), words.map((_, i) => seq + 1 + i), JSON.stringify(stored));
  assert.ok((await wave).ok && (await typing).ok);
  await bob.next("room-message", { roomName, text: words.at(-1) });
  await bob.next("wave");
  await bob.next("user-typing", { roomName, userId: ann.id });
  assert.deepEqual(bob.all("room-message").map(({ text }) => text), words);

  // Only now does the application get its turn; what it said itself comes back once, as missed.
  await bob.ok("room-message", { roomName, text: "to members" });
  await bob.next("room-message", { text: "to members" });
  await ann.ok("ping");
  assert.equal(ann.all("room-message").length, 0, "not restored, so it hears nothing");
  await ann.ok("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: seq } });
  const [{ missed, recovered }] = await ann.next("session-restored");
  assert.equal(recovered[roomName], true);
  assert.deepEqual(missed[roomName].map(({ text }) => text), [...words, "to members"]);
}

test("is accepted from a member who never registered, and makes nobody hear the room", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(ann, bob);
  await lose(ann);
  const answer = buffer(ann, "room-message", { roomName, text: "from outside" });
  await reconnect(ann, cluster.nodes[1].url);
  assert.ok((await answer).ok, JSON.stringify(await answer));
  await bob.next("room-message", { text: "from outside" });
  await bob.ok("room-message", { roomName, text: "to members" });
  await bob.next("room-message", { text: "to members" });
  await ann.ok("ping");
  assert.equal(ann.all("room-message").length, 0);
});

test("is accepted on a connection that is not in the room while another one of the user is", async (t) => {
  const [phone, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const roomName = await roomOf(phone, bob);
  const tablet = await cluster.user(t, "ann", { id: phone.id, node: 1 });
  await tablet.ok("room-message", { roomName, text: "from the tablet" });
  for (const user of [phone, bob]) await user.next("room-message", { text: "from the tablet", userId: phone.id });
  await tablet.ok("ping");
  assert.equal(tablet.all("room-message").length, 0, "who sends does not receive by that");
});

test("may be a leave-room: it ends the membership that the grace has kept", async (t) => {
  const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  await ann.ok("register", {});
  const roomName = await roomOf(ann, bob);
  await lose(ann);
  const [left, said] = [buffer(ann, "leave-room", { roomName }), buffer(ann, "room-message", { roomName, text: "too late" })];
  await reconnect(ann, cluster.nodes[1].url);
  assert.ok((await left).ok);
  assert.equal((await said).error?.code, "not_a_member");
  await bob.next("user-left-room", { roomName, userId: ann.id });
  await ann.ok("reconnect-session", { userId: ann.id });
  assert.deepEqual((await ann.next("session-restored"))[0].rooms, []);
});

suite("is refused", { concurrency: true }, () => {
  test("from somebody who never was in the room", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await bob.ok("register", {});
    const roomName = await roomOf(ann);
    await lose(bob);
    const answers = [
      buffer(bob, "room-message", { roomName, text: "let me in" }),
      buffer(bob, "room-event", { roomName, event: "wave", data: 1 }),
      buffer(bob, "typing", { roomName }),
    ];
    bob.send("room-message", { roomName, text: "unacknowledged" });
    await reconnect(bob, cluster.nodes[1].url);
    for (const answer of answers) assert.equal((await answer).error?.code, "not_a_member");
    await bob.next("error", { code: "not_a_member", event: "room-message" });
    await fence(roomName, ann);
    assert.equal(ann.all("room-message", { userId: bob.id }).length + ann.all("wave").length + ann.all("user-typing").length, 0);
  });

  test("from somebody who had left before", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await bob.ok("register", {});
    const roomName = await roomOf(ann, bob);
    await bob.ok("leave-room", { roomName });
    await lose(bob);
    const answer = buffer(bob, "room-message", { roomName, text: "one more thing" });
    await reconnect(bob, cluster.nodes[1].url);
    assert.equal((await answer).error?.code, "not_a_member");
  });

  test("after the grace", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await bob.ok("register", {});
    const roomName = await roomOf(ann, bob);
    await lose(bob);
    await ann.next("user-left-room", { roomName, userId: bob.id }, LATE);
    const answer = buffer(bob, "room-message", { roomName, text: "hours later" });
    await reconnect(bob, cluster.nodes[1].url);
    assert.equal((await answer).error?.code, "not_a_member");
    await fence(roomName, ann);
    assert.equal(ann.all("room-message", { text: "hours later" }).length, 0);
  });

  test("where the room died meanwhile", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    await lose(bob);
    await ann.next("user-left-room", { roomName, userId: bob.id }, LATE);
    await ann.ok("leave-room", { roomName });
    const answer = buffer(bob, "room-message", { roomName, text: "anybody?" });
    await reconnect(bob, cluster.nodes[1].url);
    assert.equal((await answer).error?.code, "room_not_found");
  });

  test("after a logout on another device", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await bob.ok("register", {});
    const roomName = await roomOf(ann, bob);
    const tablet = await cluster.user(t, "bob", { id: bob.id, node: 0 });
    await lose(bob);
    await tablet.ok("logout");
    await ann.next("user-left-room", { roomName, userId: bob.id });
    const answer = buffer(bob, "room-message", { roomName, text: "still me" });
    await reconnect(bob, cluster.nodes[1].url);
    assert.equal((await answer).error?.code, "not_a_member");
  });
});
