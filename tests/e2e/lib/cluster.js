// A real cluster: Redis, gateways and nginx as processes, by `cargo xtask cluster`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { Client } from "./client.js";
import { fresh } from "./names.js";
import { DIRECT } from "./routes.js";
import { sign } from "./token.js";
import { until, within } from "./until.js";
import { witness } from "./witness.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** The first start may have to build everything. */
const BUILD_MS = 20 * 60_000;
const START_MS = 40_000;
const STOP_MS = 20_000;

export class Cluster {
  #process;
  #lines;
  #errors = [];

  /** `nodes`: how many; `guest`: without tokens; `env`: the gateways' environment. */
  constructor({ nodes = 2, guest = false, env = {}, args = [] } = {}) {
    this.args = ["xtask", "cluster", "--port", "0", "--nodes", String(nodes), ...args];
    if (guest) this.args.push("--guest");
    if (process.env.STARLING_E2E_PROFILE === "release") this.args.push("--release");
    for (const [key, value] of Object.entries(env)) this.args.push("--env", `${key}=${value}`);
  }

  async start() {
    this.#process = spawn("cargo", this.args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    createInterface({ input: this.#process.stderr }).on("line", (line) => this.#errors.push(line));
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    await this.#readDescription(BUILD_MS);
  }

  /** Ends everything; a cluster that told a client somebody's transport id has failed. */
  async stop() {
    if (this.#process.exitCode === null) {
      this.#process.kill("SIGTERM");
      await within(once(this.#process, "exit"), "the cluster stops", STOP_MS);
    }
    assert.deepEqual(witness.leaks(), []);
  }

  /** Starts every dead process again: same names, same ports, new pids. */
  async revive() {
    this.#process.kill("SIGHUP");
    await this.#readDescription(START_MS);
  }

  /** A connected user. `node` counts from 0; `claims` go into the token beside the identity, and `said` into
   * what is said when connecting. */
  async user(t, username, { route = DIRECT, node = 0, namespace = "", id = fresh(username), claims = {}, said = {}, ...options } = {}) {
    const auth = { ...said, token: this.token({ userId: id, username, ...claims }) };
    const url = route.address(this, node) + namespace;
    return this.open(t, url, { id, username, transport: route.transport, auth, ...options }).ready();
  }

  /** Several users, each on the next node. */
  users(t, route, ...names) {
    return Promise.all(names.map((name, node) => this.user(t, name, { route, node })));
  }

  /** A client that is closed with the test; not awaited, for it may be refused. */
  open(t, url, options) {
    const client = new Client(url, options);
    t.after(() => client.close());
    return client;
  }

  token(claims, options) {
    return sign(claims, this.jwt_secret, options);
  }

  node(name) {
    return this.nodes.find((node) => node.name === name);
  }

  /** Sends a signal and, where it ends the process, waits for the end. */
  async signal(process_, signal) {
    process.kill(process_.pid, signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") {
      await until(() => !isAlive(process_.pid), `${process_.name ?? "process"} ends at ${signal}`, STOP_MS + 5_000);
    }
  }

  async #readDescription(ms) {
    const ended = once(this.#process, "exit").then(() => ({ done: true }));
    const { value, done } = await within(Promise.race([this.#lines.next(), ended]), "the cluster is ready", ms);
    if (done) throw new Error(`the cluster did not start:\n${this.#errors.slice(-40).join("\n")}`);
    Object.assign(this, JSON.parse(value));
  }
}

/** A cluster for this test file. */
export function useCluster(options) {
  const cluster = new Cluster(options);
  before(() => cluster.start(), { timeout: BUILD_MS });
  after(() => cluster.stop());
  return cluster;
}

/** A zombie has ended: only its parent has not noticed yet. */
function isAlive(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Resident memory of a process, in MiB. */
export function residentMiB(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}
