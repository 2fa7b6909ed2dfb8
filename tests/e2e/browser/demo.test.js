// The demo page, as two people with browsers see it.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { until } from "../lib/until.js";

const PATIENCE_MS = 10_000;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const cluster = useCluster({ nodes: 3, guest: true });

let browser;
before(async () => {
  assert.ok(existsSync(CHROMIUM), `no Chromium at ${CHROMIUM}: install it (Debian: chromium), or say where it is in CHROMIUM`);
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking"],
  });
});
after(() => browser?.close());

/** A person with a browser of their own, connected. What the page complains about is in `problems`. */
async function person(t, name) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(cluster.url);
  await page.fill("#name", name);
  await page.click("#connect button:not([type=button])");
  await page.waitForSelector("#room-actions:not([disabled])");
  const see = (where, text) => page.locator(where, { hasText: text }).first().waitFor();
  const go = async (action, room) => {
    await page.fill("#room", room);
    await page.click(`button[value=${action}]`);
  };
  const say = async (text) => {
    await page.fill("#text", text);
    await page.press("#text", "Enter");
  };
  return { page, problems, see, go, say, name };
}

/** The node that the page is connected to, if it is connected. */
const nodeOf = async ({ page }) => /^Connected to node (\w+)/.exec(await page.textContent("#status"))?.[1];

test("two people meet in a room, see each other and talk", async (t) => {
  const [ann, bob] = [await person(t, "Ann"), await person(t, "Bob")];
  const room = fresh("room");
  await ann.go("create-room", room);
  await ann.see("#conversation-title", room);
  await bob.go("join-room", room);
  for (const one of [ann, bob]) {
    for (const name of ["Ann", "Bob"]) await one.see("#members li", name);
  }
  await ann.page.type("#text", "He");
  await bob.see("#typing", "Ann typing");
  await ann.say("Hello Bob");
  await bob.see("#messages li", "Ann: Hello Bob");
  await ann.see("#messages li", "Ann: Hello Bob");
  await bob.go("leave-room", room);
  await ann.see("#messages li", "Bob left");
  assert.deepEqual([...ann.problems, ...bob.problems], []);
});

test("what others write is shown as text, never run", async (t) => {
  const [ann, bob] = [await person(t, "<b>Ann</b>"), await person(t, "Bob")];
  const room = fresh("room");
  await bob.go("create-room", room);
  await bob.see("#conversation-title", room);
  await ann.go("join-room", room);
  await ann.see("#conversation-title", room);
  const attack = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>";
  await ann.say(attack);
  await bob.see("#messages li", attack);
  await bob.see("#members li", "<b>Ann</b>");
  assert.equal(await bob.page.evaluate("window.hurt"), undefined);
  assert.equal(await bob.page.locator("#messages img, #members b").count(), 0);
});

test("a problem is shown in words", async (t) => {
  const ann = await person(t, "Ann");
  await ann.go("join-room", fresh("nowhere"));
  await ann.see("#problem", "Room not found");
});

test("a killed node is survived: the page comes back to its room and to what it missed", async (t) => {
  const [ann, bob] = [await person(t, "Ann"), await person(t, "Bob")];
  const room = fresh("room");
  await ann.go("create-room", room);
  await ann.see("#conversation-title", room);
  await bob.go("join-room", room);
  await bob.see("#members li", "Ann");
  const nodes = await Promise.all([ann, bob].map(nodeOf));
  await cluster.signal(cluster.node(nodes[0]), "SIGKILL");
  const elsewhere = async (one) => ![undefined, nodes[0]].includes(await nodeOf(one));
  for (const one of [ann, bob]) await until(() => elsewhere(one), `${one.name} is on another node`, PATIENCE_MS);
  const survivor = fresh("still here");
  await bob.say(survivor);
  await ann.see("#messages li", survivor);
  assert.equal(await bob.page.locator("#messages li", { hasText: "left" }).count(), 0);
  await cluster.revive();
});
