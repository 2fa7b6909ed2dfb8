// The official suites of the two protocols, as they are in a checkout of github.com/socketio/socket.io,
// against a gateway with the feature `conformance`: node protocol/suites/run.js CHECKOUT
// (`cargo xtask test protocol --suites CHECKOUT`). Nothing of them is kept in this repository; what they
// need of npm is installed by their own lock files under target/.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { startGateway } from "../../lib/gateway.js";
import { within } from "../../lib/until.js";

const SUITES = {
  "Engine.IO v4": "docs/engine.io-protocol/v4-test-suite",
  "Socket.IO v5": "docs/socket.io-protocol/v5-test-suite",
};
const FILES = ["package.json", "package-lock.json", "node-imports.js", "test-suite.js"];
const CACHE = fileURLToPath(new URL("../../../../target/protocol-suites", import.meta.url));
const REDIRECT = new URL("redirect.js", import.meta.url).href;
const INSTALL_MS = 5 * 60_000;
const SUITE_MS = 2 * 60_000;

const [checkout] = process.argv.slice(2);
if (!checkout) throw new Error("usage: run.js CHECKOUT, the root of a checkout of github.com/socketio/socket.io");

/** Copies a suite to where its packages are installed; installs them when its lock file is a new one. */
async function prepare(path) {
  const [from, to] = [resolve(checkout, path), join(CACHE, path)];
  if (!existsSync(join(from, "test-suite.js"))) throw new Error(`there is no test-suite.js in ${from}`);
  const lock = (dir) => readFileSync(join(dir, "package-lock.json"), "utf8");
  const installed = existsSync(join(to, "node_modules/mocha")) && lock(from) === lock(to);
  mkdirSync(to, { recursive: true });
  for (const file of FILES) copyFileSync(join(from, file), join(to, file));
  if (!installed) await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], to, INSTALL_MS);
  return to;
}

/** What passed and failed, as mocha tells it. */
async function runSuite(dir, port) {
  const mocha = ["--import", REDIRECT, "node_modules/mocha/bin/mocha", "--reporter", "json", "--exit", "test-suite.js"];
  const output = await run(process.execPath, mocha, dir, SUITE_MS, { GATEWAY_PORT: String(port) });
  const start = output.indexOf("{\n");
  if (start < 0) throw new Error(`the suite did not run:\n${output}`);
  return JSON.parse(output.slice(start));
}

/** Runs a program to its end, whatever that is; returns what it printed. */
async function run(program, args, cwd, ms, env = {}) {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  try {
    await within(once(child, "close"), `${program} ends`, ms);
  } finally {
    child.kill("SIGKILL");
  }
  return output;
}

/** What the suites expect of a server. */
const EXPECTED = {
  STARLING_GUEST: "true",
  STARLING_PING_INTERVAL_MS: "300",
  STARLING_PING_TIMEOUT_MS: "200",
  STARLING_CONNECT_TIMEOUT_MS: "1000",
  // As base64, with what stands around it: exactly a million.
  STARLING_MAX_PACKET: "746928",
};

const total = { pass: 0, fail: 0 };
const dirs = [];
for (const path of Object.values(SUITES)) dirs.push(await prepare(path));
const gateway = await startGateway({ features: ["conformance"], env: EXPECTED });
try {
  for (const [i, name] of Object.keys(SUITES).entries()) {
    const { passes, failures } = await runSuite(dirs[i], gateway.port);
    for (const { fullTitle, err } of failures) console.log(`failed: ${fullTitle}: ${err.message}`);
    console.log(`${name}: ${passes.length} of ${passes.length + failures.length} passed`);
    total.pass += passes.length;
    total.fail += failures.length;
  }
} finally {
  await gateway.stop();
}
// The lines that `cargo xtask test` counts.
console.log(`# pass ${total.pass}\n# fail ${total.fail}`);
process.exitCode = total.fail > 0 ? 1 : 0;
