// Socket.IO, "Connection to a namespace" and "Disconnection from a namespace".

import assert from "node:assert/strict";
import { suite } from "node:test";

import { sign } from "../lib/token.js";
import { rulesOf } from "./rule.js";
import { TRANSPORTS, open, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);

suite("with guests let in", () => {
  const gateway = useGateway();
  const connect = /^40\{"sid":"[^"]+"\}$/;

  for (const [name, kind] of Object.entries(TRANSPORTS)) {
    const begun = (t) => open(t, kind, gateway);

    suite(name, () => {
      rule(`CONNECT is answered with CONNECT and a session id (${name})`, async (t) => {
        const session = await begun(t);
        await session.send("40");
        assert.match(await session.next(), connect);
        await session.works();
      });

      rule(`CONNECT may name the main namespace (${name})`, async (t) => {
        const session = await begun(t);
        await session.send("40/,");
        assert.match(await session.next(), connect);
        await session.works();
      });

      rule(`CONNECT may carry a payload (${name})`, async (t) => {
        const session = await begun(t);
        await session.send('40{"color":"red","more":{"deep":[1,2]}}');
        assert.match(await session.next(), connect);
        await session.works();
      });

      for (const [what, packet, answer] of [
        ["an unknown namespace", "40/nowhere,", '44/nowhere,{"message":"Invalid namespace"}'],
        ["an unknown namespace with a payload", '40/nowhere,{"token":"123"}', '44/nowhere,{"message":"Invalid namespace"}'],
        ["an unknown namespace without a comma", "40/nowhere", '44/nowhere,{"message":"Invalid namespace"}'],
      ]) {
        rule(`CONNECT to ${what} is answered with CONNECT_ERROR, an object with a message, and the connection stays (${name})`, async (t) => {
          const session = await begun(t);
          await session.send(packet);
          await session.expect(answer);
          await session.connect();
          await session.works();
        });
      }

      const FIRST = {
        "an event": '42["ping"]',
        "an event for a namespace that was not entered": '42/nowhere,["ping"]',
        "a binary event": '450-["ping"]',
        "an acknowledgement": "431[]",
        "DISCONNECT": "41",
        "CONNECT_ERROR": '44{"message":"no"}',
      };
      for (const [what, packet] of Object.entries(FIRST)) {
        rule(`${what} before CONNECT closes the connection (${name})`, async (t) => {
          await (await begun(t)).endsWith(packet);
        });
      }

      const WRONG = { "that is a string": '40"auth"', "that is an array": "40[1]", "that is a number": "40 7", "that is no JSON": '40{"token":' };
      for (const [what, packet] of Object.entries(WRONG)) {
        rule(`CONNECT with a payload ${what} closes the connection (${name})`, async (t) => {
          await (await begun(t)).endsWith(packet);
        });
      }

      rule(`CONNECT twice closes the connection (${name})`, async (t) => {
        const session = await begun(t);
        await session.connect();
        await session.endsWith("40");
      });

      rule(`DISCONNECT is not answered, and the connection stays (${name})`, async (t) => {
        const session = await begun(t);
        await session.connect();
        await session.send("41", "40");
        assert.match(await session.next(), connect);
        await session.works();
      });

      rule(`an event after DISCONNECT is not handled (${name})`, async (t) => {
        const [session, witness] = [await begun(t), await begun(t)];
        for (const one of [session, witness]) await one.connect();
        await session.send("41");
        await session.endsWith('42["broadcast","from beyond"]');
        await witness.works();
      });

      rule(`whoever left a namespace hears no more of it (${name})`, async (t) => {
        const [session, talker] = [await begun(t), await begun(t)];
        for (const one of [session, talker]) await one.connect();
        await session.send("41");
        await session.handled();
        await talker.send('42["broadcast","to those who stay"]');
        await talker.expect('42["message","to those who stay"]');
        await session.connect();
        await session.works();
      });

      rule(`what was sent before DISCONNECT is handled (${name})`, async (t) => {
        const [session, witness] = [await begun(t), await begun(t)];
        for (const one of [session, witness]) await one.connect();
        await session.send('42["broadcast","last words"]', "41");
        await witness.expect('42["message","last words"]');
      });
    });
  }
});

suite("with tokens", () => {
  const secret = "an honest secret of forty and some bytes";
  const gateway = useGateway({ env: { STARLING_JWT_SECRET: secret } });

  for (const [name, kind] of Object.entries(TRANSPORTS)) {
    rule(`CONNECT that is refused is answered with CONNECT_ERROR, and a better one may follow (${name})`, async (t) => {
      const session = await open(t, kind, gateway);
      await session.send("40");
      await session.expect('44{"message":"Authentication required"}');
      await session.send('40{"token":"123"}');
      await session.expect('44{"message":"Invalid token"}');
      await session.connect("/", { token: sign({ userId: "ann" }, secret) });
      await session.works();
    });

    rule(`an event after a refused CONNECT closes the connection (${name})`, async (t) => {
      const session = await open(t, kind, gateway);
      await session.send("40");
      await session.expect('44{"message":"Authentication required"}');
      await session.endsWith('42["ping"]');
    });

    rule(`DISCONNECT from the server's side is a packet of its own (${name})`, async (t) => {
      const session = await open(t, kind, gateway);
      await session.connect("/", { token: sign({ userId: "bob" }, secret) });
      await session.send('42["logout"]');
      await session.expect("41");
    });
  }
});

theListIsTrue();
