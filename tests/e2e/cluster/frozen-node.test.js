// A node that was frozen for longer than the grace wakes up with its connections: for all others they had gone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fence, roomOf, say } from "../lib/rooms.js";

const cluster = useCluster({ nodes: 3 });

test("who was on a frozen node is there again, and never told that it has gone itself", { timeout: 120_000 }, async (t) => {
  t.after(() => cluster.signal(cluster.nodes[0], "SIGCONT"));
  const [ann, bob] = [await cluster.user(t, "ann"), await cluster.user(t, "bob", { node: 1 })];
  const [annChats, bobChats] = [await chatter(t, ann, 0), await chatter(t, bob, 1)];
  for (const one of [ann, bob]) await one.ok("register", {});
  const roomName = await roomOf(bob, ann);
  await bob.next("user-online", { userId: ann.id });
  await bob.next("user-joined-room", { roomName, userId: ann.id });
  await cluster.signal(cluster.nodes[0], "SIGSTOP");
  await bob.next("user-offline", { userId: ann.id }, 30_000);
  await bob.next("user-left-room", { roomName, userId: ann.id });
  await bobChats.next("user-left", { userId: ann.id });
  await cluster.signal(cluster.nodes[0], "SIGCONT");
  await bob.next("user-online", { userId: ann.id });
  await bob.next("user-joined-room", { roomName, userId: ann.id });
  await bobChats.next("user-joined", { userId: ann.id });
  await say(ann, roomName, "back");
  await bob.next("room-message", { text: "back" });
  await fence(roomName, bob, ann);
  await bobChats.ok("chat-message", { text: "after it" });
  await annChats.next("chat-message", { text: "after it" });
  for (const event of ["user-offline", "user-left-room"]) assert.equal(ann.all(event).length, 0, event);
  assert.equal(annChats.all("user-left").length, 0);
});

async function chatter(t, { id, username }, node) {
  const one = await cluster.user(t, username, { id, node, namespace: "/chat" });
  await one.ok("join", {});
  return one;
}
