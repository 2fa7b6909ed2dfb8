// A user of the official client, who remembers everything that was sent to them.

import assert from "node:assert/strict";
import { inspect as inspectAll } from "node:util";
import { io } from "socket.io-client";

import { matches } from "./match.js";
import { PATIENCE, until, within } from "./until.js";
import { witness } from "./witness.js";

const inspect = (value) => inspectAll(value, { maxStringLength: 80 });

const TRANSPORTS = {
  polling: { transports: ["polling"], upgrade: false },
  websocket: { transports: ["websocket"] },
  upgrade: { transports: ["polling", "websocket"] },
};

/** The events of the client library itself, remembered beside the server's. */
const OWN = ["connect", "connect_error", "disconnect"];

/** Adds what the client library knows of the answer that caused its error: later it has forgotten. */
function tell(error) {
  const { description, context } = error;
  if (typeof description !== "number") return;
  const node = context?.getResponseHeader?.("x-starling-node");
  error.message += ` (${description} ${context?.responseText} from ${node})`;
}

export class Client {
  /** What came, oldest first: `{event, args, at}`; `at` is `performance.now()`. */
  log = [];
  #waiting = new Set();

  /** Begins to connect. `auth`, `extraHeaders`, `reconnection`, … are the official client's. */
  constructor(url, { id, username, transport = "websocket", ...options } = {}) {
    Object.assign(this, { id, username, transport });
    this.socket = io(url, { forceNew: true, reconnection: false, ...TRANSPORTS[transport], ...options });
    this.socket.on("connect_error", tell);
    this.socket.onAny((event, ...args) => this.#note(event, args));
    this.socket.on("connect", () => this.#keepIdsSecret());
    for (const event of OWN) this.socket.on(event, (...args) => this.#note(event, args));
  }

  /** Waits until connected, and upgraded where that is the plan. */
  async ready() {
    const { event, args } = await this.#entry((e) => e.event === "connect" || e.event === "connect_error", "connect");
    if (event === "connect_error") throw args[0];
    const name = () => this.socket.io.engine.transport.name;
    if (this.transport === "upgrade") await until(() => name() === "websocket", "the upgrade");
    return this;
  }

  /** The text of the `connect_error`. */
  async refusal() {
    const [error] = await this.next("connect_error");
    return error.message;
  }

  /** Emits without asking for an acknowledgement. */
  send(event, ...args) {
    this.socket.emit(event, ...args);
    return this;
  }

  /** Emits and returns the acknowledgement, whatever it says. */
  async ask(event, ...args) {
    const answer = await this.socket.timeout(PATIENCE).emitWithAck(event, ...args);
    witness.hear(`acknowledgement of ${event}`, answer);
    assert.equal(typeof answer?.ok, "boolean", `acknowledgement of ${event}: ${inspect(answer)}`);
    return answer;
  }

  /** Emits what must succeed. */
  async ok(event, ...args) {
    const answer = await this.ask(event, ...args);
    assert.ok(answer.ok, `${event} ${inspect(args)} failed: ${inspect(answer.error)}`);
    return answer;
  }

  /** Emits what must fail, and returns the error. */
  async refused(event, ...args) {
    const answer = await this.ask(event, ...args);
    assert.equal(answer.ok, false, `${event} ${inspect(args)} succeeded`);
    const types = Object.fromEntries(Object.entries(answer.error).map(([key, value]) => [key, typeof value]));
    assert.deepEqual(types, { code: "string", message: "string", retryable: "boolean" });
    return answer.error;
  }

  /** The arguments of the first `event` not yet taken whose first argument matches; waits for it. */
  async next(event, pattern, ms = PATIENCE) {
    const what = `${this.username ?? "client"} gets ${event} ${inspect(pattern)}`;
    const found = await this.#entry((e) => e.event === event && matches(e.args[0], pattern), what, ms);
    return found.args;
  }

  /** All first arguments of `event` so far that match, taken or not. */
  all(event, pattern) {
    return this.log.filter((e) => e.event === event && matches(e.args[0], pattern)).map((e) => e.args[0]);
  }

  /** Forgets what came so far. */
  forget() {
    this.log.length = 0;
    return this;
  }

  get connected() {
    return this.socket.connected;
  }

  /** Says goodbye. */
  close() {
    this.socket.disconnect();
  }

  /** Vanishes without a word, as a phone in a tunnel does. */
  drop() {
    const { transport } = this.socket.io.engine;
    if (transport.name === "websocket") transport.ws.terminate();
    else this.socket.io.engine.close();
  }

  #keepIdsSecret() {
    witness.keepSecret(this.socket.id, this.username);
    witness.keepSecret(this.socket.io.engine.id, this.username);
  }

  #note(event, args) {
    if (!OWN.includes(event)) witness.hear(event, args);
    this.log.push({ event, args, at: performance.now(), taken: false });
    for (const look of [...this.#waiting]) look();
  }

  #entry(fits, what, ms = PATIENCE) {
    const take = () => {
      const found = this.log.find((entry) => !entry.taken && fits(entry));
      if (found) found.taken = true;
      return found;
    };
    const there = take();
    if (there) return Promise.resolve(there);
    let look;
    const coming = new Promise((resolve) => {
      look = () => {
        const found = take();
        if (found) this.#waiting.delete(look), resolve(found);
      };
      this.#waiting.add(look);
    });
    return within(coming, what, ms).finally(() => this.#waiting.delete(look));
  }
}
