// Engine.IO: how a session ends, from either side and over both transports.

import assert from "node:assert/strict";
import { suite } from "node:test";

import { within } from "../lib/until.js";
import { rulesOf } from "./rule.js";
import { Polling, Socket, open, packetsOf, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
const gateway = useGateway();

async function connected(t, kind) {
  const session = await open(t, kind, gateway);
  await session.connect();
  await session.works();
  return session;
}

suite("over polling", () => {
  rule("a close packet is taken, and the session is known no more", async (t) => {
    const session = await connected(t, Polling);
    await session.send("1");
    assert.equal((await session.get()).status, 400);
    assert.equal((await session.post('42["ping"]')).status, 400);
  });

  rule("a close packet is answered to the open poll with a noop", async (t) => {
    let answer;
    // The packet may overtake the poll, which then finds no session.
    for (let i = 0; i < 10 && answer?.status !== 200; i++) {
      const session = await connected(t, Polling);
      const poll = session.get();
      await session.send("1");
      answer = await within(poll, "the open poll is answered");
    }
    // A ping may have come first.
    assert.equal((await packetsOf(answer)).at(-1), "6");
  });

  rule("what stands before a close packet in its payload is handled", async (t) => {
    const [session, witness] = [await connected(t, Polling), await connected(t, Socket)];
    await session.send('42["broadcast","last words"]', "1");
    await witness.expect('42["message","last words"]');
  });

  rule("what stands behind it is not", async (t) => {
    const [session, witness] = [await connected(t, Polling), await connected(t, Socket)];
    await session.send("1", '42["broadcast","from beyond"]').catch(() => {});
    await session.gone();
    await witness.works();
  });
});

suite("over a websocket", () => {
  rule("a close packet closes the websocket", async (t) => {
    const session = await connected(t, Socket);
    await session.send("1");
    await session.gone();
  });

  rule("what was sent before a close packet is handled", async (t) => {
    const [session, witness] = [await connected(t, Socket), await connected(t, Socket)];
    await session.send('42["broadcast","last words"]', "1");
    await witness.expect('42["message","last words"]');
  });

  rule("the end of the websocket is the end of the session", async (t) => {
    const session = await connected(t, Socket);
    session.ws.close();
    await session.gone();
    const second = new Socket(`${gateway.ws}?EIO=4&transport=websocket&sid=${session.sid}`);
    t.after(() => second.end());
    second.ws.on("open", () => second.send("2probe"));
    await second.gone();
    assert.deepEqual(second.packets, []);
  });

  rule("a closing handshake is answered", async (t) => {
    const session = await connected(t, Socket);
    const code = new Promise((resolve) => session.ws.on("close", resolve));
    session.ws.close(1000);
    assert.equal(await within(code, "the websocket closes"), 1000);
  });
});

theListIsTrue();
