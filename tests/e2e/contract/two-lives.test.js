// EVENTS.md, reconnect-session: a room that died and was created again is another one. Whoever knew
// the first is told (`recovered: false`), and gets what the second holds, never as a continuation.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { DIRECT } from "../lib/routes.js";
import { fence, roomOf, say, texts } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ env: { STARLING_GRACE_MS: 1_000 } });
const OLD = texts(5, "first life");

/**
 * `ann` hears five messages of a room on her phone and is away; the room dies, and `bob` creates one of
 * the same name and says `news` in it. Her session lives on by her tablet, which is in no room.
 */
async function secondLife(t, news) {
  const [phone, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const tablet = await cluster.user(t, "ann", { id: phone.id, node: 1 });
  for (const device of [phone, tablet]) await device.ok("register", {});
  const roomName = await roomOf(bob, phone);
  const seqs = (await say(bob, roomName, ...OLD)).map(({ seq }) => seq);
  assert.deepEqual(seqs, [1, 2, 3, 4, 5]);
  await phone.next("room-message", { roomName, seq: 5 });
  phone.drop();
  await bob.next("user-left-room", { roomName, userId: phone.id });
  await bob.ok("leave-room", { roomName });
  assert.equal((await tablet.refused("join-room", { roomName })).code, "room_not_found");
  await bob.ok("create-room", { roomName });
  const said = await say(bob, roomName, ...news);
  return { phone, tablet, bob, roomName, said };
}

async function restore(t, phone, lastSeq) {
  const again = await cluster.user(t, "ann", { id: phone.id, node: 1 });
  await again.ok("reconnect-session", { userId: phone.id, lastSeq });
  return [again, (await again.next("session-restored"))[0]];
}

suite("the room died while its member was away", { concurrency: true }, () => {
  // Less, as much and more than was heard of the first life.
  for (const n of [0, 1, 5, 7]) {
    test(`a member of the second one with ${n} messages is not told them as a continuation`, async (t) => {
      const news = texts(n, "second life");
      const { phone, tablet, bob, roomName } = await secondLife(t, news);
      await tablet.ok("join-room", { roomName });
      const [again, { rooms, missed, recovered }] = await restore(t, phone, { [roomName]: 5 });
      assert.deepEqual(rooms, [roomName]);
      assert.deepEqual(recovered, { [roomName]: false });
      assert.deepEqual(missed[roomName].map(({ text }) => text), news);
      await fence(roomName, bob, again, tablet);
      assert.equal(again.all("room-message", { roomName }).length, 1, "what was in missed is not sent again");
    });
  }

  test("who is in none of them gets neither, and the history of the second by joining it", async (t) => {
    const news = texts(3, "second life");
    const { phone, bob, roomName } = await secondLife(t, news);
    const [again, { rooms, missed, recovered }] = await restore(t, phone, { [roomName]: 5 });
    assert.deepEqual({ rooms, missed, recovered }, { rooms: [], missed: { [roomName]: [] }, recovered: { [roomName]: false } });
    await fence(roomName, bob);
    await again.ok("ping");
    assert.equal(again.all("room-message").length, 0);
    await again.ok("join-room", { roomName });
    const [{ messages }] = await again.next("room-history", { roomName });
    assert.deepEqual(messages.slice(0, 3).map(({ text }) => text), news);
    await fence(roomName, bob, again);
  });

  test("who was away beyond the grace begins anew, and gets nothing of the first", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("register", {});
    const roomName = await roomOf(bob, ann);
    await say(bob, roomName, ...OLD);
    await ann.next("room-message", { roomName, seq: 5 });
    ann.drop();
    await bob.next("user-offline", { userId: ann.id });
    await until(() => bob.all("user-left-room", { roomName, userId: ann.id }).length > 0, "ann left the room");
    await bob.ok("leave-room", { roomName });
    await bob.ok("create-room", { roomName });
    await say(bob, roomName, ...texts(7, "second life"));
    const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    const error = await again.refused("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: 5 } });
    assert.equal(error.code, "session_not_found");
    await again.ok("register", {});
    await again.ok("join-room", { roomName });
    const [{ messages }] = await again.next("room-history", { roomName });
    assert.deepEqual(messages.map(({ text }) => text), texts(7, "second life"));
  });

  test("no id and no seq of the first is given again in the second", async (t) => {
    const { said, roomName, bob } = await secondLife(t, texts(7, "second life"));
    assert.ok(said.every(({ seq }) => seq > 5), JSON.stringify(said));
    assert.deepEqual(said.map(({ seq }) => seq), said.map((_, i) => said[0].seq + i));
    const first = bob.all("room-message", { roomName }).slice(0, 5).map(({ id }) => id);
    assert.deepEqual(said.filter(({ id }) => first.includes(id)), []);
  });
});

test("a private room made by somebody else is not entered by a member of the first, and tells it nothing", async (t) => {
  const [phone, bob] = await cluster.users(t, DIRECT, "ann", "bob");
  const tablet = await cluster.user(t, "ann", { id: phone.id, node: 1 });
  for (const device of [phone, tablet]) await device.ok("register", {});
  const roomName = await roomOf(bob, phone);
  await say(bob, roomName, ...OLD);
  phone.drop();
  await bob.next("user-left-room", { roomName, userId: phone.id });
  await bob.ok("leave-room", { roomName });
  await bob.ok("create-room", { roomName, private: true });
  await say(bob, roomName, "a secret");
  const [again, { rooms, missed, recovered }] = await restore(t, phone, { [roomName]: 5 });
  assert.deepEqual({ rooms, missed, recovered }, { rooms: [], missed: { [roomName]: [] }, recovered: { [roomName]: false } });
  assert.equal((await again.refused("room-message", { roomName, text: "hello" })).code, "not_a_member");
  await fence(roomName, bob);
  await again.ok("ping");
  assert.equal(again.all("room-message").length, 0);
});
