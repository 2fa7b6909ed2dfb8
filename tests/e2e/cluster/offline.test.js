// Nodes die with users on them: who stays away goes offline exactly once and in time, who comes back
// elsewhere never does, and no ghost is left in any list. KILLS says how often (20 by hand).

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { roomOf } from "../lib/rooms.js";
import { holds, until } from "../lib/until.js";

const KILLS = Number(process.env.KILLS ?? 3);
/** After the kill, in ms: the grace, and the grace with the lease and the ways of noticing. */
const [EARLIEST, LATEST] = [5_000, 12_000];

const cluster = useCluster({ nodes: 3 });

/** `n` registered users on a node, all in `roomName`. */
async function inhabitants(t, n, name, node, roomName) {
  const users = await Promise.all(Array.from({ length: n }, () => cluster.user(t, name, { node })));
  for (const user of users) {
    await user.ok("register", {});
    await user.ok("join-room", { roomName });
  }
  return users;
}

async function comeBack(t, user, node) {
  const again = await cluster.user(t, user.username, { id: user.id, node });
  await again.ok("reconnect-session", { userId: user.id });
  return again;
}

const offlines = (watcher, user) => watcher.log.filter((e) => e.event === "user-offline" && e.args[0].userId === user.id);

async function membersOf(t, roomName, node) {
  const asker = await cluster.user(t, "asker", { node });
  await asker.ok("join-room", { roomName });
  const [{ members }] = await asker.next("room-members", { members: (ids) => ids.includes(asker.id) });
  await asker.ok("leave-room", { roomName });
  return members.filter((id) => id !== asker.id).toSorted();
}

async function present(t, node) {
  const asker = await cluster.user(t, "asker", { node });
  asker.send("list-presence");
  return (await asker.next("presence-list"))[0].map(({ userId }) => userId);
}

for (let round = 0; round < KILLS; round++) {
  const victim = round % 3;
  const [next, last] = [(victim + 1) % 3, (victim + 2) % 3];

  test(`kill -9 number ${round + 1}, of ${["gw1", "gw2", "gw3"][victim]}`, async (t) => {
    const watchers = [await cluster.user(t, "watcher", { node: next }), await cluster.user(t, "watcher", { node: last })];
    const roomName = await roomOf(...watchers);
    const gone = await inhabitants(t, 6, "gone", victim, roomName);
    const returning = await inhabitants(t, 6, "returning", victim, roomName);
    // Two devices, one of them on a node that lives.
    const [half] = await inhabitants(t, 1, "half", victim, roomName);
    const tablet = await comeBack(t, half, next);

    const killed = performance.now();
    await cluster.signal(cluster.nodes[victim], "SIGKILL");
    await Promise.all(returning.map((user, i) => comeBack(t, user, i % 2 ? next : last)));

    const everyone = () => watchers.every((w) => gone.every((user) => offlines(w, user).length > 0));
    await until(everyone, "all who stayed away go offline", LATEST + 3_000);
    const times = watchers.flatMap((w) => gone.map((user) => offlines(w, user)[0].at - killed));
    const [earliest, latest] = [Math.min(...times), Math.max(...times)];
    t.diagnostic(`user-offline ${(earliest / 1_000).toFixed(2)} to ${(latest / 1_000).toFixed(2)} s after the kill`);
    assert.ok(earliest >= EARLIEST && latest <= LATEST, `${earliest} to ${latest} ms after the kill`);

    const staying = [...returning, half];
    const exact = () => watchers.every((w) => gone.every((u) => offlines(w, u).length === 1) && staying.every((u) => offlines(w, u).length === 0));
    await holds(exact, "once for those who stayed away, never for the others", 2_000);

    const expected = [...watchers, ...staying].map(({ id }) => id).toSorted();
    for (const node of [next, last]) {
      assert.deepEqual(await membersOf(t, roomName, node), expected);
      const ids = await present(t, node);
      assert.deepEqual(gone.filter(({ id }) => ids.includes(id)), []);
      assert.ok(staying.every(({ id }) => ids.includes(id)));
    }
    assert.ok(tablet.connected);
    await cluster.revive();
  });
}
