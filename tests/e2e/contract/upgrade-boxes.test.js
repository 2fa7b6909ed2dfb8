// A websocket that fails on the way, however it does, leaves a session where it is, on polling, and costs
// nobody a message; one that is only late is taken all the same.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { box, cutsAfter, delays, isSilent, refuses, swallows } from "../lib/box.js";
import { Client } from "../lib/client.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { Participant, allHear, assertNothingLost } from "../lib/participant.js";
import { roomOf, texts } from "../lib/rooms.js";
import { holds, until } from "../lib/until.js";

const cluster = useCluster();

const MESSAGES = 200;
/** A websocket may take over for 10 s: the messages go on for longer, and begin after a quiet while. */
const [QUIET_MS, EVERY_MS] = [1_000, 55];
/** While the client is about to change, its polls are ended each 100 ms. */
const POLLS_PER_SECOND = 15;
/** What is no message: the handshake, CONNECT, the room, pings. */
const OTHERS = 20;

/** A frame of a client that carries `2probe`, and the one that carries `3probe`. */
const [ASKED, ANSWERED] = [12, 8];

/** What `upgrade` is, but that nobody waits for it. */
const PROBING = { transport: "polling", upgrade: true, transports: ["polling", "websocket"] };

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A stock client behind the box, and somebody who talks with it while it probes. */
async function talk(t, what, { late, quiet = 0, every } = {}) {
  const way = await box(t, cluster.nodes[0].url, what, late);
  const ann = await cluster.user(t, "ann", { node: 1 });
  const id = fresh("bob");
  const auth = { token: cluster.token({ userId: id, username: "bob" }) };
  const bob = new Client(way.url, { id, username: "bob", ...PROBING, auth, reconnection: true });
  t.after(() => bob.close());
  await bob.ready();
  const since = performance.now();
  const roomName = await roomOf(ann, bob);
  await until(() => way.websockets > 0, "bob asks for a websocket");
  const before = way.polls;
  await pause(quiet);
  const polls = way.polls - before;
  for (let i = 0; i < MESSAGES; i++) {
    for (const user of [ann, bob]) user.send("room-message", { roomName, text: `${user.username} ${i}` });
    await pause(every);
  }
  for (const user of [ann, bob]) {
    for (const { username, id: userId } of [ann, bob]) {
      const heard = () => user.all("room-message", { userId }).map(({ text }) => text);
      await until(() => heard().length >= MESSAGES, `${user.username} hears all of ${username}`);
      assert.deepEqual(heard(), texts(MESSAGES, username));
    }
  }
  const events = bob.log.map(({ event }) => event);
  assert.equal(events.filter((event) => event === "disconnect" || event === "connect_error").length, 0, "bob was disconnected");
  assert.equal(events.filter((event) => event === "connect").length, 1);
  const seconds = ((performance.now() - since) / 1_000).toFixed(1);
  t.diagnostic(`${way.polls} polls, ${polls} of them while nobody spoke, and ${way.posts} posts in ${seconds} s`);
  assert.equal(way.websockets, 1, "the client tried once");
  return { bob, way, polls, transport: bob.socket.io.engine.transport.name };
}

suite("a session stays on polling, connected, and loses nothing where a box", { concurrency: true }, () => {
  const boxes = {
    "answers 400 to the websocket": refuses(400),
    "answers 502 to the websocket": refuses(502),
    "never answers it": isSilent,
    "swallows all of it": swallows({}),
    "swallows what the server says on it": swallows({ up: Infinity }),
    "swallows what the client says on it": swallows({ down: Infinity }),
    "swallows a half of the probe": swallows({ up: ASKED / 2, down: Infinity }),
    "swallows a half of its answer": swallows({ up: Infinity, down: ANSWERED / 2 }),
    "cuts it as soon as it is open": cutsAfter(0),
    "cuts it after the probe": cutsAfter(1),
  };
  for (const [name, what] of Object.entries(boxes)) {
    test(name, async (t) => {
      const { bob, way, polls, transport } = await talk(t, what, { quiet: QUIET_MS, every: EVERY_MS });
      assert.equal(transport, "polling");
      assert.ok(polls <= POLLS_PER_SECOND, `${polls} polls in a second in which nobody spoke`);
      // Bob hears what he says as well.
      const most = 2 * MESSAGES + polls * 10 + OTHERS;
      assert.ok(way.polls < most, `${way.polls} polls`);
      assert.ok(way.posts < MESSAGES + OTHERS, `${way.posts} posts`);
      const before = way.polls;
      await pause(1_000);
      assert.ok(way.polls - before <= 2, `${way.polls - before} polls in a second in which nothing happens`);
      await bob.ok("ping");
    });
  }
});

suite("a session goes over to its websocket, connected, and loses nothing where a box takes 300 ms", { concurrency: true }, () => {
  const [up, down] = [{ up: 300 }, { down: 300 }];
  const boxes = {
    "for what the client says on it": [delays(up), {}],
    "for what the server says on it": [delays(down), {}],
    "for both": [delays({ ...up, ...down }), {}],
    "for what the client says, whatever it polls": [delays(up), up],
    "for what the server says, whatever it polls": [delays(down), down],
    "for all that there is": [delays({ ...up, ...down }), { ...up, ...down }],
  };
  for (const [name, [what, late]] of Object.entries(boxes)) {
    test(name, async (t) => {
      const { bob, way, transport } = await talk(t, what, { late, every: 20 });
      assert.equal(transport, "websocket");
      assert.ok(way.polls < MESSAGES, `${way.polls} polls`);
      const before = way.polls;
      await holds(() => way.polls === before, "nothing is polled any more");
      await bob.ok("ping");
    });
  }
});

suite("a stock client that believes it is on a websocket, and is not, comes back by itself and misses nothing, where a box", { concurrency: true }, () => {
  const impatient = useCluster({ env: { STARLING_PING_INTERVAL_MS: 2_000, STARLING_PING_TIMEOUT_MS: 3_000 } });

  const boxes = {
    "cuts it after the probe's answer": cutsAfter(2),
    "swallows what follows the probe, on both sides": swallows({ up: ASKED, down: ANSWERED }),
    "swallows what the client says after the probe": swallows({ up: ASKED, down: Infinity }),
    "swallows what the server says after the probe": swallows({ up: Infinity, down: ANSWERED }),
  };
  for (const [name, what] of Object.entries(boxes)) {
    test(name, async (t) => {
      // It lets one websocket after the other begin, and only the first fails.
      const ways = [what, delays({})];
      let begin;
      const begun = new Promise((resolve) => (begin = resolve));
      const way = await box(t, impatient.nodes[0].url, async (...connection) => {
        await begun;
        ways.shift()(...connection);
      });
      const roomName = fresh("room");
      const ann = await Participant.enter(t, impatient, { url: impatient.nodes[1].url, roomName, create: true });
      const bob = await Participant.enter(t, impatient, { url: way.url, roomName, ...PROBING });
      begin();
      await Promise.all([ann.sayAll(texts(60, "ann"), 100), bob.sayAll(texts(60, "bob"), 100)]);
      await until(() => bob.client.socket.io.engine?.transport.name === "websocket" && way.websockets === 2, "bob is on a websocket at last", 30_000);
      await allHear([ann, bob]);
      assert.equal(assertNothingLost([ann, bob]), 120);
      assert.equal(bob.lost, 1);
      assert.equal(ann.lost, 0);
    });
  }
});
