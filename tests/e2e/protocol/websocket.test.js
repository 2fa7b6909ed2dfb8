// Engine.IO over a websocket: a packet a frame, binary as it is, and what ends the connection.

import assert from "node:assert/strict";
import { suite } from "node:test";

import { rulesOf } from "./rule.js";
import { Socket, open, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
const gateway = useGateway();

async function connected(t) {
  const session = await open(t, Socket, gateway);
  await session.connect();
  return session;
}

const said = (value) => `42${JSON.stringify(["message", value])}`;
const broadcast = (value) => `42${JSON.stringify(["broadcast", value])}`;

suite("a packet", () => {
  rule("is a text frame of its own, both ways", async (t) => {
    const session = await connected(t);
    await session.send(broadcast(1), broadcast(2));
    await session.expect(said(1));
    await session.expect(said(2));
  });

  rule("keeps characters of every length", async (t) => {
    const session = await connected(t);
    const text = "a ü € 漢 😀 \u2028";
    await session.send(broadcast(text));
    await session.expect(said(text));
  });

  rule("of bytes is a binary frame as it is, without a type, both ways", async (t) => {
    const session = await connected(t);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await session.send('451-["broadcast",{"_placeholder":true,"num":0}]', bytes);
    await session.expect('451-["message",{"_placeholder":true,"num":0}]');
    await session.expect(bytes);
  });

  rule("may come in fragments", async (t) => {
    const session = await connected(t);
    const text = broadcast("in three parts");
    session.ws.send(text.slice(0, 5), { fin: false });
    session.ws.send(text.slice(5, 9), { fin: false });
    session.ws.send(text.slice(9), { fin: true });
    await session.expect(said("in three parts"));
  });

  rule("may be as large as the limit of a packet", async (t) => {
    const session = await connected(t);
    const text = "x".repeat(256 * 1024 - broadcast("").length);
    await session.send(broadcast(text));
    await session.expect(said(text));
  });
});

suite("the connection ends", () => {
  const BAD = {
    "an unknown packet type": "abc",
    "a digit that is no packet type": "9",
    "an empty frame": "",
    "an open packet": "0",
    "bytes that nobody announced": Buffer.from([1, 2, 3]),
  };
  for (const [kind, frame] of Object.entries(BAD)) {
    rule(`with ${kind}`, async (t) => {
      await (await connected(t)).endsWith(frame);
    });
  }

  rule("with a frame beyond maxPayload", async (t) => {
    const session = await connected(t);
    await session.send(broadcast("x".repeat(session.handshake.maxPayload + 1)));
    await session.gone();
  });

  rule("with text that is no UTF-8", async (t) => {
    const session = await connected(t);
    session.ws.send(Buffer.from([0x34, 0x32, 0xff, 0xfe]), { binary: false });
    await session.gone();
  });

  rule("for that one alone", async (t) => {
    const [session, bystander] = [await connected(t), await connected(t)];
    await session.send("abc");
    await session.gone();
    await bystander.works();
  });
});

suite("a session of its own", () => {
  rule("is not to be polled", async (t) => {
    const session = await connected(t);
    const answer = await fetch(`${gateway.http}?EIO=4&transport=polling&sid=${session.sid}`);
    assert.equal(answer.status, 400);
    await session.works();
  });

  rule("takes no second websocket", async (t) => {
    const session = await connected(t);
    const second = new Socket(`${gateway.ws}?EIO=4&transport=websocket&sid=${session.sid}`);
    t.after(() => second.end());
    second.ws.on("open", () => second.send("2probe"));
    await second.gone();
    assert.deepEqual(second.packets, []);
    await session.works();
  });
});

theListIsTrue();
