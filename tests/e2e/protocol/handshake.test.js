// Engine.IO, "Handshake": how a session begins, and what does not begin one.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { suite, test } from "node:test";
import { WebSocket } from "ws";

import { until } from "../lib/until.js";
import { rulesOf } from "./rule.js";
import { Polling, Socket, TRANSPORTS, open, request, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
const gateway = useGateway({
  env: { STARLING_GUEST: "true", STARLING_PING_INTERVAL_MS: "12000", STARLING_PING_TIMEOUT_MS: "7000", STARLING_MAX_PACKET: "65536" },
});

suite("an open packet", () => {
  for (const [name, kind] of Object.entries(TRANSPORTS)) {
    rule(`tells the session's id, times and size (${name})`, async (t) => {
      const { sid, pingInterval, pingTimeout, maxPayload } = (await open(t, kind, gateway)).handshake;
      assert.equal(typeof sid, "string");
      assert.ok(sid.length >= 16, sid);
      assert.deepEqual({ pingInterval, pingTimeout }, { pingInterval: 12_000, pingTimeout: 7_000 });
      assert.ok(Number.isInteger(maxPayload) && maxPayload >= 65_536, `maxPayload ${maxPayload}`);
    });

    rule(`carries another id each time (${name})`, async (t) => {
      const sids = new Set();
      for (let i = 0; i < 5; i++) sids.add((await open(t, kind, gateway)).sid);
      assert.equal(sids.size, 5);
    });
  }

  rule("offers the websocket to a polling session", async (t) => {
    assert.deepEqual((await open(t, Polling, gateway)).handshake.upgrades, ["websocket"]);
  });

  rule("offers nothing to a websocket", async (t) => {
    assert.deepEqual((await open(t, Socket, gateway)).handshake.upgrades, []);
  });

  rule("is text in UTF-8, alone in its payload", async () => {
    const answer = await request(gateway, "EIO=4&transport=polling");
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type"), /^text\/plain; *charset=utf-8$/i);
    assert.match(await answer.text(), /^0\{[^\x1e]*\}$/);
  });

  rule("comes whatever else stands in the query, and in whatever order", async () => {
    for (const query of ["transport=polling&EIO=4", "t=N8hyd6w&EIO=4&transport=polling&x", "EIO=4&transport=polling&token=a%26b"]) {
      assert.equal((await request(gateway, query)).status, 200, query);
    }
  });
});

/** Queries that open nothing. */
const BAD_QUERIES = {
  "no version": (transport) => `transport=${transport}`,
  "an empty version": (transport) => `EIO=&transport=${transport}`,
  "a version that is no number": (transport) => `EIO=abc&transport=${transport}`,
  "an unknown version": (transport) => `EIO=99&transport=${transport}`,
  "version 3, which is switched off": (transport) => `EIO=3&transport=${transport}`,
  "no transport": () => "EIO=4",
  "an empty transport": () => "EIO=4&transport=",
  "an unknown transport": () => "EIO=4&transport=carrier-pigeon",
  "an unknown session": (transport) => `EIO=4&transport=${transport}&sid=0123456789abcdefghij`,
  "an empty session": (transport) => `EIO=4&transport=${transport}&sid=`,
};

suite("over polling there is a 400", () => {
  for (const [kind, query] of Object.entries(BAD_QUERIES)) {
    rule(`for ${kind}`, async () => {
      assert.equal((await request(gateway, query("polling"))).status, 400);
    });
  }

  rule("for a POST that names no session", async () => {
    assert.equal((await request(gateway, "EIO=4&transport=polling", { method: "POST", body: "40" })).status, 400);
  });

  rule("for a POST to an unknown session", async () => {
    const query = "EIO=4&transport=polling&sid=0123456789abcdefghij";
    assert.equal((await request(gateway, query, { method: "POST", body: "40" })).status, 400);
  });

  rule("for a GET without an upgrade that asks for the websocket", async () => {
    assert.equal((await request(gateway, "EIO=4&transport=websocket")).status, 400);
  });
});

suite("a method other than GET and POST", () => {
  for (const method of ["PUT", "DELETE", "PATCH"]) {
    rule(`opens nothing (${method})`, async () => {
      const { status } = await request(gateway, "EIO=4&transport=polling", { method, body: "40" });
      assert.ok(status === 400 || status === 405, `status ${status}`);
    });

    rule(`does nothing to a session (${method})`, async (t) => {
      const session = await open(t, Polling, gateway);
      await session.connect();
      const { status } = await request(gateway, session.query, { method, body: '42["ping"]' });
      assert.ok(status === 400 || status === 405, `status ${status}`);
      await session.works();
    });
  }
});

suite("over a websocket nothing is opened", () => {
  for (const [kind, query] of Object.entries(BAD_QUERIES)) {
    rule(`by ${kind}`, async (t) => {
      const socket = new Socket(`${gateway.ws}?${query("websocket")}`);
      t.after(() => socket.end());
      await socket.gone();
      assert.deepEqual(socket.packets, []);
    });
  }

  rule("by an upgrade that asks for polling", async (t) => {
    const socket = new Socket(`${gateway.ws}?EIO=4&transport=polling`);
    t.after(() => socket.end());
    await socket.gone();
    assert.deepEqual(socket.packets, []);
  });

  rule("by an upgrade to something that is no websocket", async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { connection: "upgrade", upgrade: "carrier-pigeon" };
      const asked = httpRequest(`${gateway.http}?EIO=4&transport=websocket`, { headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on("error", reject).end();
    });
    assert.ok(status >= 400 && status < 500, `status ${status}`);
  });
});

test("the path is followed by nothing else", async () => {
  const answer = await fetch(`${gateway.http}other?EIO=4&transport=polling`);
  assert.equal(answer.status, 404);
});

test("a websocket that says nothing at all is still one", async (t) => {
  const socket = await open(t, Socket, gateway);
  await until(() => socket.ws.readyState === WebSocket.OPEN, "it is open");
});

theListIsTrue();
