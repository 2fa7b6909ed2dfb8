// Socket.IO: several namespaces on one connection, binary acknowledgements, and who enters none. On a
// gateway with the feature `conformance`, which has a second namespace and echoes: `message` comes back as
// `message-back`, `message-with-ack` in its acknowledgement, and the CONNECT's payload as `auth`.

import assert from "node:assert/strict";
import { suite } from "node:test";

import { rulesOf } from "./rule.js";
import { TRANSPORTS, open, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
/** From the handshake to the end of those who enter nothing. */
const CONNECT_TIMEOUT = 3_000;
const env = { STARLING_GUEST: "true", STARLING_CONNECT_TIMEOUT_MS: String(CONNECT_TIMEOUT) };
const gateway = useGateway({ features: ["conformance"], env });

const [one, two] = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
const PLACES = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';

for (const [name, kind] of Object.entries(TRANSPORTS)) {
  const begun = (t) => open(t, kind, gateway);

  /** In these namespaces; their greetings have been taken. */
  async function connected(t, ...namespaces) {
    const session = await begun(t);
    for (const namespace of namespaces) {
      await session.connect(namespace);
      await session.expect(namespace === "/" ? '42["auth",{}]' : `42${namespace},["auth",{}]`);
    }
    return session;
  }

  suite(name, () => {
    rule(`a namespace may be entered without the main one (${name})`, async (t) => {
      const session = await connected(t, "/custom");
      await session.send('42/custom,["message",1]');
      await session.expect('42/custom,["message-back",1]');
    });

    rule(`CONNECT's payload reaches the namespace (${name})`, async (t) => {
      const session = await begun(t);
      for (const [namespace, prefix] of [["/", ""], ["/custom", "/custom,"]]) {
        await session.connect(namespace, { token: "123", at: namespace });
        await session.expect(`42${prefix}["auth",{"token":"123","at":"${namespace}"}]`);
      }
    });

    rule(`events go to the namespace they name, and come from it (${name})`, async (t) => {
      const session = await connected(t, "/", "/custom");
      await session.send('42/custom,["message","custom"]', '42["message","main"]');
      const came = [await session.next(), await session.next()];
      assert.deepEqual(came.toSorted(), ['42/custom,["message-back","custom"]', '42["message-back","main"]'].toSorted());
    });

    rule(`acknowledgements name the namespace as well (${name})`, async (t) => {
      const session = await connected(t, "/", "/custom");
      await session.send('42/custom,13["message-with-ack","a",{"b":2}]');
      await session.expect('43/custom,13["a",{"b":2}]');
      await session.send('4213["message-with-ack","main"]');
      await session.expect('4313["main"]');
    });

    rule(`binary events name it (${name})`, async (t) => {
      const session = await connected(t, "/custom");
      await session.send(`452-/custom,["message",${PLACES}]`, one, two);
      await session.expect(`452-/custom,["message-back",${PLACES}]`);
      await session.expect(one);
      await session.expect(two);
    });

    rule(`an acknowledgement with attachments is a BINARY_ACK (${name})`, async (t) => {
      const session = await connected(t, "/", "/custom");
      await session.send(`452-789["message-with-ack",${PLACES}]`, one, two);
      await session.expect(`462-789[${PLACES}]`);
      await session.expect(one);
      await session.expect(two);
      await session.send(`452-/custom,7["message-with-ack",${PLACES}]`, two, one);
      await session.expect(`462-/custom,7[${PLACES}]`);
      await session.expect(two);
      await session.expect(one);
    });

    rule(`leaving one namespace keeps the other (${name})`, async (t) => {
      const session = await connected(t, "/", "/custom");
      await session.send("41");
      await session.send('42/custom,["message",1]');
      await session.expect('42/custom,["message-back",1]');
      await session.send("41/custom,");
      await session.connect("/");
      await session.expect('42["auth",{}]');
      await session.send('42["message",2]');
      await session.expect('42["message-back",2]');
    });

    rule(`an unknown namespace does not disturb the others (${name})`, async (t) => {
      const session = await connected(t, "/");
      await session.send("40/nowhere,");
      await session.expect('44/nowhere,{"message":"Invalid namespace"}');
      await session.send('42["message",1]');
      await session.expect('42["message-back",1]');
    });

    rule(`whoever enters no namespace in time is closed, and not before (${name})`, async (t) => {
      const since = performance.now();
      const session = await begun(t);
      if (kind === TRANSPORTS.polling) {
        const answers = answerPings(session);
        await session.gone();
        await answers;
      } else await session.gone();
      const ms = performance.now() - since;
      assert.ok(ms >= CONNECT_TIMEOUT - 20, `after ${ms} ms`);
    });

    rule(`whoever was refused and enters nothing else is closed as well (${name})`, async (t) => {
      const session = await begun(t);
      await session.send("40/nowhere,");
      await session.expect('44/nowhere,{"message":"Invalid namespace"}');
      if (kind === TRANSPORTS.polling) {
        const answers = answerPings(session);
        await session.gone();
        await answers;
      } else await session.gone();
    });
  });
}

/** Keeps a polling session's heart beating until it is closed. */
async function answerPings(session) {
  for (;;) {
    const answer = await session.get();
    if (answer.status !== 200) return;
    for (const packet of (await answer.text()).split("\x1e")) if (packet === "2") await session.post("3");
  }
}

theListIsTrue();
