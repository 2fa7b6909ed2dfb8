// Redis loses everything: those who are connected are present again, and are told what is gone.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { redis } from "../lib/resp.js";
import { roomOf, say } from "../lib/rooms.js";
import { DIRECT } from "../lib/routes.js";
import { holds, until } from "../lib/until.js";

const cluster = useCluster({ nodes: 2 });

const flush = () => redis(cluster.redis.url, "FLUSHALL");

async function restart() {
  await cluster.signal({ ...cluster.redis, name: "redis" }, "SIGKILL");
  await cluster.revive();
}

async function present(user) {
  user.send("list-presence");
  const [list] = await user.next("presence-list");
  return list.map(({ userId }) => userId);
}

/** How many are in the room, as `user` is told; 0 while it does not exist. */
async function membersOf(user, roomName) {
  user.send("list-rooms");
  const [rooms] = await user.next("room-list").catch(() => [[]]);
  return rooms.find(({ name }) => name === roomName)?.memberCount ?? 0;
}

for (const [what, wipe] of [["FLUSHALL", flush], ["a restart of Redis without its data", restart]]) {
  suite(`after ${what}`, () => {
    test("users are present and members again by themselves, and nobody is shown offline", async (t) => {
      const people = await cluster.users(t, DIRECT, "ann", "bob", "carl");
      for (const user of people) await user.ok("register", {});
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
      for (const user of [ann, bob]) await user.ok("register", {});
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
      for (const user of [ann, bob]) await user.ok("register", {});
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
  });
}
