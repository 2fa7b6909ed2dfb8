// What no official client sends: frames that are too large, packets that are none, a reader who does
// not read. The gateway ends such connections and serves the others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";

import { connectedByHand } from "../lib/by-hand.js";
import { useCluster } from "../lib/cluster.js";
import { fenceAll } from "../lib/rooms.js";
import { until } from "../lib/until.js";

const cluster = useCluster();

/** A websocket that has connected to "/" by hand. */
const connected = (t) => connectedByHand(t, cluster);

const closed = (socket) => until(() => socket.readyState === WebSocket.CLOSED, "the gateway closes");

const BAD_FRAMES = {
  "a websocket frame of 2 MiB": "42" + JSON.stringify(["broadcast", "x".repeat(2 << 20)]),
  "a packet that is no packet": "4abc",
  "an event nested 100,000 deep": `42["broadcast",${"[".repeat(100_000)}${"]".repeat(100_000)}]`,
  "an event that is no array": "42{}",
  "an event without a name": "42[]",
  "an event with a number for a name": "42[1]",
  "eleven announced attachments": '4511-["room-event",{}]',
  "a billion announced attachments": '451000000000-["room-event",{}]',
  "an acknowledgement id beyond all numbers": `42${"9".repeat(40)}["ping"]`,
};

for (const [kind, frame] of Object.entries(BAD_FRAMES)) {
  test(`${kind} does no harm to anybody else`, async (t) => {
    const bystander = await cluster.user(t, "bystander");
    const socket = await connected(t);
    socket.send(frame);
    socket.send('42["ping"]');
    await until(() => socket.readyState !== WebSocket.OPEN || socket.packets.some((p) => /^42\["(error|pong)"/.test(p)), "an answer");
    await bystander.ok("ping");
    assert.ok(bystander.connected);
  });
}

test("a frame beyond all limits ends its connection", async (t) => {
  const socket = await connected(t);
  socket.send("42" + JSON.stringify(["broadcast", "x".repeat(2 << 20)]));
  await closed(socket);
});

test("an event named like one of the server's own is not relayed", async (t) => {
  const socket = await connected(t);
  const bystander = await cluster.user(t, "bystander");
  for (const event of ["connect", "disconnect", "connect_error", "user-offline"]) {
    if (socket.readyState === WebSocket.OPEN) socket.send(`42${JSON.stringify([event, {}])}`);
  }
  socket.send('42["ping"]');
  await until(() => socket.readyState === WebSocket.CLOSED || socket.packets.includes('42["pong"]'), "all are handled");
  await fenceAll(bystander);
  assert.equal(bystander.all("user-offline").length, 0);
});

test("a body beyond all limits is answered with 413 and reaches nobody", async (t) => {
  const bystander = await cluster.user(t, "bystander");
  const base = `${cluster.nodes[0].url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1));
  const answer = await fetch(`${base}&sid=${sid}`, { method: "POST", body: `4${"x".repeat(3 << 20)}` }).catch((error) => error);
  if (answer instanceof Response) assert.ok([400, 413].includes(answer.status), `status ${answer.status}`);
  await bystander.ok("ping");
});
