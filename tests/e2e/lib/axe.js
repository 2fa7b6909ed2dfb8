// What keeps people out, as axe sees it. The page's policy keeps scripts of others out: `bypassCSP` is needed.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Nothing serious or critical `where` the page is. */
export async function assertOpenToAll(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = grave.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${where}: ${id} at ${target}: ${failureSummary}`));
  assert.deepEqual(told, []);
}

/** What everybody's pages are looked at in: each colour scheme and each width once. */
export const LOOKS = [
  { name: "light and wide", options: { colorScheme: "light", viewport: { width: 1280, height: 800 }, bypassCSP: true } },
  { name: "dark and narrow", options: { colorScheme: "dark", viewport: { width: 390, height: 780 }, bypassCSP: true } },
];
