// One gateway, built with `--features conformance` and with the times that the suites expect.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { until, within } from "../lib/until.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BUILD_MS = 20 * 60_000;

/** What the suites take for granted; the rest is the embedded backend and guest mode. */
const EXPECTED_BY_THE_SUITES = {
  STARLING_GUEST: "true",
  STARLING_PING_INTERVAL_MS: "300",
  STARLING_PING_TIMEOUT_MS: "200",
  STARLING_MAX_PACKET: "1000000",
};

/** Builds and starts it; returns its port and how to stop it. */
export async function startGateway() {
  const dir = mkdtempSync(join(tmpdir(), "starling-conformance-"));
  // A copy: the next ordinary build puts a gateway without the feature in its place.
  const program = join(dir, "starling");
  copyFileSync(await build(), program);
  const [port, admin] = [await freePort(), await freePort()];
  const child = spawn(program, ["serve"], {
    env: {
      PATH: process.env.PATH,
      ...EXPECTED_BY_THE_SUITES,
      STARLING_LISTEN: `127.0.0.1:${port}`,
      STARLING_ADMIN_LISTEN: `127.0.0.1:${admin}`,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (log = (log + text).slice(-10_000)));
  const stop = async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    rmSync(dir, { recursive: true });
  };
  try {
    await until(() => ready(admin, child, () => log), "the gateway is ready", 20_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

async function ready(admin, child, log) {
  if (child.exitCode !== null) throw new Error(`the gateway ended:\n${log()}`);
  const answer = await fetch(`http://127.0.0.1:${admin}/health/ready`).catch(() => ({}));
  return answer.ok;
}

async function build() {
  const args = ["build", "--quiet", "--package", "starling-gateway", "--features", "conformance", "--message-format=json-render-diagnostics"];
  const cargo = spawn("cargo", args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  let messages = "";
  cargo.stdout.on("data", (text) => (messages += text));
  const [code] = await within(once(cargo, "close"), "the gateway is built", BUILD_MS);
  if (code !== 0) throw new Error("the gateway does not build with --features conformance");
  const artifacts = messages.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return artifacts.findLast(({ target, executable }) => target?.name === "starling" && executable).executable;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
