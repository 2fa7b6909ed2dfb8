// Users come one after another, join rooms, and send with acknowledgements and a
// `clientId`; what everybody receives is checked for loss, duplicates, order and
// latency. A user whose gateway dies comes back as a client would: a new
// connection, `reconnect-session`, unanswered messages sent again.
//
//   cargo xtask cluster                      then: cargo xtask load --jwt-secret ...
//   docker compose --profile load run --rm k6
//
// Environment: URL, JWT_SECRET, USERS, ROOMS, RATE (messages a second of each
// user), RAMP and DURATION (of the sending), MAX_P99_MS (1000; while gateways are
// killed or restarted on purpose, a client's way back alone takes a second or two).
import exec from "k6/execution";
import { Counter, Rate, Trend } from "k6/metrics";
import { connect } from "./socketio.js";
import { token } from "./token.js";
import { RoomLog } from "./roomlog.js";

const URL = __ENV.URL || "http://127.0.0.1:8080";
const SECRET = __ENV.JWT_SECRET;
const USERS = Number(__ENV.USERS || 60);
const ROOMS = Number(__ENV.ROOMS || 6);
const RATE = Number(__ENV.RATE || 1);
const RAMP_MS = milliseconds(__ENV.RAMP || "10s");
const DURATION_MS = milliseconds(__ENV.DURATION || "30s");
const MAX_P99_MS = Number(__ENV.MAX_P99_MS || 1000);
// What was sent last must still arrive; nobody's end is anybody's loss.
const SETTLE_MS = 3000;
const ACK_TIMEOUT_MS = 5000;
const TRIES = 30;

const metrics = {
  connected: new Rate("starling_connected"),
  reconnects: new Counter("starling_reconnects"),
  unrestored: new Counter("starling_sessions_not_restored"),
  sent: new Counter("starling_sent"),
  received: new Counter("starling_received"),
  repeated: new Counter("starling_sends_repeated"),
  unacknowledged: new Counter("starling_unacknowledged"),
  lost: new Counter("starling_lost"),
  duplicates: new Counter("starling_duplicates"),
  disorder: new Counter("starling_out_of_order"),
  finished: new Counter("starling_users_finished"),
  connectMs: new Trend("starling_connect_ms", true),
  ackMs: new Trend("starling_ack_ms", true),
  deliveryMs: new Trend("starling_delivery_ms", true),
};

export const options = {
  scenarios: {
    rooms: {
      executor: "per-vu-iterations",
      vus: USERS,
      iterations: 1,
      maxDuration: `${Math.ceil((RAMP_MS + DURATION_MS + SETTLE_MS) / 1000) + 60}s`,
    },
  },
  thresholds: {
    starling_connected: ["rate>0.99"],
    starling_unacknowledged: ["count==0"],
    starling_lost: ["count==0"],
    starling_duplicates: ["count==0"],
    starling_out_of_order: ["count==0"],
    starling_received: ["count>0"],
    starling_users_finished: [`count==${USERS}`],
    starling_delivery_ms: [`p(99)<${MAX_P99_MS}`],
    starling_ack_ms: [`p(99)<${MAX_P99_MS}`],
  },
  summaryTrendStats: ["min", "med", "p(95)", "p(99)", "max"],
};

/** One clock and one set of rooms for all. */
export function setup() {
  if (!SECRET) exec.test.abort("JWT_SECRET is missing");
  return { run: Date.now().toString(36), start: Date.now() + 500 };
}

export default function user({ run, start }) {
  const number = exec.vu.idInTest;
  const member = new Member(`load-${run}-${number}`, `load-${run}-${number % ROOMS}`);
  const arrival = start + (RAMP_MS * (number - 1)) / USERS;
  return at(arrival)
    .then(() => member.arrive())
    .then(() => member.sendAll(start + RAMP_MS, start + RAMP_MS + DURATION_MS))
    .then(() => at(start + RAMP_MS + DURATION_MS + SETTLE_MS))
    .then(() => member.leave());
}

class Member {
  constructor(userId, roomName) {
    this.userId = userId;
    this.roomName = roomName;
    this.log = new RoomLog(metrics);
    this.leaving = false;
    this.online = undefined; // a promise while there is no connection
  }

  async arrive() {
    await this.#connectUntilItWorks();
    await this.socket.emitWithAck("register", { userId: this.userId, username: this.userId }, ACK_TIMEOUT_MS);
    await this.#enterRoom();
  }

  /** Paced by the clock: a slow answer does not make the next message late. */
  async sendAll(from, until) {
    const sending = [];
    const phase = Math.random() / RATE;
    for (let n = 0; ; n += 1) {
      const due = from + (phase + n / RATE) * 1000;
      if (due >= until) break;
      await at(due);
      sending.push(this.#send(`${this.userId}-${n}`, due));
    }
    await Promise.all(sending);
  }

  leave() {
    this.leaving = true;
    this.log.finish();
    this.socket.close();
    metrics.finished.add(1);
  }

  async #send(clientId, due) {
    const message = { roomName: this.roomName, text: String(due), clientId };
    metrics.sent.add(1);
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (tries > 0) metrics.repeated.add(1);
      const answer = await this.#ask("room-message", message);
      if (answer.ok) {
        metrics.ackMs.add(Date.now() - due);
        this.log.acknowledged(answer.seq);
        return;
      }
      if (!answer.error.retryable) break;
      await sleep(200 + Math.random() * 300);
    }
    metrics.unacknowledged.add(1);
  }

  /** The answer; no connection and no answer are retryable errors. */
  async #ask(event, payload) {
    try {
      await this.online;
      return await this.socket.emitWithAck(event, payload, ACK_TIMEOUT_MS);
    } catch (error) {
      return { ok: false, error: { code: "no_answer", message: String(error), retryable: true } };
    }
  }

  async #enterRoom() {
    const room = { roomName: this.roomName };
    for (let tries = 0; tries < TRIES; tries += 1) {
      const created = await this.#ask("create-room", room);
      if (created.ok) return;
      const joined = await this.#ask("join-room", room);
      if (joined.ok) return;
      await sleep(200);
    }
    throw new Error(`${this.userId} cannot enter ${this.roomName}`);
  }

  async #connectUntilItWorks() {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const began = Date.now();
      const works = await this.#connect();
      metrics.connected.add(works);
      if (works) {
        metrics.connectMs.add(Date.now() - began);
        return;
      }
      await sleep(200 + Math.random() * 800);
    }
    throw new Error(`${this.userId} cannot connect`);
  }

  #connect() {
    return new Promise((resolve) => {
      const socket = connect(URL, { auth: { token: token(SECRET, this.userId) } });
      socket.on("connect", () => resolve(true));
      socket.on("room-message", (message) => this.log.received(message));
      socket.on("session-restored", ({ missed }) => this.log.restored((missed || {})[this.roomName] || []));
      socket.on("disconnect", () => {
        resolve(false);
        if (this.socket === socket && !this.leaving) this.online = this.#comeBack();
      });
      this.socket = socket;
    });
  }

  async #comeBack() {
    metrics.reconnects.add(1);
    this.log.pause();
    // The loop below replaces the socket; its own failures must not start another.
    this.leaving = true;
    await sleep(Math.random() * 1000);
    await this.#connectUntilItWorks();
    this.leaving = false;
    const lastSeq = { [this.roomName]: this.log.last };
    const answer = await this.socket.emitWithAck("reconnect-session", { userId: this.userId, lastSeq }, ACK_TIMEOUT_MS);
    if (!answer.ok) {
      // The grace is over: a user like any other, who starts with what comes next.
      metrics.unrestored.add(1);
      this.log.startAnew();
      await this.socket.emitWithAck("join-room", { roomName: this.roomName }, ACK_TIMEOUT_MS);
    }
    this.online = undefined;
  }
}

function at(time) {
  return sleep(Math.max(0, time - Date.now()));
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function milliseconds(text) {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  return Number(number) * { ms: 1, s: 1000, m: 60000 }[unit || "s"];
}
