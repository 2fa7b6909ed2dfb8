// EVENTS.md, register: who hears of presence. With the scope "rooms", and beyond 1,000 users with "auto",
// it is those who share a room with the user; below that, and with "everyone", everybody.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { WebSocket } from "ws";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { DIRECT } from "../lib/routes.js";
import { fenceAll, roomOf } from "../lib/rooms.js";
import { holds, until } from "../lib/until.js";

const GRACE = { STARLING_GRACE_MS: 1_000 };
const EVENTS = ["user-online", "user-status", "user-offline"];

/** How often each of `people` heard each event about `user`, as `name: "online status offline"`. */
const told = (people, { id: userId }) =>
  Object.fromEntries(people.map((person) => [person.username, EVENTS.map((event) => person.all(event, { userId }).length).join(" ")]));

/** `ann` shares one room with `bob` and another one with `carl`, who is on her node; `dora` and `emil` are in rooms of their own. */
async function neighbours(t, cluster) {
  const [dora, bob] = await cluster.users(t, DIRECT, "dora", "bob");
  const [carl, emil] = await cluster.users(t, DIRECT, "carl", "emil");
  const ann = await cluster.user(t, "ann");
  const rooms = [await roomOf(ann, bob), await roomOf(carl, ann)];
  await roomOf(dora, emil);
  return { ann, near: [bob, carl], far: [dora, emil], all: [bob, carl, dora, emil], rooms };
}

const comeBack = (t, cluster, { id, username }) => cluster.user(t, username, { id, node: 1 });

/** Everything that is told of a user, and to whom. `expected`: who hears, of those there are. */
function defineLife(cluster, others, expected) {
  test(`coming, status, coming back and leaving are told ${others}`, async (t) => {
    const { ann, all, ...people } = await neighbours(t, cluster);
    const hearing = expected(people);
    const hears = async (event, more) => {
      for (const person of hearing) await person.next(event, { userId: ann.id, username: "ann", ...more });
    };
    await ann.ok("register", {});
    await hears("user-online");
    await ann.ok("set-status", { status: "away" });
    await hears("user-status", { status: "away" });
    ann.drop();
    const again = await comeBack(t, cluster, ann);
    await again.ok("reconnect-session", { userId: ann.id });
    await hears("user-online");
    again.drop();
    await hears("user-offline");
    await fenceAll(...all);
    const counts = told(all, ann);
    assert.deepEqual(counts, Object.fromEntries(all.map((p) => [p.username, hearing.includes(p) ? "2 1 1" : "0 0 0"])));
  });

  test(`a logout is told ${others}, at once and once`, async (t) => {
    const { ann, all, ...people } = await neighbours(t, cluster);
    const hearing = expected(people);
    await ann.ok("register", {});
    await ann.ok("logout");
    for (const person of hearing) await person.next("user-offline", { userId: ann.id, username: "ann" });
    const exact = () => all.every((p) => p.all("user-offline", { userId: ann.id }).length === (hearing.includes(p) ? 1 : 0));
    await holds(exact, `user-offline once, ${others}`, 2_000);
  });
}

const near = ({ near }) => near;
const everybody = ({ near, far }) => [...near, ...far];

suite('with presence.scope = "rooms"', () => {
  const cluster = useCluster({ env: { ...GRACE, STARLING_PRESENCE_SCOPE: "rooms" } });
  defineLife(cluster, "to those who share a room, and to nobody else", near);

  test("who left the room before is not told any more", async (t) => {
    const { ann, near: [bob, carl], all, rooms } = await neighbours(t, cluster);
    await bob.ok("leave-room", { roomName: rooms[0] });
    await ann.ok("register", {});
    await carl.next("user-online", { userId: ann.id });
    await ann.ok("leave-room", { roomName: rooms[1] });
    // A room that was left is forgotten by the next sweep.
    await until(async () => {
      carl.forget();
      await ann.ok("set-status", { status: "away" });
      await fenceAll(...all);
      return carl.all("user-status", { userId: ann.id }).length === 0;
    }, "carl is not told any more");
    assert.deepEqual(told(all, ann), { bob: "0 0 0", carl: "0 0 0", dora: "0 0 0", emil: "0 0 0" });
  });

  test("who shares two rooms with the user is told once", async (t) => {
    const { ann, near: [bob, carl], all, rooms } = await neighbours(t, cluster);
    await bob.ok("join-room", { roomName: rooms[1] });
    await ann.ok("register", {});
    for (const user of [bob, carl]) await user.next("user-online", { userId: ann.id });
    await fenceAll(...all);
    assert.deepEqual(told(all, ann), { bob: "1 0 0", carl: "1 0 0", dora: "0 0 0", emil: "0 0 0" });
  });

  test("list-presence still tells everybody", async (t) => {
    const { ann, far } = await neighbours(t, cluster);
    await ann.ok("register", {});
    for (const user of far) {
      await user.ok("list-presence");
      assert.ok((await user.next("presence-list"))[0].some(({ userId }) => userId === ann.id));
    }
  });
});

suite('with presence.scope = "everyone"', () => {
  const cluster = useCluster({ env: { ...GRACE, STARLING_PRESENCE_SCOPE: "everyone" } });
  defineLife(cluster, "to everybody", everybody);
});

suite('with presence.scope = "auto"', () => {
  const cluster = useCluster({ env: GRACE });
  suite("and few users", () => defineLife(cluster, "to everybody", everybody));

  suite("and more than 1,000 users online", () => {
    test("they come, and the thousandth is told to everybody and the next one to nobody", async (t) => {
      const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
      await until(async () => (await online(ann)) === 0, "those of the tests before are gone");
      await crowd(cluster, 999);
      assert.equal(await online(ann), 999);
      const last = await cluster.user(t, "thousandth");
      await last.ok("register", {});
      for (const user of [ann, bob]) await user.next("user-online", { userId: last.id });
      const next = await cluster.user(t, "next", { node: 1 });
      await next.ok("register", {});
      await fenceAll(ann, bob);
      await fenceAll(bob, ann);
      for (const user of [ann, bob]) assert.equal(user.all("user-online", { userId: next.id }).length, 0);
      await crowd(cluster, 5);
    });

    defineLife(cluster, "to those who share a room, and to nobody else", near);
  });
});

async function online(asker) {
  await asker.ok("list-presence");
  return (await asker.next("presence-list"))[1].total;
}

/** `n` registered users who do not listen, for as long as the cluster is there: without the official client, for they are many. */
async function crowd(cluster, n) {
  const one = (i) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`${cluster.nodes[i % cluster.nodes.length].url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
      socket.on("error", reject);
      socket.on("message", (data) => {
        const packet = data.toString();
        if (packet[0] === "0") socket.send(`40${JSON.stringify({ token: cluster.token({ userId: fresh("crowd") }) })}`);
        else if (packet === "2") socket.send("3");
        else if (packet.startsWith("40")) socket.send('420["register",{}]');
        else if (packet.startsWith("430")) {
          const [answer] = JSON.parse(packet.slice(3));
          // On a busy machine it may be told to try again.
          if (answer.ok) resolve(socket);
          else if (answer.error.retryable) socket.send('420["register",{}]');
          else reject(new Error(answer.error.message));
        }
      });
    });
  for (let i = 0; i < n; i += 100) await Promise.all(Array.from({ length: Math.min(100, n - i) }, (_, k) => one(i + k)));
}
