// One gateway by itself, on the embedded backend: for what a cluster of `cargo xtask` is not.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { until, within } from "./until.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BUILD_MS = 20 * 60_000;

/** Builds and starts it with `env`, by default to `serve`; returns its port and how to stop it. */
export async function startGateway({ command = "serve", features = [], env = {} }) {
  const dir = mkdtempSync(join(tmpdir(), "starling-gateway-"));
  // A copy: the next build may put a gateway with other features in its place.
  const program = join(dir, "starling");
  copyFileSync(await build(features), program);
  try {
    for (let tries = 5; ; tries--) {
      try {
        return await startProgram(program, command, env, dir);
      } catch (error) {
        // Somebody else took a port between our look and the gateway's.
        if (tries === 1 || !/Address already in use/.test(error.message)) throw error;
      }
    }
  } catch (error) {
    rmSync(dir, { recursive: true });
    throw error;
  }
}

async function startProgram(program, command, env, dir) {
  const [port, admin] = [await freePort(), await freePort()];
  const child = spawn(program, [command], {
    env: {
      PATH: process.env.PATH,
      ...env,
      STARLING_LISTEN: `127.0.0.1:${port}`,
      STARLING_ADMIN_LISTEN: `127.0.0.1:${admin}`,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (log = (log + text).slice(-10_000)));
  const end = async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  const stop = async () => {
    await end();
    rmSync(dir, { recursive: true });
  };
  try {
    await until(() => ready(admin, child, () => log), "the gateway is ready", 20_000);
  } catch (error) {
    await end();
    throw error;
  }
  return { port, stop };
}

async function ready(admin, child, log) {
  if (child.exitCode !== null) throw new Error(`the gateway ended:\n${log()}`);
  const answer = await fetch(`http://127.0.0.1:${admin}/health/ready`).catch(() => ({}));
  return answer.ok;
}

async function build(features) {
  const args = ["build", "--quiet", "--bin", "starling", "--message-format=json-render-diagnostics"];
  args.push(...features.flatMap((feature) => ["--features", `starling-gateway/${feature}`]));
  const cargo = spawn("cargo", args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  let messages = "";
  cargo.stdout.on("data", (text) => (messages += text));
  const [code] = await within(once(cargo, "close"), "the gateway is built", BUILD_MS);
  if (code !== 0) throw new Error(`the gateway does not build with features [${features}]`);
  const artifacts = messages.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return artifacts.findLast(({ target, executable }) => target?.name === "starling" && executable).executable;
}

/** Below every system's ephemeral range: the kernel gives those ports away to outgoing connections. */
const PORTS = { first: 4_100, count: 5_800 };

/** Ports that `fetch` refuses to talk to, as in crates/xtask/src/ports.rs. */
const REFUSED = [4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697];

async function freePort() {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if (REFUSED.includes(port)) continue;
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.on("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
