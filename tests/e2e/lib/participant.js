// Somebody in a room who talks, listens and always comes back: what a careful client does with the
// contract. Everything heard is kept in the order of arrival, repetitions and gaps included.

import assert from "node:assert/strict";

import { Client } from "./client.js";
import { fresh } from "./names.js";
import { until } from "./until.js";

/** How long one message may take to be acknowledged, whatever breaks meanwhile. */
const STUBBORN_MS = 60_000;
const PAUSE_BETWEEN_TRIES_MS = 100;

export class Participant {
  /** `{seq, text}`, in the order of arrival. */
  heard = [];
  /** Texts that the cluster acknowledged. */
  acknowledged = [];
  /** How often the session was gone and began anew. */
  anew = 0;
  /** How often the connection was lost. */
  lost = 0;
  /** Times the room was announced as not recovered. */
  unrecovered = 0;
  #member = false;

  /** Enters `roomName` by `url`, or creates it. */
  static async enter(t, cluster, { url = cluster.url, roomName, create = false, name = fresh("p"), ...options }) {
    const participant = new Participant(t, cluster, url, roomName, name, options);
    await participant.client.ready();
    await participant.client.ok("register", {});
    await participant.client.ok(create ? "create-room" : "join-room", { roomName });
    participant.#member = true;
    return participant;
  }

  constructor(t, cluster, url, roomName, name, options) {
    this.roomName = roomName;
    const auth = { token: cluster.token({ userId: name, username: name }) };
    this.client = new Client(url, { id: name, username: name, auth, reconnection: true, reconnectionDelayMax: 1_000, ...options });
    t.after(() => this.client.close());
    const { socket } = this.client;
    socket.on("room-message", (message) => this.#hear(message));
    socket.on("session-restored", (restored) => this.#restored(restored));
    socket.on("missed-messages", ({ messages }) => messages.forEach((message) => this.#hear(message)));
    socket.on("room-history", (history) => this.#history(history));
    socket.on("disconnect", () => ((this.#member = false), this.lost++));
    socket.on("connect", () => this.lost > 0 && this.#comeBack());
  }

  get id() {
    return this.client.id;
  }

  get lastSeq() {
    return this.heard.at(-1)?.seq ?? 0;
  }

  /** Says `text` until it is acknowledged; the same `clientId` makes the tries one message. */
  async say(text) {
    const message = { roomName: this.roomName, text, clientId: text };
    await until(() => this.#try(message), `"${text}" is acknowledged`, STUBBORN_MS);
    this.acknowledged.push(text);
  }

  /** Says all of `texts`, one after the other, at most one every `every` ms. */
  async sayAll(texts, every = 0) {
    const since = performance.now();
    for (const [i, text] of texts.entries()) {
      await pause(since + i * every - performance.now());
      await this.say(text);
    }
  }

  /** Waits until the room's message `seq` has been heard. */
  hears(seq, ms = 30_000) {
    return until(() => this.lastSeq >= seq, `${this.id} hears message ${seq} (now at ${this.lastSeq})`, ms);
  }

  async #try(message) {
    if (!this.#member) return false;
    const answer = await this.client.ask("room-message", message).catch(() => undefined);
    if (answer?.ok) return true;
    const code = answer?.error.code;
    assert.ok(!code || answer.error.retryable || code === "not_a_member", `a message was refused: ${code}`);
    await pause(PAUSE_BETWEEN_TRIES_MS);
    return false;
  }

  async #comeBack() {
    const { client, roomName } = this;
    const life = this.lost;
    while (client.connected && this.lost === life && !this.#member) {
      const lastSeq = { [roomName]: this.lastSeq };
      const answer = await client.ask("reconnect-session", { userId: client.id, lastSeq }).catch(() => undefined);
      if (answer?.ok) this.#member = true;
      else if (answer?.error.code === "session_not_found") await this.#beginAnew();
      else await pause(PAUSE_BETWEEN_TRIES_MS);
    }
  }

  async #beginAnew() {
    this.anew++;
    const ask = (event, payload) => this.client.ask(event, payload).catch(() => ({ ok: false }));
    const { roomName } = this;
    if (!(await ask("register", {})).ok) return;
    this.#member = (await ask("join-room", { roomName })).ok || (await ask("create-room", { roomName })).ok;
  }

  #restored({ missed, recovered }) {
    if (recovered[this.roomName] === false) this.unrecovered++;
    for (const message of missed[this.roomName] ?? []) this.#hear(message);
  }

  #history({ roomName, messages, recovered }) {
    if (roomName !== this.roomName) return;
    if (recovered === false) this.unrecovered++;
    for (const message of messages) if (message.seq > this.lastSeq) this.#hear(message);
  }

  #hear({ roomName, seq, text }) {
    if (roomName === this.roomName) this.heard.push({ seq, text });
  }
}

const pause = (ms) => ms > 0 && new Promise((resolve) => setTimeout(resolve, ms));

/** Everybody heard everything that was acknowledged to anybody, once, in one order, without a gap. */
export function assertNothingLost(participants) {
  const acknowledged = participants.flatMap((participant) => participant.acknowledged);
  const [first] = participants;
  for (const { id, heard } of participants) {
    const broken = heard.slice(1).filter(({ seq }, i) => seq !== heard[i].seq + 1);
    assert.deepEqual(broken, [], `${id}: seq is not one more than the one before`);
    const texts = heard.map(({ text }) => text);
    const once = new Set(texts);
    assert.equal(once.size, texts.length, `${id} heard something twice`);
    assert.deepEqual(acknowledged.filter((text) => !once.has(text)), [], `${id} misses what was acknowledged`);
    const orders = [heard, first.heard].map((all) => all.map(({ seq, text }) => `${seq} ${text}`));
    assert.deepEqual(orders[0], orders[1], `${id} and ${first.id} heard different orders`);
  }
  return acknowledged.length;
}

/** `n` participants of one room; the i-th connects to `urls[i % urls.length]`. */
export async function gather(t, cluster, n, urls = [cluster.url]) {
  const roomName = fresh("crowd");
  const people = [];
  for (let i = 0; i < n; i++) {
    people.push(await Participant.enter(t, cluster, { url: urls[i % urls.length], roomName, create: i === 0 }));
  }
  return people;
}

/** Waits until all have heard the last message that anybody has heard, or was acknowledged. */
export async function allHear(participants, ms = 30_000) {
  const [, ...others] = participants;
  const acknowledged = participants.flatMap((participant) => participant.acknowledged);
  const complete = ({ heard }) => {
    const texts = new Set(heard.map(({ text }) => text));
    return acknowledged.every((text) => texts.has(text));
  };
  for (const participant of participants) {
    await until(() => participant.heard.length >= acknowledged.length && complete(participant), `${participant.id} hears everything`, ms);
  }
  const last = Math.max(...participants.map(({ lastSeq }) => lastSeq));
  for (const participant of others) await participant.hears(last, ms);
}
