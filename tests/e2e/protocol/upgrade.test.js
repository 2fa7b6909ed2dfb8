// Engine.IO, "Upgrade": from polling to a websocket without losing a packet, and what is no upgrade.

import assert from "node:assert/strict";
import { suite } from "node:test";

import { rulesOf } from "./rule.js";
import { Polling, Socket, open, upgrade, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
const gateway = useGateway();

const said = (value) => `42${JSON.stringify(["message", value])}`;
const broadcast = (value) => `42${JSON.stringify(["broadcast", value])}`;

/** A polling session in the main namespace. */
async function connected(t) {
  const session = await open(t, Polling, gateway);
  await session.connect();
  await session.works();
  return session;
}

/** Somebody else, who can make the gateway send something to everybody. */
async function other(t) {
  const session = await open(t, Socket, gateway);
  await session.connect();
  return session;
}

async function probing(t, session) {
  const socket = await Socket.beside(session);
  t.after(() => socket.end());
  return socket;
}

suite("an upgrade", () => {
  rule("goes on on the websocket, both ways", async (t) => {
    const session = await connected(t);
    const socket = await upgrade(t, session);
    await socket.works();
    const bytes = Buffer.from([1, 2, 3]);
    await socket.send('451-["broadcast",{"_placeholder":true,"num":0}]', bytes);
    await socket.expect('451-["message",{"_placeholder":true,"num":0}]');
    await socket.expect(bytes);
  });

  rule("answers the open poll with a noop, so that polling can stop", async (t) => {
    const session = await connected(t);
    const poll = session.poll();
    const socket = await probing(t, session);
    await socket.send("2probe");
    await socket.expect("3probe");
    assert.deepEqual(await poll, ["6"]);
    await socket.send("5");
    await socket.works();
  });

  rule("answers a poll that comes while it is under way with a noop as well", async (t) => {
    const session = await connected(t);
    const socket = await probing(t, session);
    await socket.send("2probe");
    await socket.expect("3probe");
    assert.deepEqual(await session.poll(), ["6"]);
    await socket.send("5");
    await socket.works();
  });

  rule("takes what is posted while it is under way", async (t) => {
    const session = await connected(t);
    const socket = await probing(t, session);
    await socket.send("2probe");
    await socket.expect("3probe");
    await session.send(broadcast("by post"));
    await socket.send("5");
    await socket.expect(said("by post"));
    await socket.works();
  });

  rule("loses nothing that is sent to it while it is under way, and changes no order", async (t) => {
    const [session, talker] = [await connected(t), await other(t)];
    const talk = async (text) => {
      await talker.send(broadcast(text));
      await talker.expect(said(text));
    };
    await talk("before");
    const socket = await probing(t, session);
    await talk("while the websocket is open");
    await socket.send("2probe");
    await socket.expect("3probe");
    await talk("after the probe");
    await socket.send("5");
    await talk("after the upgrade");
    for (const when of ["before", "while the websocket is open", "after the probe", "after the upgrade"]) await socket.expect(said(when));
    await socket.works();
  });

  rule("may be done before the client enters a namespace", async (t) => {
    const session = await open(t, Polling, gateway);
    const socket = await upgrade(t, session);
    await socket.connect();
    await socket.works();
  });

  rule("is the end of polling: a GET or a POST of that session is a 400, and changes nothing", async (t) => {
    const session = await connected(t);
    const socket = await upgrade(t, session);
    await socket.works();
    assert.equal((await session.get()).status, 400);
    assert.equal((await session.post('42["ping"]')).status, 400);
    await socket.works();
  });

  rule("is done once: a second websocket is closed, and changes nothing", async (t) => {
    const session = await connected(t);
    const socket = await upgrade(t, session);
    await socket.works();
    const second = new Socket(`${gateway.ws}?EIO=4&transport=websocket&sid=${session.sid}`);
    t.after(() => second.end());
    second.ws.on("open", () => second.send("2probe"));
    await second.gone();
    assert.deepEqual(second.packets, []);
    await socket.works();
  });

  rule("ends with its websocket", async (t) => {
    const session = await connected(t);
    const socket = await upgrade(t, session);
    await socket.works();
    await socket.send("1");
    await socket.gone();
    assert.equal((await session.get()).status, 400);
  });
});

suite("a websocket that does not probe", () => {
  const WRONG = { "a bare ping": "2", "a ping with something else": "2else", "a message": broadcast("no probe"), "an upgrade": "5", "no packet at all": "abc" };
  for (const [kind, packet] of Object.entries(WRONG)) {
    rule(`but sends ${kind} is closed`, async (t) => {
      const session = await connected(t);
      const socket = await probing(t, session);
      await socket.send(packet);
      await socket.gone();
      assert.deepEqual(socket.packets, []);
    });

    rule(`but sends ${kind} leaves the session on polling`, async (t) => {
      const session = await connected(t);
      const socket = await probing(t, session);
      await socket.send(packet);
      await socket.gone();
      await session.works();
    });
  }

  rule("but ends leaves the session on polling", async (t) => {
    const session = await connected(t);
    const socket = await probing(t, session);
    socket.end();
    await session.works();
    await session.works();
  });

  rule("but is silent leaves the session on polling meanwhile", async (t) => {
    const session = await connected(t);
    await probing(t, session);
    await session.works();
  });
});

suite("a probe that is not followed by an upgrade", () => {
  rule("leaves the session on polling when its websocket ends", async (t) => {
    const session = await connected(t);
    const socket = await probing(t, session);
    await socket.send("2probe");
    await socket.expect("3probe");
    socket.end();
    await session.works();
    await session.works();
  });

  rule("leaves the session on polling when another packet comes", async (t) => {
    const session = await connected(t);
    const socket = await probing(t, session);
    await socket.send("2probe");
    await socket.expect("3probe");
    await socket.send(broadcast("no upgrade"));
    await socket.gone();
    await session.works();
  });

  rule("can be repeated on another websocket", async (t) => {
    const session = await connected(t);
    const first = await probing(t, session);
    await first.send("2probe");
    await first.expect("3probe");
    first.end();
    await session.works();
    const second = await upgrade(t, session);
    await second.works();
  });
});

theListIsTrue();
