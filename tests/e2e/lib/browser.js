// People at browsers. What a page complains about is a failure of its test.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

import { fresh } from "./names.js";
import { until } from "./until.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE_MS = 10_000;
/** A cut connection is told by the browser itself; that the page goes on is what the tests are about. */
const NETWORK = /Failed to load resource|WebSocket connection to|net::ERR_/;

export function launch() {
  assert.ok(existsSync(CHROMIUM), `no Chromium at ${CHROMIUM}: install it (Debian: chromium), or say where it is in CHROMIUM`);
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking"],
  });
}

/** A browser for this test file. */
export function useBrowser() {
  const holder = {};
  before(async () => (holder.browser = await launch()));
  after(() => holder.browser?.close());
  return holder;
}

/** Somebody with a browser of their own, who has signed in. */
export class Visitor {
  problems = [];

  static async arrive(browser, url, name, { token, path = "", options = {} } = {}) {
    const visitor = new Visitor();
    visitor.name = name;
    visitor.context = await browser.newContext({ reducedMotion: "reduce", ...options });
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(PATIENCE_MS);
    visitor.#watch();
    await visitor.page.goto(url + path);
    await visitor.signIn(name, token);
    return visitor;
  }

  async signIn(name, token) {
    const { page } = this;
    if (token) {
      const other = page.getByRole("button", { name: "Sign in with a token instead" });
      await page.getByLabel(/^(Your name|Token)$/).waitFor();
      if (await other.isVisible()) await other.click();
      await page.getByLabel("Token").fill(token);
    } else {
      await page.getByLabel("Your name").fill(name);
    }
    await page.keyboard.press("Enter");
    await this.connected();
  }

  #watch() {
    const { page, problems } = this;
    page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
    page.on("console", (message) => {
      const said = `${message.text()} ${message.location().url}`;
      if (["error", "warning"].includes(message.type()) && !NETWORK.test(said)) problems.push(`console: ${said}`);
    });
  }

  /** Nothing went wrong that the page or its policy complain about. */
  assertCalm() {
    assert.deepEqual(this.problems, [], `${this.name}'s page complains`);
  }

  /** The node that the page is connected to, if it is. */
  async node() {
    const names = await this.page.locator("[data-node]").evaluateAll((all) => all.map((one) => one.dataset.node));
    return names[0];
  }

  connected(elsewhereThan) {
    const there = async () => {
      const node = await this.node();
      return node && node !== elsewhereThan ? node : undefined;
    };
    return until(there, `${this.name} is connected`, 20_000);
  }

  /** Sees to it that the page is on another node. */
  async elsewhereThan(node) {
    if ((await this.node()) !== node) return;
    await this.page.locator(".connection").click();
    await this.page.locator(".panel").getByRole("button", { name: "Move to another node" }).click();
    await this.connected(node);
    await this.sees(".panel .told", "Moved");
    await this.page.keyboard.press("Escape");
  }

  go(where) {
    return this.page.evaluate((hash) => (location.hash = hash), `/${where}`);
  }

  async create(room, { isPrivate = false } = {}) {
    const { page } = this;
    await this.go("rooms");
    await page.getByRole("button", { name: "Create a room" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill(room);
    if (isPrivate) await page.getByLabel("Private").check();
    await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
    await this.composer(room).waitFor();
  }

  async enter(room) {
    await this.go(`rooms/${room}`);
    await this.composer(room).waitFor();
  }

  composer(room) {
    return this.page.getByLabel(`Message to ${room}`);
  }

  async say(room, text) {
    await this.composer(room).fill(text);
    await this.composer(room).press("Enter");
  }

  /** All texts that stand in the room, in order. */
  texts() {
    return this.page.locator(".messages .text").evaluateAll((all) => all.map((one) => one.firstChild.textContent));
  }

  sees(where, text) {
    return this.page.locator(where, { hasText: text }).first().waitFor();
  }

  /** The title is set a moment after what it names is drawn. */
  titled(title) {
    return until(async () => (await this.page.title()) === title, `${this.name}'s window is titled ${title}`);
  }

  hears(text) {
    return this.sees(".messages .said", text);
  }
}

/** Visitors of this test, by their names, or as `{name, token, options}`; without a token as guests. */
export async function visitors(t, { browser }, cluster, ...who) {
  const all = [];
  for (const one of who) {
    const { name, ...rest } = typeof one === "string" ? { name: one } : one;
    const userId = fresh(name.toLowerCase().replace(/[^a-z0-9-]/g, ""));
    const visitor = await Visitor.arrive(browser, cluster.url, name, { token: cluster.token({ userId, username: name }), ...rest });
    t.after(() => visitor.context.close());
    all.push(visitor);
  }
  return all;
}
