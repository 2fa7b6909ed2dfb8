// EVENTS.md, override 7: in a room of more than `rooms.large` members single comings and goings are not
// announced; `room-members` tells, at most one in 250 ms, paced by its cost, and the last one is right.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fence, roomOf } from "../lib/rooms.js";
import { fresh } from "../lib/names.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ env: { STARLING_ROOMS_LARGE: 5, STARLING_GRACE_MS: 1_000 } });
/** How often a room's list may be sent, in ms. */
const INTERVAL = 250;
/** Bytes a second that a node may send of a room's lists. */
const PACE = 1_000_000;

const some = (t, n, name = "member") => Promise.all(Array.from({ length: n }, (_, i) => cluster.user(t, `${name}${i}`, { node: i % 2 })));
const ids = (users) => users.map(({ id }) => id).toSorted();

/** All of `listeners` are sent a list with exactly `members` in it. */
async function listed(roomName, listeners, members) {
  const wanted = { roomName, total: members.length, truncated: false, members: (list) => list.toSorted().join() === ids(members).join() };
  for (const user of listeners) await user.next("room-members", wanted);
}

/** Single announcements that any of `listeners` was sent. */
const announced = (listeners) => listeners.flatMap((user) => [...user.all("user-joined-room"), ...user.all("user-left-room")]);

test("up to rooms.large members each coming and going is announced", async (t) => {
  const [ann, ...others] = await some(t, 5);
  const roomName = await roomOf(ann, ...others);
  // roomOf has waited until everybody heard of everybody who came later.
  assert.equal(ann.all("user-joined-room", { roomName }).length, 4);
  const [last] = others.splice(3);
  await last.ok("leave-room", { roomName });
  for (const user of [ann, ...others]) await user.next("user-left-room", { roomName, userId: last.id });
  await listed(roomName, [ann, ...others], [ann, ...others]);
});

test("beyond it none is announced, however they come and go, and the lists tell", async (t) => {
  const small = await some(t, 5);
  const roomName = await roomOf(...small);
  const more = await some(t, 5, "more");
  for (const user of small) user.forget();

  for (const user of more) await user.ok("join-room", { roomName });
  await listed(roomName, [...small, ...more], [...small, ...more]);
  const [leaves, drops, logsOut, ...stay] = more;
  await leaves.ok("leave-room", { roomName });
  drops.drop();
  await logsOut.ok("logout");
  const rest = [...small, ...stay];
  await listed(roomName, rest, rest);
  await fence(roomName, ...rest);
  assert.deepEqual(announced(rest), []);
});

test("comings and goings are announced again when the room is no longer large", async (t) => {
  const users = await some(t, 7);
  const roomName = fresh("room");
  await users[0].ok("create-room", { roomName });
  for (const user of users.slice(1)) await user.ok("join-room", { roomName });
  await listed(roomName, users, users);
  const stay = users.slice(0, 4);
  for (const user of users.slice(5)) await user.ok("leave-room", { roomName });
  await listed(roomName, stay, users.slice(0, 5));
  for (const user of stay) user.forget();
  await users[4].ok("leave-room", { roomName });
  for (const user of stay) await user.next("user-left-room", { roomName, userId: users[4].id });
  await users[4].ok("join-room", { roomName });
  for (const user of stay) await user.next("user-joined-room", { roomName, userId: users[4].id });
});

test("a burst of comings and goings makes few lists, and the last of them is right", async (t) => {
  const small = await some(t, 6);
  const roomName = fresh("room");
  await small[0].ok("create-room", { roomName });
  for (const user of small.slice(1)) await user.ok("join-room", { roomName });
  const more = await some(t, 30, "more");
  for (const user of small) user.forget();
  const since = performance.now();
  await Promise.all(more.map((user) => user.ok("join-room", { roomName })));
  await Promise.all(more.slice(10).map((user) => user.ok("leave-room", { roomName })));
  const rest = [...small, ...more.slice(0, 10)];
  await listed(roomName, rest, rest);
  const intervals = Math.ceil((performance.now() - since) / INTERVAL) + 1;
  for (const user of small) {
    const lists = user.all("room-members", { roomName }).length;
    assert.ok(lists <= intervals, `${lists} lists in ${intervals} intervals`);
  }
  assert.deepEqual(announced(small), []);
});

suite("what lists cost", () => {
  const MANY = 120;

  test("a node sends at most about 1 MB/s of a room's lists, the last one is right, and who comes is not kept waiting", async (t) => {
    // All on one node: what is sent by it is what these receive. Long names, for the lists to be dear.
    const crowd = await Promise.all(Array.from({ length: MANY }, (_, i) => cluster.user(t, `${i}-`.padEnd(64, "x"))));
    const roomName = fresh("room");
    await crowd[0].ok("create-room", { roomName });
    await Promise.all(crowd.slice(1).map((user) => user.ok("join-room", { roomName })));
    const list = (await crowd[0].next("room-members", { roomName, total: MANY }))[0];
    const cost = Buffer.byteLength(JSON.stringify(list)) * MANY;
    assert.ok(cost > PACE, `a list costs ${cost} bytes`);

    for (const user of crowd) user.forget();
    const since = performance.now();
    const guests = await some(t, 12, "guest");
    // One after the other, over several of the intervals that lists of a cheap room would have.
    for (let i = 0; performance.now() - since < 3_000; i = (i + 1) % guests.length) {
      const guest = guests[i];
      await guest.ok("join-room", { roomName });
      await guest.next("room-members", { roomName });
      await guest.ok("leave-room", { roomName });
    }
    await guests[0].ok("join-room", { roomName });
    await listed(roomName, crowd, [...crowd, guests[0]]);
    const seconds = (performance.now() - since) / 1_000;
    const bytes = crowd.reduce((sum, user) => sum + Buffer.byteLength(JSON.stringify(user.all("room-members"))), 0);
    t.diagnostic(`${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`);
    // The first may follow at once, and the last one's pause is still to come.
    assert.ok(bytes <= PACE * seconds + 2 * cost * 1.1, `${bytes} bytes in ${seconds} s, at ${cost} each`);
    await until(() => crowd.every((user) => user.connected), "nobody was cut");
  });
});
