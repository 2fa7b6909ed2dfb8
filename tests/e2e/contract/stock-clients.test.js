// Clients as others have published them, those of Engine.IO 3 included, in all ways that they may connect.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { box, delays } from "../lib/box.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { roomOf, say } from "../lib/rooms.js";
import { STOCK, WAYS } from "../lib/stock.js";
import { holds, until } from "../lib/until.js";

const [INTERVAL, TIMEOUT] = [500, 3_000];
const cluster = useCluster({
  env: { STARLING_ALLOW_EIO3: "true", STARLING_PING_INTERVAL_MS: INTERVAL, STARLING_PING_TIMEOUT_MS: TIMEOUT },
});

/** Every byte, and more than one piece of them. */
const [BLOB, OTHER] = [Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.from([0, 255])];

/** One of `kind` at `url`, and bob on the other node, in a room of bob's. */
async function meet(t, kind, url, way) {
  const bob = await cluster.user(t, "bob", { node: 1 });
  const roomName = await roomOf(bob);
  const id = fresh("stock");
  const one = kind.open(url, cluster.token({ userId: id, username: "stock" }), way);
  t.after(() => one.close());
  await one.ready();
  assert.equal((await one.ask("join-room", { roomName })).ok, true);
  return { bob, one, roomName, id };
}

/** Both hear what both say in the room. */
async function converse({ bob, one, roomName, id }) {
  const [hers, his] = [fresh("from a stock client"), fresh("from bob")];
  assert.equal((await one.ask("room-message", { roomName, text: hers })).ok, true);
  await say(bob, roomName, his);
  await bob.next("room-message", { text: hers, userId: id });
  for (const text of [hers, his]) {
    await until(() => one.all("room-message").some((message) => message.text === text), "a stock client hears the room");
  }
}

for (const [name, kind] of Object.entries(STOCK)) {
  suite(name, { skip: kind.skip, concurrency: true }, () => {
    for (const way of WAYS) {
      test(`connects, speaks and hears, in text and in bytes, stays, and comes back when it was cut (${way})`, async (t) => {
        const path = await box(t, cluster.nodes[0].url, delays({}));
        const { bob, one, roomName, id } = await meet(t, kind, path.url, way);
        assert.equal(await one.transport(), way === "polling" ? "polling" : "websocket");
        await converse({ bob, one, roomName, id });

        const data = (of) => ({ of, blob: BLOB, deep: [{ other: OTHER }] });
        const isData = (of) => (came) => {
          assert.deepEqual({ ...came, blob: Buffer.from(came.blob), deep: [{ other: Buffer.from(came.deep[0].other) }] }, data(of));
          return true;
        };
        assert.equal((await one.ask("room-event", { roomName, event: "blob", data: data("one") })).ok, true);
        const [came] = await bob.next("blob", { of: "one" });
        assert.ok(isData("one")(came));
        await bob.ok("room-event", { roomName, event: "blob", data: data("bob") });
        await until(() => one.all("blob").some(({ of }) => of === "bob"), "a stock client hears bytes");
        assert.ok(isData("bob")(one.all("blob").find(({ of }) => of === "bob")));

        // Many at once arrive once and in order.
        const many = Array.from({ length: 100 }, (_, i) => `${i}`);
        const atOnce = kind.atOnce?.[way] ?? many.length;
        for (let i = 0; i < many.length; i += atOnce) {
          const answers = await Promise.all(many.slice(i, i + atOnce).map((text) => one.ask("room-message", { roomName, text })));
          assert.ok(answers.every(({ ok }) => ok));
        }
        const heard = (messages) => messages.map(({ text }) => text).filter((text) => /^\d+$/.test(text));
        const inOrder = (messages) => (kind.threads ? messages.toSorted((a, b) => a.seq - b.seq) : messages);
        for (const all of [() => bob.all("room-message"), () => inOrder(one.all("room-message"))]) {
          await until(() => heard(all()).length >= many.length, "all are heard");
          assert.deepEqual(heard(all()), many);
        }

        await holds(() => one.connected, "a stock client stays", 2 * (INTERVAL + TIMEOUT));
        assert.deepEqual([one.count("connect"), one.count("disconnect")], [1, 0]);
        await converse({ bob, one, roomName, id });

        // Between two polls there is nothing to cut.
        await until(() => (path.cut(), one.count("disconnect") > 0), "it is cut");
        await one.ready(2);
        assert.equal((await one.ask("join-room", { roomName })).ok, true);
        await converse({ bob, one, roomName, id });
      });
    }
  });
}

suite("when the node of all is killed", { concurrency: true }, () => {
  const all = Object.entries(STOCK).flatMap(([name, kind]) => WAYS.map((way) => [`${name} comes to the other one by itself (${way})`, kind, way]));
  let [there, dead] = [0];
  const killed = new Promise((resolve) => (dead = resolve));
  const wanted = all.filter(([, { skip }]) => !skip).length;
  for (const [name, kind, way] of all) {
    test(name, { skip: kind.skip }, async (t) => {
      // A balancer that knows in time which node is alive.
      let node = cluster.nodes[0];
      const path = await box(t, () => node.url, delays({}));
      const { bob, one, roomName, id } = await meet(t, kind, path.url, way);
      if (++there === wanted) dead(cluster.signal(cluster.nodes[0], "SIGKILL"));
      await killed;
      node = cluster.nodes[1];
      await one.ready(2);
      assert.equal((await one.ask("join-room", { roomName })).ok, true);
      await converse({ bob, one, roomName, id });
    });
  }
});
