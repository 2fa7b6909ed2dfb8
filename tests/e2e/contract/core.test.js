// EVENTS.md, "/": message, broadcast, ping; and acknowledgements in general.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { TIMESTAMP } from "../lib/match.js";
import { fresh } from "../lib/names.js";
import { fenceAll } from "../lib/rooms.js";
import { DIRECT, onEveryRoute } from "../lib/routes.js";

const cluster = useCluster();

onEveryRoute((route) => {
  test("message goes to everyone, with the identity of the token", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const text = fresh("hello");
    ann.send("message", { text, userId: bob.id, username: "mallory" });
    for (const user of [ann, bob]) {
      const [message] = await user.next("message", { text });
      assert.match(message.timestamp, TIMESTAMP);
      assert.deepEqual({ ...message, timestamp: 0 }, { userId: ann.id, username: "ann", text, timestamp: 0 });
    }
  });

  for (const data of ["text", 7, null, true, ["a", { b: [1] }], { deep: { er: 1 } }]) {
    test(`broadcast sends ${JSON.stringify(data)} to everyone as message`, async (t) => {
      const [ann, bob] = await cluster.users(t, route, "ann", "bob");
      ann.send("broadcast", data);
      for (const user of [ann, bob]) assert.deepEqual(await user.next("message", same(data)), [data]);
    });
  }

  test("broadcast carries binary data", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    const name = fresh("blob");
    ann.send("broadcast", { name, blob: Buffer.from([0, 1, 254, 255]) });
    for (const user of [ann, bob]) {
      const [{ blob }] = await user.next("message", { name });
      assert.deepEqual(Buffer.from(blob), Buffer.from([0, 1, 254, 255]));
    }
  });

  test("ping is answered with pong, to the sender only", async (t) => {
    const [ann, bob] = await cluster.users(t, route, "ann", "bob");
    ann.send("ping");
    assert.deepEqual(await ann.next("pong"), []);
    await fenceAll(ann, bob);
    assert.equal(bob.all("pong").length, 0);
  });
});

/** A pattern that only `data` itself matches. */
function same(data) {
  const text = JSON.stringify(data);
  return (value) => JSON.stringify(value) === text;
}

suite("acknowledgements", () => {
  for (const [event, payload] of [["ping"], ["broadcast", 1], ["message", { text: "hi" }], ["list-rooms"]]) {
    test(`${event} is acknowledged with ok`, async (t) => {
      const ann = await cluster.user(t, "ann");
      assert.equal((await ann.ask(event, ...(payload === undefined ? [] : [payload]))).ok, true);
    });
  }

  test("one comes, and only one", async (t) => {
    const ann = await cluster.user(t, "ann");
    const packets = [];
    ann.socket.io.on("packet", (packet) => packets.push(packet));
    // Events of a connection are handled one after the other, so the third is a fence for the others.
    for (let i = 0; i < 3; i++) await ann.ok("ping");
    assert.equal(packets.filter(({ type }) => type === 3).length, 3);
  });

  test("an event that does not exist is refused, not ignored", async (t) => {
    const ann = await cluster.user(t, "ann");
    assert.equal((await ann.refused("no-such-event", {})).code, "unknown_event");
    ann.send("no-such-event", {});
    await ann.next("error", { code: "unknown_event", event: "no-such-event" });
  });

  test("with one a failure sends no error event, without one it does", async (t) => {
    const ann = await cluster.user(t, "ann");
    await ann.refused("join-room", { roomName: "nowhere" });
    ann.send("join-room", { roomName: "nowhere" });
    const [error] = await ann.next("error");
    assert.deepEqual(error, { code: "room_not_found", message: "Room not found", event: "join-room" });
    await ann.ok("ping");
    assert.equal(ann.all("error").length, 1);
  });

  test("a failure is told to its sender only", async (t) => {
    const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
    const other = await cluster.user(t, "ann", { id: ann.id, node: 1 });
    ann.send("join-room", { roomName: "nowhere" });
    await ann.next("error");
    ann.send("broadcast", "after the error");
    for (const user of [bob, other]) {
      await user.next("message", (data) => data === "after the error");
      assert.equal(user.all("error").length, 0);
    }
  });
});
