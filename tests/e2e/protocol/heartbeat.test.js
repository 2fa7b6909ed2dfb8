// Engine.IO, "Heartbeat": the server pings after each interval, and who does not answer in time is gone.

import assert from "node:assert/strict";
import { suite } from "node:test";

import { until } from "../lib/until.js";
import { rulesOf } from "./rule.js";
import { Polling, Socket, TRANSPORTS, open, upgrade, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
const [INTERVAL, TIMEOUT] = [600, 2_000];
const gateway = useGateway({
  env: { STARLING_GUEST: "true", STARLING_PING_INTERVAL_MS: String(INTERVAL), STARLING_PING_TIMEOUT_MS: String(TIMEOUT) },
});
/** Timers of two processes: what is due may seem this much early. */
const CLOCKS = 20;

for (const [name, kind] of Object.entries(TRANSPORTS)) {
  suite(name, () => {
    rule(`the first ping comes one interval after the handshake, not before (${name})`, async (t) => {
      const since = performance.now();
      const session = await open(t, kind, gateway, { heart: false });
      await session.expect("2");
      const ms = performance.now() - since;
      assert.ok(ms >= INTERVAL - CLOCKS, `after ${ms} ms`);
    });

    rule(`a ping follows each pong, one interval later (${name})`, async (t) => {
      const session = await open(t, kind, gateway, { heart: false });
      await session.expect("2");
      const since = performance.now();
      for (let i = 0; i < 3; i++) {
        await session.send("3");
        await session.expect("2");
      }
      const ms = performance.now() - since;
      // The first of them may have been on its way for long: two whole intervals are certain.
      assert.ok(ms >= 2 * INTERVAL - CLOCKS, `three pings within ${ms} ms`);
    });

    rule(`who answers stays (${name})`, async (t) => {
      const session = await open(t, kind, gateway, { heart: false });
      const end = performance.now() + 3 * (INTERVAL + TIMEOUT);
      while (performance.now() < end) {
        await session.expect("2");
        await session.send("3");
      }
      session.heart = true;
      await session.connect();
      await session.works();
    });

    rule(`who does not answer is closed, the timeout after the ping (${name})`, async (t) => {
      const since = performance.now();
      const session = await open(t, kind, gateway, { heart: false });
      await session.expect("2");
      if (kind === Polling) {
        // Asking is no answer, and is told when it is over.
        await until(async () => (await session.get()).status === 400, "the session is closed");
      } else await session.gone();
      const ms = performance.now() - since;
      assert.ok(ms >= TIMEOUT - CLOCKS, `after ${ms} ms`);
    });

    rule(`other packets are no pong (${name})`, async (t) => {
      const session = await open(t, kind, gateway, { heart: false });
      await session.expect("2");
      await session.send("40");
      if (kind === Polling) await until(async () => (await session.get()).status === 400, "the session is closed");
      else await session.gone();
    });
  });
}

suite("a session that nobody polls", () => {
  rule("ends by itself", async (t) => {
    const session = await open(t, Polling, gateway, { heart: false });
    await new Promise((resolve) => setTimeout(resolve, 2 * (INTERVAL + TIMEOUT)));
    await until(async () => (await session.get()).status === 400, "the session is closed");
  });
});

suite("an upgraded session", () => {
  rule("is pinged on its websocket, and stays while it answers", async (t) => {
    const session = await open(t, Polling, gateway);
    await session.connect();
    const socket = await upgrade(t, session, { heart: false });
    await socket.expect("2");
    for (let i = 0; i < 3; i++) {
      await socket.send("3");
      await socket.expect("2");
    }
  });

  rule("is closed when it does not answer there", async (t) => {
    const session = await open(t, Polling, gateway);
    await session.connect();
    const socket = await upgrade(t, session, { heart: false });
    await socket.expect("2");
    await socket.gone();
  });
});

theListIsTrue();
