// Running a vendored mocha suite against a gateway.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { within } from "../lib/until.js";

const E2E = fileURLToPath(new URL("..", import.meta.url));
const SUITE_MS = 120_000;

/** Titles of what passed and failed in the suite `name`, against the gateway on `port`. */
export async function runSuite(name, port) {
  const mocha = ["--import", "./protocol/redirect.js", "node_modules/mocha/bin/mocha.js"];
  const child = spawn(process.execPath, [...mocha, "--reporter", "json", "--exit", `protocol/vendor/${name}/test-suite.js`], {
    cwd: E2E,
    env: { ...process.env, GATEWAY_PORT: String(port), NODE_TEST_CONTEXT: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const stream of Object.keys(output)) child[stream].on("data", (text) => (output[stream] += text));
  try {
    await within(once(child, "close"), `the suite ${name} ends`, SUITE_MS);
  } finally {
    child.kill("SIGKILL");
  }
  const start = output.stdout.indexOf("{\n");
  if (start < 0) throw new Error(`the suite ${name} did not run:\n${output.stdout}${output.stderr}`);
  const { passes, failures } = JSON.parse(output.stdout.slice(start));
  const titles = (tests) => tests.map(({ fullTitle }) => fullTitle).toSorted();
  return { passed: titles(passes), failed: titles(failures), errors: failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`) };
}
