// Socket.IO, "Sending and receiving data" and "Acknowledgement": every form of a packet, and what is none.

import assert from "node:assert/strict";
import { suite } from "node:test";

import { rulesOf } from "./rule.js";
import { TRANSPORTS, open, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
const gateway = useGateway();

const place = (num) => ({ _placeholder: true, num });
const said = (value) => `42${JSON.stringify(["message", value])}`;
const broadcast = (value, id = "") => `42${id}${JSON.stringify(["broadcast", value])}`;
/** A binary event with `n` attachments, as it is sent, and as it comes back. */
const binary = (value, n, id = "") => `45${n}-${id}${JSON.stringify(["broadcast", value])}`;
const binaryBack = (value, n) => `45${n}-${JSON.stringify(["message", value])}`;
const OK = '[{"ok":true}]';

for (const [name, kind] of Object.entries(TRANSPORTS)) {
  const connected = async (t) => {
    const session = await open(t, kind, gateway);
    await session.connect();
    return session;
  };

  suite(`EVENT (${name})`, () => {
    for (const value of ["text", "", 7, -0.5, true, null, [], {}, { a: [1, { b: null }] }, "\u0000\u001f\"\\/", "2/x,[1]", "ü漢😀"]) {
      rule(`carries ${JSON.stringify(value)} (${name})`, async (t) => {
        const session = await connected(t);
        await session.send(broadcast(value));
        const came = await session.next();
        assert.deepEqual(JSON.parse(came.slice(2)), ["message", value]);
      });
    }

    rule(`may have more arguments than are needed (${name})`, async (t) => {
      const session = await connected(t);
      await session.send('42["ping",1,"two",{"three":3}]');
      await session.expect('42["pong"]');
    });

    rule(`may name the main namespace (${name})`, async (t) => {
      const session = await connected(t);
      await session.send('42/,["ping"]');
      await session.expect('42["pong"]');
    });

    rule(`may have white space in its JSON (${name})`, async (t) => {
      const session = await connected(t);
      await session.send('42 [ "ping" , 1 ] ');
      await session.expect('42["pong"]');
    });

    rule(`may spell its name with escapes (${name})`, async (t) => {
      const session = await connected(t);
      await session.send('42["\\u0070ing"]');
      await session.expect('42["pong"]');
    });

    for (const event of ['with "quotes"', "back\\slash", "new\nline", "ümläut 漢 😀", "\u0000", "", "x".repeat(1_000)]) {
      rule(`named ${JSON.stringify(event).slice(0, 24)} is an unknown one, and the connection stays (${name})`, async (t) => {
        const session = await connected(t);
        await session.send(`421${JSON.stringify([event, 1])}`);
        const came = await session.next();
        assert.match(came, /^431\[\{/);
        const [{ ok, error }] = JSON.parse(came.slice(3));
        assert.deepEqual([ok, error.code], [false, "unknown_event"]);
        await session.works();
      });
    }

    for (const event of ['[1,"x"]', "[null]", '[{"a":1}]']) {
      rule(`whose name is no string, ${event}, is an unknown one, and the connection stays (${name})`, async (t) => {
        const session = await connected(t);
        await session.send(`421${event}`);
        const came = await session.next();
        assert.deepEqual(JSON.parse(came.slice(3))[0].error.code, "unknown_event");
        await session.works();
      });
    }
  });

  suite(`ACK (${name})`, () => {
    for (const id of ["0", "1", "12", "2147483648", "9007199254740991"]) {
      rule(`answers an event with the id ${id} (${name})`, async (t) => {
        const session = await connected(t);
        await session.send(`42${id}["ping"]`);
        await session.expect('42["pong"]');
        await session.expect(`43${id}${OK}`);
      });
    }

    rule(`comes once for each event that asks for one, and for no other (${name})`, async (t) => {
      const session = await connected(t);
      await session.send(broadcast("a", 7), broadcast("b"), broadcast("c", 8), broadcast("d", 8));
      const came = [];
      while (came.length < 7) came.push(await session.next());
      assert.deepEqual(came.filter((packet) => packet.startsWith("43")), [`437${OK}`, `438${OK}`, `438${OK}`]);
      assert.deepEqual(came.filter((packet) => packet.startsWith("42")), ["a", "b", "c", "d"].map(said));
      await session.works();
    });

    rule(`is an array also where there is a failure to tell (${name})`, async (t) => {
      const session = await connected(t);
      await session.send('425["join-room",{"roomName":"nowhere"}]');
      const came = await session.next();
      assert.match(came, /^435\[\{/);
      assert.equal(JSON.parse(came.slice(3))[0].error.code, "room_not_found");
    });

    for (const [what, packets] of Object.entries({
      "an empty one": ["4399[]"],
      "one with arguments": ['4399["a",{"b":1}]'],
      "a binary one": [`461-99${JSON.stringify([place(0)])}`, Buffer.from([1])],
    })) {
      rule(`of the client's that nobody asked for is ignored: ${what} (${name})`, async (t) => {
        const session = await connected(t);
        await session.send(...packets);
        await session.works();
      });
    }
  });

  suite(`BINARY_EVENT (${name})`, () => {
    const [one, two, none] = [Buffer.from([1, 2, 3, 4]), Buffer.from([255, 0, 30]), Buffer.alloc(0)];

    const FORMS = {
      "one attachment": [place(0), [one]],
      "several, in order": [[place(0), "between", place(1)], [one, two]],
      "several in another order than their places": [[place(1), place(0)], [one, two]],
      "deep among the rest": [{ a: { b: [{ c: place(0) }] }, d: 1 }, [one]],
      "an empty one": [[place(0), place(1)], [none, one]],
    };
    for (const [what, [value, attachments]] of Object.entries(FORMS)) {
      rule(`carries ${what} (${name})`, async (t) => {
        const session = await connected(t);
        await session.send(binary(value, attachments.length), ...attachments);
        await session.expect(binaryBack(value, attachments.length));
        for (const attachment of attachments) await session.expect(attachment);
        await session.works();
      });
    }

    rule(`may announce none (${name})`, async (t) => {
      const session = await connected(t);
      await session.send('450-["ping"]');
      await session.expect('42["pong"]');
    });

    for (const num of [1, -1, 0.5, "0", null]) {
      rule(`whose place is ${JSON.stringify(num)} of one is refused and sent to nobody (${name})`, async (t) => {
        const [session, witness] = [await connected(t), await connected(t)];
        await session.send(binary(place(num), 1, 3), one);
        const came = await session.next();
        assert.match(came, /^433\[\{"ok":false,"error":\{"code":"invalid_payload"/);
        await witness.works();
      });
    }

    rule(`is acknowledged like any other (${name})`, async (t) => {
      const session = await connected(t);
      await session.send(binary(place(0), 1, 12), one);
      const came = [await session.next(), await session.next(), await session.next()];
      assert.deepEqual(came.filter((packet) => !String(packet).startsWith("43")), [binaryBack(place(0), 1), one]);
      assert.ok(came.includes(`4312${OK}`));
    });

    rule(`is not torn by what others send (${name})`, async (t) => {
      const [session, talker] = [await connected(t), await connected(t)];
      for (let i = 0; i < 20; i++) {
        await talker.send(binary({ i, data: [place(0), place(1)] }, 2), one, two);
        await session.send(broadcast(i));
      }
      let whole = 0;
      for (let text = 0; whole < 20 || text < 20; ) {
        const packet = await session.next();
        if (!packet.startsWith("45")) text++;
        else whole++, await session.expect(one), await session.expect(two);
      }
    });
  });

  suite(`the connection ends (${name})`, () => {
    const bytes = Buffer.from([1]);
    const BAD = {
      "a packet of an unknown type": ["47"],
      "a packet without a type": ["4"],
      "a packet whose type is no digit": ["4x"],
      "an event without a payload": ["42"],
      "an event that is no JSON": ['42["ping"'],
      "an event with something behind its JSON": ['42["ping"]x'],
      "an event that is an object": ["42{}"],
      "an event that is a string": ['42"ping"'],
      "an event that is an empty array": ["42[]"],
      "an event for a namespace that was not entered": ['42/nowhere,["ping"]'],
      "an acknowledgement without a payload": ["431"],
      "an acknowledgement that is an object": ["431{}"],
      "an acknowledgement that is no JSON": ["431["],
      "a CONNECT_ERROR, which is the server's": ['44{"message":"no"}'],
      "a binary event without a number of attachments": ['45["ping"]'],
      "a binary event with a number that is none": ['45x-["ping"]'],
      "a packet where an attachment was announced": [binary(place(0), 1), '42["ping"]'],
      "an attachment that nobody announced": [bytes],
      "an attachment too many": ['451-["ping",{"_placeholder":true,"num":0}]', bytes, bytes],
      "eleven attachments, one more than the limit": [binary(place(0), 11)],
    };
    for (const [what, packets] of Object.entries(BAD)) {
      rule(`with ${what} (${name})`, async (t) => {
        const [session, witness] = [await connected(t), await connected(t)];
        await session.endsWith(...packets);
        await witness.works();
      });
    }
  });
}

theListIsTrue();
