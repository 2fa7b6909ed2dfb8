// Messages with everyone and with one at a time, as people with browsers see them.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { LOOKS, assertOpenToAll } from "../lib/axe.js";
import { Visitor, useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { redis } from "../lib/resp.js";
import { holds, until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3, guest: true });
const browser = useBrowser();
const EVERYONE = "everyone";

/** On two nodes, each under a name that nobody else has. */
async function two(t, ...said) {
  const names = ["Ann", "Bob"].map((name, i) => said[i] ?? fresh(name));
  const [ann, bob] = await visitors(t, browser, cluster, ...names);
  await bob.elsewhereThan(await ann.node());
  return [ann, bob];
}

async function open(one, name) {
  await one.go(name === EVERYONE ? "messages/everyone" : "messages");
  if (name !== EVERYONE) await one.page.locator('.room-list .talk[href*="%40"]', { hasText: name }).click();
  await one.composer(name).waitFor();
}

const texts = async (one, prefix = "") => (await one.texts()).filter((text) => text.startsWith(prefix));
const listed = (one, name) => one.page.locator('.room-list .talk[href*="%40"]', { hasText: name });

suite("talking", () => {
  test("two people on two nodes write to each other, and nobody else sees it", async (t) => {
    const [ann, bob] = await two(t);
    const [eve] = await visitors(t, browser, cluster, fresh("Eve"));
    await open(ann, bob.name);
    await ann.sees(".room-head", "Online");
    await ann.titled(`${bob.name} · Messages · Starling`);
    await ann.say(bob.name, "psst");
    await ann.hears("psst");
    await bob.sees(".nav .badge", "1");
    await bob.titled("(1) Rooms · Starling");
    await bob.go("messages");
    await listed(bob, ann.name).locator(".badge", { hasText: "1" }).waitFor();
    await open(bob, ann.name);
    await bob.hears("psst");
    await bob.say(ann.name, "yes?");
    await ann.hears("yes?");
    assert.deepEqual([await ann.texts(), await bob.texts()], [["psst", "yes?"], ["psst", "yes?"]]);
    await until(async () => (await bob.page.locator(".nav .badge").count()) === 0, "all is read");
    await eve.go("messages");
    await listed(eve, ann.name).waitFor();
    await holds(async () => (await eve.page.locator(".room-list", { hasText: "psst" }).count()) === 0, "Eve sees nothing of it");
    for (const one of [ann, bob, eve]) one.assertCalm();
  });

  test("everyone hears what is said to everyone, and who types", async (t) => {
    const [ann, bob] = await two(t);
    for (const one of [ann, bob]) await open(one, EVERYONE);
    const [first, second] = [fresh("hello"), fresh("hi")];
    await ann.composer(EVERYONE).pressSequentially("He");
    await bob.sees(".typing", `${ann.name} is typing`);
    await ann.say(EVERYONE, first);
    await bob.hears(first);
    await bob.say(EVERYONE, second);
    await ann.hears(second);
    assert.deepEqual((await texts(ann)).slice(-2), [first, second]);
    await bob.go("people");
    await bob.sees("h1", "People");
    const third = fresh("more");
    await ann.say(EVERYONE, third);
    await bob.sees(".nav .badge", "1");
    await open(bob, EVERYONE);
    await bob.sees(".unread-line", "You left off here");
    await until(async () => (await bob.page.locator(".nav .badge").count()) === 0, "all is read");
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("what others write is shown as text, never run", async (t) => {
    const [ann, bob] = await two(t, `<b>${fresh("Ann")}</b>`);
    const attack = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>";
    for (const name of [EVERYONE, bob.name]) {
      await open(ann, name);
      await ann.say(name, attack);
      await ann.hears(attack);
    }
    await open(bob, ann.name);
    await bob.hears(attack);
    // Not from the history either.
    await bob.page.reload();
    await bob.hears(attack);
    await open(bob, EVERYONE);
    await bob.hears(attack);
    assert.equal(await bob.page.evaluate("window.hurt"), undefined);
    assert.equal(await bob.page.locator(".messages-page img, .messages-page script, .messages-page b").count(), 0);
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("all devices of both have the conversation, and an answer on one is read on all", async (t) => {
    const [ann, bob] = await two(t);
    const userId = fresh("cy");
    const token = cluster.token({ userId, username: userId });
    const [phone, laptop] = await visitors(t, browser, cluster, { name: userId, token }, { name: userId, token });
    await open(ann, userId);
    await ann.say(userId, "where are you?");
    for (const one of [phone, laptop]) await one.sees(".nav .badge", "1");
    await open(phone, ann.name);
    await phone.hears("where are you?");
    await phone.say(ann.name, "on my way");
    await until(async () => (await laptop.page.locator(".nav .badge").count()) === 0, "it is read there too");
    await open(laptop, ann.name);
    await laptop.hears("on my way");
    assert.deepEqual(await laptop.texts(), ["where are you?", "on my way"]);
    for (const one of [ann, bob, phone, laptop]) one.assertCalm();
  });
});

suite("people", () => {
  test("a guest comes back as itself, with its words and its private messages", async (t) => {
    const [guest, bob] = await visitors(t, browser, cluster, { name: fresh("Guest"), token: null }, fresh("Bob"));
    await open(guest, EVERYONE);
    const [first, second, secret] = [fresh("before"), fresh("after"), fresh("secret")];
    await guest.say(EVERYONE, first);
    await guest.hears(first);
    await open(bob, guest.name);
    await bob.say(guest.name, secret);
    await guest.elsewhereThan(await guest.node());
    await guest.say(EVERYONE, second);
    for (const text of [first, second]) await guest.sees(".mine .said", text);
    await guest.page.reload();
    await open(guest, bob.name);
    await guest.hears(secret);
    for (const one of [guest, bob]) one.assertCalm();
  });

  test("whoever is away is said to be, and since when", async (t) => {
    const [ann, bob] = await two(t);
    await open(ann, bob.name);
    await bob.page.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await ann.sees(".room-head", "Went away just now");
    ann.assertCalm();
  });

  test("whoever has gone cannot be written to, which is said beside the message, and it can be repeated", async (t) => {
    const [ann] = await two(t);
    const userId = fresh("cy");
    const token = cluster.token({ userId, username: userId });
    const cy = await Visitor.arrive(browser.browser, cluster.url, userId, { token });
    await open(ann, userId);
    await ann.say(userId, "hi");
    await ann.hears("hi");
    await cy.context.close();
    await ann.sees(".typing", `${userId} is offline, and cannot be written to now`);
    await ann.sees(".room-head", "Offline, last seen just now");
    await ann.say(userId, "one thing more");
    await ann.sees(".failed-note", `${userId} is not here. Retry once ${userId} is back.`);
    const [back] = await visitors(t, browser, cluster, { name: userId, token });
    await ann.sees(".failed-note", "is back now: retry");
    await ann.page.getByRole("button", { name: "Retry" }).click();
    await open(back, ann.name);
    await back.hears("one thing more");
    assert.deepEqual(await back.texts(), ["hi", "one thing more"]);
    await until(async () => (await ann.page.locator(".failed-note").count()) === 0, "it is sent");
    for (const one of [ann, back]) one.assertCalm();
  });

  test("drafts are kept for each conversation, and the place, through a reload", async (t) => {
    const [ann, bob] = await two(t);
    await open(ann, EVERYONE);
    await ann.composer(EVERYONE).fill("to all of y");
    await open(ann, bob.name);
    await ann.composer(bob.name).fill("to you alo");
    await ann.page.reload();
    await ann.composer(bob.name).waitFor();
    assert.equal(await ann.composer(bob.name).inputValue(), "to you alo");
    await open(ann, EVERYONE);
    assert.equal(await ann.composer(EVERYONE).inputValue(), "to all of y");
    ann.assertCalm();
  });

  test("the keyboard is enough", async (t) => {
    const [ann, bob] = await two(t);
    await open(ann, EVERYONE);
    for (let i = 0; i < 40 && !(await ann.composer(bob.name).isVisible()); i++) await ann.page.keyboard.press("Alt+ArrowDown");
    await ann.page.keyboard.type("without a mouse");
    await ann.page.keyboard.press("Enter");
    await ann.hears("without a mouse");
    ann.assertCalm();
  });
});

suite("when something dies", () => {
  test("a killed node is survived: nothing is lost or doubled, what was typed meanwhile is said once", async (t) => {
    const [ann, bob] = await two(t);
    const tag = fresh("kill");
    await open(ann, bob.name);
    await ann.say(bob.name, `${tag} before`);
    await open(bob, ann.name);
    await bob.hears(`${tag} before`);
    const dying = await ann.node();
    await cluster.signal(cluster.node(dying), "SIGKILL");
    t.after(() => cluster.revive());
    await ann.say(bob.name, `${tag} meanwhile`);
    await bob.say(ann.name, `${tag} from the other side`);
    await ann.go("messages/everyone");
    await ann.composer(EVERYONE).waitFor();
    await ann.say(EVERYONE, `${tag} to all, meanwhile`);
    await bob.go("messages/everyone");
    await bob.composer(EVERYONE).waitFor();
    await bob.say(EVERYONE, `${tag} to all, from the other side`);
    await ann.connected(dying);
    for (const one of [ann, bob]) for (const text of ["to all, meanwhile", "to all, from the other side"]) await one.hears(`${tag} ${text}`);
    const [annAll, bobAll] = [await texts(ann, tag), await texts(bob, tag)];
    assert.deepEqual(annAll, bobAll, "one order for both");
    assert.equal(annAll.length, 2);
    await open(ann, bob.name);
    await open(bob, ann.name);
    for (const one of [ann, bob]) for (const text of ["before", "meanwhile", "from the other side"]) await one.hears(`${tag} ${text}`);
    for (const one of [ann, bob]) {
      assert.deepEqual((await texts(one, tag)).toSorted(), [`${tag} before`, `${tag} from the other side`, `${tag} meanwhile`]);
      assert.equal(await one.page.locator(".unsaid, .gap, .failed-note").count(), 0);
      one.assertCalm();
    }
  });

  test("without a connection it waits, and says so", async (t) => {
    const [ann, bob] = await two(t);
    await open(ann, bob.name);
    await ann.context.setOffline(true);
    await ann.sees(".connection", "Reconnecting");
    await ann.say(bob.name, "later");
    await ann.sees(".unsaid", "Waiting");
    await ann.sees(".connection", "Reconnecting, 1 message waiting");
    await ann.page.reload().catch(() => {});
    await ann.context.setOffline(false);
    await ann.page.goto(`${cluster.url}/#/messages`);
    await ann.connected();
    await open(ann, bob.name);
    await ann.hears("later");
    await open(bob, ann.name);
    await bob.hears("later");
    assert.deepEqual(await bob.texts(), ["later"]);
  });

  test("where history could not be recovered, the list says so at its place", async (t) => {
    const [ann, bob] = await two(t);
    for (const one of [ann, bob]) await open(one, EVERYONE);
    const [before, after] = [fresh("before"), fresh("after")];
    await ann.say(EVERYONE, before);
    await bob.hears(before);
    await redis(cluster.redis.url, "FLUSHALL");
    await bob.page.locator(".gap").waitFor({ timeout: 30_000 });
    await ann.say(EVERYONE, after);
    await bob.hears(after);
    assert.deepEqual((await bob.texts()).slice(-2), [before, after]);
  });
});

suite("for everybody", () => {
  for (const { name, options } of LOOKS) {
    test(`nothing keeps anybody out, ${name}`, async (t) => {
      const [bob] = await visitors(t, browser, cluster, fresh("Bob"));
      const [ann] = await visitors(t, browser, cluster, { name: fresh("Ann"), options });
      await ann.go("messages");
      await listed(ann, bob.name).waitFor();
      await assertOpenToAll(ann.page, "conversations");
      await open(bob, ann.name);
      await bob.say(ann.name, "hello");
      await listed(ann, bob.name).locator(".badge").waitFor();
      await assertOpenToAll(ann.page, "something unread");
      await open(ann, bob.name);
      await ann.hears("hello");
      await assertOpenToAll(ann.page, "a conversation");
      await open(ann, EVERYONE);
      await bob.go("messages/everyone");
      await bob.composer(EVERYONE).pressSequentially("x");
      await ann.sees(".typing", bob.name);
      await assertOpenToAll(ann.page, "everyone");
      await open(ann, bob.name);
      await bob.context.close();
      await ann.sees(".typing", "cannot be written to now");
      await ann.say(bob.name, "too late");
      await ann.sees(".failed-note", "is not here");
      await assertOpenToAll(ann.page, "not sent");
    });
  }
});
