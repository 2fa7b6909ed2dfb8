// EVENTS.md, "/": register, set-status, list-presence, logout, and who goes offline when.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { TIMESTAMP } from "../lib/match.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";
import { fenceAll, roomOf } from "../lib/rooms.js";
import { holds } from "../lib/until.js";

const cluster = useCluster();
const GRACE = 5_000;
/** How long to wait for what comes after the grace, on a busy machine. */
const LATE = GRACE + 10_000;

async function presence(user) {
  user.send("list-presence");
  const [list, summary] = await user.next("presence-list");
  assert.deepEqual(summary, { total: list.length, truncated: false });
  return list;
}

const entry = async (asker, user) => (await presence(asker)).find(({ userId }) => userId === user.id);

onEveryRoute((route) => {
  test("register is announced to everybody else as user-online", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    await ann.ok("register", { userId: bob.id, username: "mallory" });
    assert.deepEqual(await bob.next("user-online", { userId: ann.id }), [{ userId: ann.id, username: "ann" }]);
    assert.equal(bob.all("user-online", { username: "mallory" }).length, 0);
  });

  test("a bare connection is not announced and not listed", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    await bob.ok("ping");
    assert.equal(await entry(ann, bob), undefined);
    await ann.ok("register", {});
    await bob.next("user-online", { userId: ann.id });
    await fenceAll(bob, ann);
    assert.equal(ann.all("user-online", { userId: bob.id }).length, 0);
  });

  test("list-presence tells who is there, with status and a time", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    await ann.ok("register", {});
    const { lastSeen, ...rest } = await entry(bob, ann);
    assert.deepEqual(rest, { userId: ann.id, username: "ann", status: "online" });
    assert.match(lastSeen, TIMESTAMP);
  });

  test("set-status is told to everybody and kept in the list", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    await ann.ok("register", {});
    for (const status of ["away", "online"]) {
      await ann.ok("set-status", { status });
      const [{ lastSeen, ...rest }] = await bob.next("user-status", { userId: ann.id, status });
      assert.deepEqual(rest, { userId: ann.id, username: "ann", status });
      assert.match(lastSeen, TIMESTAMP);
      assert.equal((await entry(bob, ann)).status, status);
    }
  });

  test("logout disconnects all devices and is user-offline at once, once", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const tablet = await cluster.user(t, "ann", { id: ann.id, route, node: 1 });
    for (const device of [ann, tablet]) await device.ok("register", {});
    const since = performance.now();
    ann.send("logout");
    const [offline] = await bob.next("user-offline", { userId: ann.id });
    assert.ok(performance.now() - since < GRACE, "at once, not after the grace");
    assert.equal(offline.username, "ann");
    for (const device of [ann, tablet]) assert.deepEqual((await device.next("disconnect"))[0], "io server disconnect");
    assert.equal(await entry(bob, ann), undefined);
    assert.equal(bob.all("user-offline", { userId: ann.id }).length, 1);
  });
});

suite("with several devices", { concurrency: true }, () => {
  test("register is announced for the first only", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const tablet = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    await ann.ok("register", {});
    await bob.next("user-online", { userId: ann.id });
    await tablet.ok("register", {});
    const carl = await cluster.user(t, "carl", { node: 1 });
    await carl.ok("register", {});
    await bob.next("user-online", { userId: carl.id });
    assert.equal(bob.all("user-online", { userId: ann.id }).length, 1);
    assert.equal((await presence(bob)).filter(({ userId }) => userId === ann.id).length, 1);
  });

  test("a user goes offline with the last, the grace after it", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const tablet = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    for (const device of [ann, tablet]) await device.ok("register", {});
    ann.drop();
    await holds(() => bob.all("user-offline", { userId: ann.id }).length === 0, "the tablet is still there", GRACE + 1_500);
    const since = performance.now();
    tablet.close();
    await bob.next("user-offline", { userId: ann.id }, LATE);
    const ms = performance.now() - since;
    assert.ok(ms >= GRACE - 100, `after ${ms} ms`);
  });
});

suite("after a disconnect", { concurrency: true }, () => {
  test("user-offline comes once, the grace later, on every node, also to those who came meanwhile", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("register", {});
    const left = Date.now();
    ann.drop();
    const carl = await cluster.user(t, "carl", { node: 0 });
    assert.ok(await entry(carl, ann), "still listed within the grace");
    for (const user of [bob, carl]) {
      const [offline] = await user.next("user-offline", { userId: ann.id }, LATE);
      assert.equal(offline.username, "ann");
      assert.match(offline.lastSeen, TIMESTAMP);
      const seen = Date.parse(offline.lastSeen);
      assert.ok(seen >= left && seen <= Date.now() - GRACE + 100, "lastSeen is when the connection ended");
    }
    assert.ok(Date.now() - left >= GRACE - 100);
    assert.equal(await entry(carl, ann), undefined);
    await holds(() => [bob, carl].every((user) => user.all("user-offline", { userId: ann.id }).length === 1), "once");
  });

  test("a user who is back within the grace never went offline", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("register", {});
    await bob.next("user-online", { userId: ann.id });
    ann.drop();
    const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    await again.ok("reconnect-session", { userId: ann.id });
    await bob.next("user-online", { userId: ann.id });
    await holds(() => bob.all("user-offline", { userId: ann.id }).length === 0, "not offline", GRACE + 2_000);
  });

  test("a user who was never registered is not declared offline", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(bob, ann);
    ann.drop();
    await bob.next("user-left-room", { roomName, userId: ann.id }, LATE);
    await holds(() => bob.all("user-offline", { userId: ann.id }).length === 0, "not offline");
  });

  test("a status is not forgotten by coming back", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    await ann.ok("register", {});
    await ann.ok("set-status", { status: "away" });
    ann.drop();
    const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    await again.ok("reconnect-session", { userId: ann.id });
    assert.equal((await entry(bob, ann)).status, "away");
  });
});

suite("logout", () => {
  test("takes the user out of every room at once", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const roomName = await roomOf(ann, bob);
    await bob.ok("register", {});
    ann.forget();
    const since = performance.now();
    bob.send("logout");
    await ann.next("user-left-room", { roomName, userId: bob.id });
    assert.ok(performance.now() - since < GRACE, "at once, not after the grace");
    await ann.next("room-members", { roomName, total: 1, members: [ann.id] });
  });

  test("ends the session: nothing is left to come back to", async (t) => {
    const ann = await cluster.user(t, "ann");
    await ann.ok("register", {});
    ann.send("logout");
    await ann.next("disconnect");
    const again = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    assert.equal((await again.refused("reconnect-session", { userId: ann.id })).code, "session_not_found");
  });
});

for (const status of ["busy", "", "Online", 1, null, undefined]) {
  test(`the status ${JSON.stringify(status)} is refused`, async (t) => {
    const ann = await cluster.user(t, "ann");
    await ann.ok("register", {});
    assert.equal((await ann.refused("set-status", { status })).code, "invalid_payload");
  });
}
