// Redis loses everything: those who are connected are present again, and are told what is gone.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { redis } from "../lib/resp.js";
import { fence, roomOf, say, texts } from "../lib/rooms.js";
import { DIRECT } from "../lib/routes.js";
import { holds, until } from "../lib/until.js";

const cluster = useCluster({ nodes: 2 });

const flush = () => redis(cluster.redis.url, "FLUSHALL");

async function restart() {
  await cluster.signal({ ...cluster.redis, name: "redis" }, "SIGKILL");
  await cluster.revive();
}

/** A node learns that Redis was wiped, by the test before, from its next step, which fails. */
async function register(...users) {
  for (const user of users) await until(async () => (await user.ask("register", {})).ok, `${user.username} is registered`);
}

async function present(user) {
  await user.ok("list-presence");
  const [list] = await user.next("presence-list");
  return list.map(({ userId }) => userId);
}

/** How many are in the room, as `user` is told; 0 while it does not exist. */
async function membersOf(user, roomName) {
  const { ok } = await user.ask("list-rooms").catch(() => ({}));
  const [rooms] = ok ? await user.next("room-list") : [[]];
  return rooms.find(({ name }) => name === roomName)?.memberCount ?? 0;
}

for (const [what, wipe] of [["FLUSHALL", flush], ["a restart of Redis without its data", restart]]) {
  suite(`after ${what}`, () => {
    test("users are present and members again by themselves, and nobody is shown offline", async (t) => {
      const people = await cluster.users(t, DIRECT, "ann", "bob", "carl");
      await register(...people);
      const [ann, bob, carl] = people;
      const roomName = await roomOf(ann, bob);
      await wipe();
      await until(async () => {
        const ids = await present(carl).catch(() => []);
        return people.every(({ id }) => ids.includes(id));
      }, "all are present again", 20_000);
      await until(async () => (await carl.ask("join-room", { roomName })).ok, "the room is there again", 10_000);
      await until(() => carl.all("room-members", { roomName, total: 3 }).length > 0, "all members are there again", 10_000);
      await holds(() => people.every((user) => user.all("user-offline", { userId: (id) => people.some((p) => p.id === id) }).length === 0), "nobody offline", 9_000);
    });

    test("members are told that the room's history is not recovered, and go on", async (t) => {
      const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
      await register(ann, bob);
      const roomName = await roomOf(ann, bob);
      await say(ann, roomName, "before");
      for (const user of [ann, bob]) await user.next("room-message", { text: "before" });
      await wipe();
      const message = { roomName, text: "after", clientId: "after" };
      await until(async () => (await ann.ask("room-message", message)).ok, "messages pass again", 20_000);
      for (const user of [ann, bob]) {
        const [history] = await user.next("room-history", { roomName, recovered: false }, 15_000);
        const seen = () => [...history.messages, ...user.all("room-message", { roomName })];
        await until(() => seen().some(({ text }) => text === "after"), "the new message is in the history or comes after it");
      }
    });

    test("a client that comes back is told recovered: false", async (t) => {
      const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
      await register(ann, bob);
      const roomName = await roomOf(ann, bob);
      await say(bob, roomName, "one", "two", "three");
      await wipe();
      await until(async () => (await present(bob).catch(() => [])).includes(ann.id), "ann is present again", 20_000);
      await until(async () => (await membersOf(bob, roomName)) === 2, "both are in the room again", 20_000);
      ann.drop();
      const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
      await again.ok("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: 3 } });
      const [{ recovered, rooms }] = await again.next("session-restored");
      assert.deepEqual([recovered, rooms], [{ [roomName]: false }, [roomName]]);
    });

    test("who was elsewhere meanwhile is told, and gets nothing new as a continuation of the old", async (t) => {
      const [phone, bob] = await cluster.users(t, DIRECT, "ann", "bob");
      const tablet = await cluster.user(t, "ann", { id: phone.id, node: 1 });
      await register(phone, bob, tablet);
      const roomName = await roomOf(bob, phone, tablet);
      const old = (await say(bob, roomName, ...texts(5, "old"))).at(-1).seq;
      await phone.next("room-message", { roomName, seq: old });
      phone.drop();
      await phone.next("disconnect");
      await wipe();
      await until(async () => (await membersOf(bob, roomName)) === 2, "both are in the room again", 20_000);
      const news = texts(7, "new");
      const said = await say(bob, roomName, ...news);
      assert.ok(said.every(({ seq }) => seq > old), "no seq is given twice");
      const again = await cluster.user(t, "ann", { id: phone.id, node: 1 });
      await again.ok("reconnect-session", { userId: phone.id, lastSeq: { [roomName]: old } });
      const [{ missed, recovered, rooms }] = await again.next("session-restored");
      assert.deepEqual([recovered, rooms], [{ [roomName]: false }, [roomName]]);
      assert.deepEqual(missed[roomName].map(({ text }) => text), news);
      await fence(roomName, bob, again, tablet);
    });

    test("who was elsewhere on all devices begins anew", async (t) => {
      const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
      await register(ann, bob);
      const roomName = await roomOf(bob, ann);
      const [{ seq }] = await say(bob, roomName, "old");
      await ann.next("room-message", { roomName, seq });
      ann.drop();
      await ann.next("disconnect");
      await wipe();
      await until(async () => (await membersOf(bob, roomName)) === 1, "bob is in the room again", 20_000);
      await say(bob, roomName, ...texts(3, "new"));
      const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
      const error = await again.refused("reconnect-session", { userId: ann.id, lastSeq: { [roomName]: seq } });
      assert.equal(error.code, "session_not_found");
      await again.ok("register", {});
      await again.ok("join-room", { roomName });
      const [{ messages }] = await again.next("room-history", { roomName });
      assert.deepEqual(messages.map(({ text }) => text), texts(3, "new"));
    });
  });
}
