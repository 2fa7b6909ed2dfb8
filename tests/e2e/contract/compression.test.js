// What operators may switch on: long messages are compressed for clients that offer it, both ways.

import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { Sender } from "ws";

import { connectedByHand } from "../lib/by-hand.js";
import { residentMiB, useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { roomOf } from "../lib/rooms.js";
import { NGINX } from "../lib/routes.js";
import { until, within } from "../lib/until.js";

/** What a stock client of Node has to say; one in a browser offers it by itself. */
const OFFER = { perMessageDeflate: { threshold: 0 } };
const LONG = "it is said again and again, ".repeat(1_000);
const DECLINED = "permessage-deflate; server_max_window_bits=9";

/** A websocket that has connected to "/" by hand. */
const connected = (t, cluster, options = OFFER) => connectedByHand(t, cluster, options);

/** The bytes that came and went on the connection of a client of the official library while something was done. */
async function onTheWire(client, what) {
  const { _socket: tcp } = client.socket.io.engine.transport.ws;
  const [read, written] = [tcp.bytesRead, tcp.bytesWritten];
  await what();
  return { read: tcp.bytesRead - read, written: tcp.bytesWritten - written };
}

const heard = (client, data) => client.next("message", { data });

suite("with compression", () => {
  const cluster = useCluster({ env: { STARLING_COMPRESSION: "true" } });

  for (const transport of ["websocket", "upgrade"]) {
    test(`long messages are compressed both ways (${transport})`, async (t) => {
      const [ann, bob] = [await cluster.user(t, "ann", { transport, ...OFFER }), await cluster.user(t, "bob", { node: 1, transport, ...OFFER })];
      assert.equal(ann.socket.io.engine.transport.ws.extensions, "permessage-deflate");
      for (const data of [LONG, `${LONG}, another time`]) {
        const said = await onTheWire(ann, () => ann.ok("broadcast", { data }));
        assert.ok(said.written < LONG.length / 10, `${said.written} bytes written`);
      }
      const { read } = await onTheWire(bob, async () => {
        await ann.ok("broadcast", { data: LONG + LONG });
        await heard(bob, LONG + LONG);
      });
      assert.ok(read < LONG.length / 10, `${read} bytes read`);
      await heard(bob, LONG);
    });
  }

  test("through nginx as well", async (t) => {
    const ann = await cluster.user(t, "ann", { route: NGINX, transport: "websocket", ...OFFER });
    const { read } = await onTheWire(ann, async () => {
      await ann.ok("broadcast", { data: LONG });
      await heard(ann, LONG);
    });
    assert.ok(read < LONG.length / 10, `${read} bytes read`);
  });

  test("what was said while a client polled arrives, whatever it goes over to", async (t) => {
    const ann = await cluster.user(t, "ann");
    const bob = cluster.open(t, cluster.nodes[1].url, { transport: "upgrade", auth: { token: cluster.token({ userId: fresh("bob") }) }, ...OFFER });
    await bob.next("connect");
    const all = Array.from({ length: 40 }, (_, i) => `${i} ${LONG}`);
    for (const data of all) await ann.ok("broadcast", { data });
    await until(() => bob.socket.io.engine.transport.name === "websocket", "the upgrade");
    await until(() => bob.all("message").length === all.length, "bob hears everything");
    assert.deepEqual(bob.all("message").map(({ data }) => data), all);
  });

  test("short messages are not", async (t) => {
    const ann = await cluster.user(t, "ann");
    const socket = await connected(t, cluster);
    const data = "x".repeat(900);
    const before = socket._socket.bytesRead;
    await ann.ok("broadcast", { data });
    await until(() => socket.packets.some((packet) => packet.includes(data)), "it is heard");
    assert.ok(socket._socket.bytesRead - before > data.length);
  });

  test("binary messages are compressed as well", async (t) => {
    const [ann, bob] = await Promise.all(["ann", "bob"].map((name, node) => cluster.user(t, name, { node, ...OFFER })));
    const roomName = await roomOf(ann, bob);
    const bytes = Buffer.alloc(50_000, "said in bytes ");
    const { read } = await onTheWire(bob, async () => {
      const { written } = await onTheWire(ann, () => ann.ok("room-event", { roomName, event: "picture", data: bytes }));
      assert.ok(written < bytes.length / 10, `${written} bytes written`);
      assert.deepEqual(await bob.next("picture"), [bytes]);
    });
    assert.ok(read < bytes.length / 10, `${read} bytes read`);
  });

  test("who does not offer it, or as we do not have it, gets the same plain", async (t) => {
    const ann = await cluster.user(t, "ann", OFFER);
    const plain = await connected(t, cluster, { perMessageDeflate: false });
    const declined = await connected(t, cluster, { perMessageDeflate: false, headers: { "Sec-WebSocket-Extensions": DECLINED } });
    await ann.ok("broadcast", { data: LONG });
    for (const socket of [plain, declined]) {
      assert.equal(socket.extensions, "");
      await until(() => socket.packets.some((packet) => packet.includes(LONG)), "it is heard");
      assert.ok(socket._socket.bytesRead > LONG.length);
    }
  });

  test("bombs end their connections only, and take no memory", async (t) => {
    const [node] = cluster.nodes;
    const ann = await cluster.user(t, "ann", OFFER);
    const bombers = await Promise.all(Array.from({ length: 20 }, () => connected(t, cluster)));
    const before = residentMiB(node.pid);
    const bomb = `42${JSON.stringify(["broadcast", "x".repeat(64 << 20)])}`;
    for (const socket of bombers) {
      const closed = once(socket, "close");
      socket.send(bomb);
      const [code] = await within(closed, "the gateway closes");
      assert.equal(code, 1009);
    }
    const growth = residentMiB(node.pid) - before;
    assert.ok(growth < 16, `${growth} MiB for bombs`);
    await ann.ok("ping");
  });

  for (const [what, payload] of [
    ["is no compressed message", Buffer.from([0x07])],
    ["is cut off", Buffer.from([0xf2, 0x48, 0xcd])],
    ["has something after its end", Buffer.from([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00])],
    ["refers to the message before", Buffer.from([0xf2, 0x00, 0x11, 0x00, 0x00])],
  ]) {
    test(`what ${what} ends the connection`, async (t) => {
      const socket = await connected(t, cluster);
      const closed = once(socket, "close");
      const frame = { fin: true, rsv1: true, opcode: 1, mask: true, readOnly: true };
      socket._socket.write(Buffer.concat(Sender.frame(payload, frame)));
      const [code] = await within(closed, "the gateway closes");
      assert.equal(code, 1007);
    });
  }
});

suite("without it", () => {
  const cluster = useCluster({ nodes: 1 });

  test("nothing is agreed on, and nothing compressed is taken", async (t) => {
    const socket = await connected(t, cluster);
    assert.equal(socket.extensions, "");
    const closed = once(socket, "close");
    const frame = { fin: true, rsv1: true, opcode: 1, mask: true, readOnly: true };
    socket._socket.write(Buffer.concat(Sender.frame(Buffer.from([0x32, 0x06, 0x00]), frame)));
    const [code] = await within(closed, "the gateway closes");
    assert.equal(code, 1002);
  });
});
