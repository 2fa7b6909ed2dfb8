// Engine.IO over HTTP long-polling: one GET and one POST at a time, payloads, their encoding and size.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { suite } from "node:test";

import { fresh } from "../lib/names.js";
import { within } from "../lib/until.js";
import { rulesOf } from "./rule.js";
import { Polling, SEPARATOR, open, useGateway } from "./wire.js";

const { rule, theListIsTrue } = rulesOf(import.meta.url);
const gateway = useGateway();

/** A session in the main namespace. */
async function connected(t) {
  const session = await open(t, Polling, gateway);
  await session.connect();
  return session;
}

const said = (value) => `42${JSON.stringify(["message", value])}`;
const broadcast = (value) => `42${JSON.stringify(["broadcast", value])}`;

suite("a GET", () => {
  rule("is answered when there is something to be had, and not before", async (t) => {
    const [one, other] = [await connected(t), await connected(t)];
    let answered = false;
    const poll = one.poll().finally(() => (answered = true));
    // Another session's whole exchange is no reason to answer.
    await other.works();
    assert.equal(answered, false);
    await other.send(broadcast("now"));
    assert.deepEqual(await poll, [said("now")]);
  });

  rule("brings all that waits, in order", async (t) => {
    const session = await connected(t);
    await session.send(broadcast(1), broadcast(2), '420["ping"]');
    const came = [];
    while (came.length < 4) came.push(await session.next());
    assert.deepEqual(came, [said(1), said(2), '42["pong"]', '430[{"ok":true}]']);
  });

  rule("brings several packets in one payload", async (t) => {
    const [one, other] = [await connected(t), await connected(t)];
    for (let i = 0; i < 5; i++) await other.send(broadcast(i));
    // The sender has its own: so have the others, for nothing but their poll is missing.
    for (let i = 0; i < 5; i++) await other.expect(said(i));
    assert.deepEqual(await one.poll(), [0, 1, 2, 3, 4].map(said));
  });

  rule("is text in UTF-8", async (t) => {
    const session = await connected(t);
    await session.send(broadcast("ü"));
    const answer = await session.get();
    assert.match(answer.headers.get("content-type"), /^text\/plain; *charset=utf-8$/i);
    await answer.text();
  });

  rule("beside another is a 400 and the end of the session", async (t) => {
    const session = await connected(t);
    // Three: one of them may be answered at once, by a ping.
    const polls = Array.from({ length: 3 }, () => session.get());
    const answers = await within(Promise.all(polls), "all polls are answered");
    assert.ok(answers.some(({ status }) => status === 400), `statuses ${answers.map(({ status }) => status)}`);
    await session.gone();
  });

  rule("that its client gave up is the end of the session", async (t) => {
    const session = await connected(t);
    const giveUp = new AbortController();
    const poll = session.get({ signal: giveUp.signal }).catch(() => "given up");
    // Only a poll that has arrived can be given up: a second session's exchange takes longer.
    await (await connected(t)).works();
    giveUp.abort();
    assert.equal(await poll, "given up");
    await session.gone();
  });
});

suite("a POST", () => {
  rule('is answered with "ok", as text', async (t) => {
    const session = await connected(t);
    const answer = await session.post('42["ping"]');
    assert.deepEqual([answer.status, await answer.text()], [200, "ok"]);
    await session.expect('42["pong"]');
  });

  rule("may say that it is text, or not say what it is", async (t) => {
    const session = await connected(t);
    for (const type of ["text/plain;charset=UTF-8", "text/plain"]) {
      const answer = await session.post('42["ping"]', { headers: { "content-type": type } });
      assert.equal(answer.status, 200, type);
      await session.expect('42["pong"]');
    }
    const answer = await session.post(Buffer.from('42["ping"]'));
    assert.equal(answer.status, 200);
    await session.expect('42["pong"]');
  });

  rule("may come in pieces", async (t) => {
    const session = await connected(t);
    const text = fresh("pieces");
    const { status } = await inPieces(session, broadcast(text), async () => {});
    assert.equal(status, 200);
    await session.expect(said(text));
  });

  rule("passes while a poll is open", async (t) => {
    const session = await connected(t);
    const poll = session.poll();
    await session.send('42["ping"]');
    assert.deepEqual(await poll, ['42["pong"]']);
  });

  rule("beside another is a 400 and the end of the session, for a POST", async (t) => {
    const session = await connected(t);
    let second;
    const first = inPieces(session, '42["ping"]', async () => (second = (await session.post('42["ping"]')).status));
    // What becomes of the first is nobody's promise.
    await first.catch(() => {});
    assert.equal(second, 400);
    await session.gone();
  });
});

/** Posts `body` in two halves, with `between` between them: then the gateway is reading it. */
async function inPieces({ gateway, query }, body, between) {
  const bytes = Buffer.from(body);
  const headers = { "content-length": bytes.length, expect: "100-continue" };
  const post = httpRequest(`${gateway.http}?${query}`, { method: "POST", headers });
  const answered = once(post, "response");
  answered.catch(() => {});
  try {
    post.flushHeaders();
    await within(once(post, "continue"), "the gateway asks for the body");
    post.write(bytes.subarray(0, 4));
    await between();
    post.end(bytes.subarray(4));
    const [answer] = await within(answered, "the POST is answered");
    answer.resume();
    return { status: answer.statusCode };
  } finally {
    post.destroy();
  }
}

suite("a payload", () => {
  rule("holds several packets, handled in order", async (t) => {
    const session = await connected(t);
    await session.send(...Array.from({ length: 20 }, (_, i) => broadcast(i)));
    for (let i = 0; i < 20; i++) await session.expect(said(i));
  });

  rule("holds characters of every length", async (t) => {
    const session = await connected(t);
    const text = "a ü € 漢 😀 \u2028";
    await session.send(broadcast(text), broadcast(`${text} again`));
    await session.expect(said(text));
    await session.expect(said(`${text} again`));
  });

  rule("holds binary packets as base64 behind a b", async (t) => {
    const session = await connected(t);
    const event = '["broadcast",{"_placeholder":true,"num":0}]';
    const answer = await session.post(["451-" + event, "bAQIDBA=="].join(SEPARATOR));
    assert.equal(answer.status, 200);
    const payload = [];
    while (payload.length < 2) payload.push(...(await session.poll()));
    assert.deepEqual(payload, ['451-["message",{"_placeholder":true,"num":0}]', "bAQIDBA=="]);
  });

  rule("holds text and binary side by side", async (t) => {
    const session = await connected(t);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await session.send('42["ping"]', '451-["broadcast",{"_placeholder":true,"num":0}]', bytes, '42["ping"]');
    await session.expect('42["pong"]');
    await session.expect('451-["message",{"_placeholder":true,"num":0}]');
    await session.expect(bytes);
    await session.expect('42["pong"]');
  });

  const BAD = {
    "an unknown packet type": "abc",
    "a digit that is no packet type": "9",
    "an empty packet between others": `42["ping"]${SEPARATOR}${SEPARATOR}42["ping"]`,
    "bytes that are no UTF-8": Buffer.from([0x34, 0xff, 0xfe]),
  };
  for (const [kind, body] of Object.entries(BAD)) {
    rule(`with ${kind} is the end of the session`, async (t) => {
      const session = await connected(t);
      await session.post(body);
      await session.ends();
    });
  }
});

suite("the size of a payload", () => {
  rule("may be maxPayload", async (t) => {
    const session = await connected(t);
    const { maxPayload } = session.handshake;
    // Of several packets, for one alone is bound by the contract's limit of a packet.
    const packet = broadcast("x".repeat(40_000));
    const packets = Array.from({ length: Math.floor(maxPayload / (packet.length + 1)) - 1 }, () => packet);
    const missing = maxPayload - [...packets, broadcast("")].join(SEPARATOR).length;
    const body = [...packets, broadcast("x".repeat(missing))].join(SEPARATOR);
    assert.equal(Buffer.byteLength(body), maxPayload);
    assert.equal((await session.post(body)).status, 200);
    for (const _ of packets) await session.expect(said("x".repeat(40_000)));
    await session.expect(said("x".repeat(missing)));
  });

  rule("counts bytes, not characters; beyond maxPayload it is a 413, and nothing of it is handled", async (t) => {
    const [session, bystander] = [await connected(t), await connected(t)];
    const { maxPayload } = session.handshake;
    const body = [broadcast("first"), broadcast("ü".repeat(maxPayload / 2))].join(SEPARATOR);
    assert.ok(body.length < maxPayload && Buffer.byteLength(body) > maxPayload);
    assert.equal((await session.post(body)).status, 413);
    await bystander.works();
  });
});

theListIsTrue();
