// Engine.IO by hand: one session over polling, or one over a websocket. Pings are answered and not shown,
// except to a session that was opened with `heart: false`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before } from "node:test";
import { WebSocket } from "ws";

import { startGateway } from "../lib/gateway.js";
import { until, within } from "../lib/until.js";

export const SEPARATOR = "\x1e";
const POLLING = "EIO=4&transport=polling";
const WEBSOCKET = "EIO=4&transport=websocket";

/** What is answered in whichever state, and ends nothing; and the answer. */
const [PROBE, PROBED] = ["40/nowhere,", '44/nowhere,{"message":"Invalid namespace"}'];
/** After so many answers a session that was to end has not ended. */
const MOMENT = 20;

/** A gateway for this file (or suite), in guest mode unless `env` says otherwise. */
export function useGateway({ env = { STARLING_GUEST: "true" }, features } = {}) {
  const gateway = {};
  before(async () => {
    const { port, stop } = await startGateway({ features, env });
    Object.assign(gateway, { stop, http: `http://127.0.0.1:${port}/socket.io/`, ws: `ws://127.0.0.1:${port}/socket.io/` });
  }, { timeout: 20 * 60_000 });
  after(() => gateway.stop?.());
  return gateway;
}

/** A request to the gateway as it is; `query` replaces the whole query. */
export const request = (gateway, query, options) => fetch(`${gateway.http}?${query}`, options);

/** What both transports have: packets in the order of arrival, binary ones as buffers. */
class Session {
  packets = [];

  constructor(heart) {
    this.heart = heart;
  }

  /** Enters a namespace and returns the Socket.IO session id. */
  async connect(namespace = "/", auth) {
    const prefix = namespace === "/" ? "" : `${namespace},`;
    await this.send(`40${prefix}${auth === undefined ? "" : JSON.stringify(auth)}`);
    const answer = await this.next();
    assert.ok(String(answer).startsWith(`40${prefix}{`), `CONNECT is answered with ${answer}`);
    return JSON.parse(answer.slice(2 + prefix.length)).sid;
  }

  /** The next packet is this one. */
  async expect(packet) {
    const came = await this.next();
    assert.deepEqual(came, packet);
  }

  /** The session works: an event is answered, and nothing came before the answer. */
  async works() {
    await this.send('42["ping"]');
    await this.expect('42["pong"]');
  }

  /** `packets` end the session. What was sent behind them may be answered for a moment, and no longer. */
  async endsWith(...packets) {
    await this.offer(...packets);
    await this.ends();
  }

  /** Asked again and again, it is found closed. */
  async ends() {
    for (let i = 0; i < MOMENT; i++) if (await this.over()) return;
    assert.fail("the session goes on");
  }

  /** Keeps `packet` for `next`, unless it is for the heartbeat. */
  async take(packet) {
    if (packet === "2" && this.heart) return this.send("3");
    this.packets.push(packet);
  }
}

/** One session over HTTP. */
export class Polling extends Session {
  static async open(gateway, { heart = true } = {}) {
    const session = new Polling(heart);
    const [open, ...rest] = await packetsOf(await request(gateway, POLLING));
    assert.match(open, /^0\{/);
    session.handshake = JSON.parse(open.slice(1));
    session.query = `${POLLING}&sid=${session.handshake.sid}`;
    session.gateway = gateway;
    for (const packet of rest) await session.take(packet);
    return session;
  }

  get sid() {
    return this.handshake.sid;
  }

  get(options) {
    return request(this.gateway, this.query, options);
  }

  post(body, options) {
    return request(this.gateway, this.query, { method: "POST", body, ...options });
  }

  /** Sends packets in one payload, buffers as base64. */
  async send(...packets) {
    const answer = await this.post(payloadOf(packets));
    assert.deepEqual([answer.status, await answer.text()], [200, "ok"]);
  }

  async next() {
    if (this.packets.length === 0) {
      for (const packet of await this.poll()) this.packets.push(packet.startsWith("b") ? Buffer.from(packet.slice(1), "base64") : packet);
    }
    return this.packets.shift();
  }

  /** All that was sent is handled, as the answer to a POST says. */
  async handled() {}

  /** Posts what may be the last that the session takes; says whether it was taken. */
  async offer(...packets) {
    return (await this.post(payloadOf(packets))).status === 200;
  }

  async over() {
    if (!(await this.offer(PROBE))) return true;
    while (!this.packets.includes(PROBED)) {
      const answer = await within(this.get(), "a poll is answered");
      if (answer.status !== 200) return true;
      for (const packet of await packetsOf(answer)) await this.take(packet);
    }
    this.packets.splice(this.packets.indexOf(PROBED), 1);
    return false;
  }

  /** What one poll brings beside pings; another, where that was all. */
  async poll() {
    for (;;) {
      const packets = await packetsOf(await within(this.get(), "a poll is answered"));
      const pings = this.heart ? packets.filter((packet) => packet === "2") : [];
      for (const _ of pings) await this.send("3");
      if (packets.length > pings.length) return packets.filter((packet) => !pings.includes(packet));
    }
  }

  /** The gateway knows the session no more. */
  async gone(what = "the session is closed") {
    await until(async () => (await this.post("3")).status === 400, what);
  }
}

/** One session over a websocket, or a websocket that asks for a polling session's upgrade. */
export class Socket extends Session {
  static async open(gateway, options) {
    const session = new Socket(`${gateway.ws}?${WEBSOCKET}`, options);
    const open = await session.next();
    assert.match(open, /^0\{/);
    session.handshake = JSON.parse(open.slice(1));
    return session;
  }

  /** The websocket that a polling session would be upgraded to. */
  static async beside({ gateway, sid }, options) {
    const socket = new Socket(`${gateway.ws}?${WEBSOCKET}&sid=${sid}`, options);
    await within(once(socket.ws, "open"), "the websocket opens");
    return socket;
  }

  constructor(url, { heart = true } = {}) {
    super(heart);
    this.ws = new WebSocket(url);
    this.ws.on("error", () => {});
    this.ws.on("message", (data, binary) => this.take(binary ? data : String(data)));
  }

  get sid() {
    return this.handshake.sid;
  }

  async send(...packets) {
    for (const packet of packets) this.ws.send(packet);
  }

  async next() {
    const there = () => this.packets.length > 0 || this.ws.readyState === WebSocket.CLOSED;
    await until(there, "a packet comes");
    assert.ok(this.packets.length > 0, "the websocket was closed instead of bringing a packet");
    return this.packets.shift();
  }

  offer(...packets) {
    return this.send(...packets);
  }

  /** All that was sent is handled: the websocket's own pong comes after it. */
  async handled() {
    const pong = once(this.ws, "pong");
    this.ws.ping();
    await within(pong, "a pong");
  }

  async over() {
    await this.send(PROBE);
    const closed = () => this.ws.readyState === WebSocket.CLOSED;
    await until(() => closed() || this.packets.includes(PROBED), "an answer or the end");
    if (closed()) return true;
    this.packets.splice(this.packets.indexOf(PROBED), 1);
    return false;
  }

  /** Closed, from the other side. */
  async gone(what = "the websocket is closed") {
    await until(() => this.ws.readyState === WebSocket.CLOSED, what);
  }

  end() {
    this.ws.terminate();
  }
}

/** Both kinds, for rules that hold on both. */
export const TRANSPORTS = { polling: Polling, websocket: Socket };

/** A payload of these packets. */
const payloadOf = (packets) =>
  packets.map((packet) => (Buffer.isBuffer(packet) ? `b${packet.toString("base64")}` : packet)).join(SEPARATOR);

/** The packets of a payload. */
export async function packetsOf(answer) {
  assert.equal(answer.status, 200);
  return (await answer.text()).split(SEPARATOR);
}

/** A session that ends with its test. */
export async function open(t, kind, gateway, options) {
  const session = await kind.open(gateway, options);
  t.after(() => (session.end ? session.end() : session.post("1").catch(() => {})));
  return session;
}

/** Polling until upgraded: the probe, its answer, and the packet that completes it. */
export async function upgrade(t, session, options) {
  const socket = await Socket.beside(session, options);
  t.after(() => socket.end());
  await socket.send("2probe");
  await socket.expect("3probe");
  await socket.send("5");
  return socket;
}
