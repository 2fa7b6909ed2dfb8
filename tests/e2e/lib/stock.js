// Clients as others have published them, old and new, in JavaScript and Python, behind one interface:
// `heard` are `{event, args}` in the order of arrival, `connect` and `disconnect` among them.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { io as io4 } from "socket.io-client";
import io2 from "socket.io-client-v2";
import { io as io3 } from "socket.io-client-v3";

import { until, within } from "./until.js";

const PYTHON = fileURLToPath(new URL("../../../target/python/bin/python", import.meta.url));
const SCRIPT = fileURLToPath(new URL("../python/stock.py", import.meta.url));

const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
/** What the tests need; the old client has no way to hear all. */
const EVENTS = ["connect", "disconnect", "room-message", "blob"];

class Stock {
  heard = [];

  /** How often `event` has come. */
  count(event) {
    return this.all(event).length;
  }

  /** The first arguments of all `event`s that have come. */
  all(event) {
    return this.heard.filter((e) => e.event === event).map(({ args }) => args[0]);
  }

  get connected() {
    const { event } = this.heard.findLast(({ event }) => event === "connect" || event === "disconnect") ?? {};
    return event === "connect";
  }

  /** Waits for the n-th connection, and its upgrade. */
  async ready(n = 1) {
    await until(() => this.connected && this.count("connect") === n, `connection ${n}`, 20_000);
    if (this.way === "upgrade") await until(async () => (await this.transport()) === "websocket", "the upgrade");
    return this;
  }
}

class Script extends Stock {
  constructor(io, url, token, way) {
    super();
    this.way = way;
    // Version 2 knows no `auth`, and takes headers for each transport.
    const extraHeaders = { Authorization: `Bearer ${token}` };
    const headers = io === io2 ? { extraHeaders, transportOptions: { polling: { extraHeaders } } } : { auth: { token } };
    this.socket = io(url, { forceNew: true, transports: TRANSPORTS[way], reconnectionDelay: 100, reconnectionDelayMax: 500, ...headers });
    for (const event of EVENTS) this.socket.on(event, (...args) => this.heard.push({ event, args }));
  }

  ask(event, payload) {
    return within(new Promise((resolve) => this.socket.emit(event, payload, resolve)), `${event} is acknowledged`);
  }

  transport() {
    return this.socket.io.engine.transport.name;
  }

  close() {
    this.socket.close();
  }
}

class Python extends Stock {
  #waiting = new Map();
  #errors = "";
  #asked = 0;

  constructor(url, token, way) {
    super();
    this.way = way;
    this.process = spawn(PYTHON, [SCRIPT, url, token, TRANSPORTS[way].join()], { stdio: "pipe" });
    this.process.stderr.on("data", (text) => (this.#errors += text));
    createInterface({ input: this.process.stdout }).on("line", (line) => {
      const { answer, ...heard } = JSON.parse(line, bytes);
      if (answer === undefined) return this.heard.push(heard);
      this.#waiting.get(answer)(heard.args[0]);
      this.#waiting.delete(answer);
    });
  }

  ask(event, payload) {
    const id = this.#asked++;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.process.stdin.write(`${JSON.stringify({ id, event, payload }, base64)}\n`);
    return within(answer, `${event ?? "the transport"} is answered`).catch((error) => {
      throw new Error(`${error.message}\n${this.#errors}`);
    });
  }

  transport() {
    return this.ask();
  }

  close() {
    this.process.kill("SIGKILL");
  }
}

/** Buffers have become something else when this sees them. */
function base64(key, value) {
  return value?.type === "Buffer" ? { base64: Buffer.from(value.data).toString("base64") } : value;
}

function bytes(key, value) {
  return typeof value?.base64 === "string" ? Buffer.from(value.base64, "base64") : value;
}

/** Each by its name: how it connects, why it cannot be tried here, whether it handles each event in a
 * thread of its own, so that they may overtake each other in there, and how much it may say at once. */
export const STOCK = {
  "socket.io-client 4": { open: (...where) => new Script(io4, ...where) },
  "socket.io-client 3": { open: (...where) => new Script(io3, ...where) },
  "socket.io-client 2": { open: (...where) => new Script(io2, ...where) },
  "python-socketio": {
    open: (...where) => new Python(...where),
    threads: true,
    // It disconnects when a poll brings more than 16 packets, from whatever server: an answer and a message each.
    atOnce: { polling: 7 },
    skip: !existsSync(PYTHON) && "python-socketio is not there: `cargo xtask test e2e` installs it",
  },
};

export const WAYS = Object.keys(TRANSPORTS);
