// How the page is served, how one signs in, and whether everybody can use it.

import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { LOOKS, assertOpenToAll } from "../lib/axe.js";
import { Visitor, useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { startGateway } from "../lib/gateway.js";
import { fresh } from "../lib/names.js";
import { now } from "../lib/token.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 2, guest: true });
const browser = useBrowser();

suite("served", () => {
  test("with a policy that allows nothing inline, asked for again each time", async () => {
    const answer = await fetch(cluster.url);
    const policy = answer.headers.get("content-security-policy");
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(answer.headers.get("cache-control"), "no-cache");
    const again = await fetch(cluster.url, { headers: { "if-none-match": answer.headers.get("etag") } });
    assert.equal(again.status, 304);
  });

  test("with assets that are kept for good, the same on every node", async () => {
    const page = await (await fetch(cluster.url)).text();
    const assets = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, address]) => address);
    assert.ok(assets.some((name) => name.endsWith(".js")) && assets.some((name) => name.endsWith(".css")), page);
    for (const { url } of cluster.nodes) {
      for (const asset of assets) {
        const answer = await fetch(url + asset);
        assert.equal(answer.status, 200, asset);
        assert.match(answer.headers.get("cache-control"), /immutable/);
      }
    }
  });

  test("at its own address only", async () => {
    for (const path of ["/rooms", "/people", "/index.html", "/assets/", "/assets/../Cargo.toml", "/src/main.tsx"]) {
      assert.equal((await fetch(cluster.url + path)).status, 404, path);
    }
  });
});

suite("signing in", () => {
  test("by a name alone is for development", async () => {
    const ways = await (await fetch(`${cluster.url}/site.json`)).json();
    assert.deepEqual({ signIn: ways.signIn, guest: ways.guest }, { signIn: false, guest: true });
    const body = JSON.stringify({ name: "Ann" });
    const answer = await fetch(`${cluster.url}/dev/token`, { method: "POST", body, headers: { "content-type": "application/json" } });
    assert.equal(answer.status, 404);
  });

  test("with a bad token says so, and asks again", async (t) => {
    const context = await browser.browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(cluster.url);
    for (const times of ["once", "twice"]) {
      await page.getByRole("button", { name: "Continue as a guest" }).click();
      await page.locator(".field [role=alert]", { hasText: "Type a name first" }).waitFor();
      assert.ok(await page.getByLabel("Your name").evaluate((one) => one === document.activeElement), `the field has the focus, ${times}`);
    }
    await page.getByRole("button", { name: "Sign in with a token instead" }).click();
    await page.locator(".field code", { hasText: "gen-token" }).waitFor();
    await page.getByLabel("Token").fill("nonsense");
    await page.keyboard.press("Enter");
    await page.locator(".ended", { hasText: "Invalid token. Sign in again." }).waitFor({ timeout: 10_000 });
  });

  test("with a token that ends says so in time, and goes on with another one where one was", async (t) => {
    const userId = fresh("ann");
    const room = fresh("room");
    const exp = now() + 25;
    const [ann] = await visitors(t, browser, cluster, { name: "Ann", token: cluster.token({ userId, username: "Ann", exp }), options: { bypassCSP: true } });
    await ann.sees(".ending", "Your sign-in ends in less than half a minute");
    await assertOpenToAll(ann.page, "a token that ends");
    await ann.create(room);
    await ann.composer(room).fill("not yet sai");
    await ann.page.getByRole("button", { name: "Paste a new token" }).click();
    const other = cluster.token({ userId: fresh("bob"), username: "Bob" });
    for (const wrong of ["nonsense", other]) {
      await ann.page.getByLabel("New token").fill(wrong);
      await ann.page.keyboard.press("Enter");
      await ann.sees("dialog [role=alert]", "Invalid token. It must be a new one, for the same user.");
    }
    await ann.page.getByLabel("New token").fill(cluster.token({ userId, username: "Ann" }));
    await ann.page.keyboard.press("Enter");
    await until(async () => (await ann.page.locator("dialog, .ending-note").count()) === 0, "it goes on");
    await ann.page.waitForTimeout(Math.max(0, (exp + 1) * 1_000 - Date.now()));
    assert.equal(await ann.composer(room).inputValue(), "not yet sai");
    await ann.say(room, "still here");
    await ann.hears("still here");
    await ann.go("messages/everyone");
    await ann.say("everyone", `${room} still here`);
    await ann.hears(`${room} still here`);
    assert.equal(await ann.page.locator(".unsaid, .ended").count(), 0);
    ann.assertCalm();
  });

  suite("in development", () => {
    let gateway;
    before(async () => (gateway = await startGateway({ command: "dev" })));
    after(() => gateway?.stop());

    test("needs nothing but a name, and two names are two people", async (t) => {
      const url = `http://127.0.0.1:${gateway.port}`;
      const [ann, bob] = [await Visitor.arrive(browser.browser, url, "Ann"), await Visitor.arrive(browser.browser, url, "Bob")];
      for (const one of [ann, bob]) t.after(() => one.context.close());
      await ann.create("lobby");
      await bob.enter("lobby");
      await ann.say("lobby", "hello");
      await bob.hears("hello");
      await bob.page.reload();
      await bob.hears("hello");
      for (const one of [ann, bob]) one.assertCalm();
    });
  });
});

suite("for everybody", () => {
  for (const { name, options } of LOOKS) {
    test(`nothing keeps anybody out, ${name}`, async (t) => {
      const out = await browser.browser.newContext({ ...options, reducedMotion: "reduce" });
      t.after(() => out.close());
      const page = await out.newPage();
      await page.goto(cluster.url);
      await page.getByLabel("Your name").waitFor();
      await assertOpenToAll(page, "sign-in");

      const [ann, bob] = await visitors(t, browser, cluster, { name: "Ann", options }, "Bob");
      const room = fresh("room");
      await ann.go("rooms");
      await ann.sees(".room-list", "Your rooms");
      await assertOpenToAll(ann.page, "rooms");
      await bob.create(room);
      await ann.enter(room);
      await bob.say(room, "hello");
      await ann.say(room, "hi");
      await ann.hears("hello");
      await ann.hears("hi");
      await bob.composer(room).pressSequentially("x");
      await ann.sees(".typing", "Bob");
      await assertOpenToAll(ann.page, "a room");
      await ann.page.locator(".connection").click();
      await assertOpenToAll(ann.page, "the connection");
      await ann.page.keyboard.press("Escape");
      await ann.page.getByRole("button", { name: "Ann (you)", exact: true }).click();
      await assertOpenToAll(ann.page, "oneself");
      await ann.page.keyboard.press("Escape");
      await ann.go(`rooms/${fresh("nowhere")}`);
      await ann.sees(".closed", "There is no room");
      await assertOpenToAll(ann.page, "no room");
      await ann.go("rooms");
      await ann.page.getByRole("button", { name: "Create a room" }).first().click();
      await assertOpenToAll(ann.page, "create a room");
      await ann.page.keyboard.press("Escape");
      await ann.go(`whiteboard/${room}`);
      await ann.page.locator("canvas[data-open=true]").waitFor();
      await assertOpenToAll(ann.page, "a board");
      await ann.go("people");
      await ann.sees(".somebody", "Bob");
      await assertOpenToAll(ann.page, "people");
      await ann.go("game");
      await ann.sees(".lobby", "Find an opponent");
      await assertOpenToAll(ann.page, "game");
      await ann.go("lab");
      await ann.sees(".lab", "Round trip");
      await ann.page.locator(".lab").getByRole("button", { name: "Drop the connection" }).click();
      await ann.sees(".plain-list li", "nothing missed");
      await assertOpenToAll(ann.page, "lab");
      await ann.go(`rooms/${room}`);
      await ann.context.setOffline(true);
      await ann.sees(".connection", "Reconnecting");
      await ann.say(room, "later");
      await ann.sees(".unsaid", "Waiting");
      await assertOpenToAll(ann.page, "away");
    });
  }
});
