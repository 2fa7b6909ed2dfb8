// Who is there, as people with browsers see it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";

const cluster = useCluster({ nodes: 3, guest: true });
const browser = useBrowser();

const section = (one, title, name) => one.page.locator(`section[aria-label^="${title}"] .somebody`, { hasText: name }).waitFor();
const look = (one, hidden) =>
  one.page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);

test("people are online, away and offline, and those who went are kept with their last seen", async (t) => {
  const [annName, bobName] = [fresh("Ann"), fresh("Bob")];
  const bobToken = cluster.token({ userId: fresh("bob"), username: bobName });
  const [ann, bob] = await visitors(t, browser, cluster, annName, { name: bobName, token: bobToken });
  await ann.go("people");
  await section(ann, "Online", annName);
  await section(ann, "Online", bobName);
  await look(bob, true);
  await section(ann, "Away", bobName);
  await ann.sees(".somebody", "Went away just now");
  await look(bob, false);
  await section(ann, "Online", bobName);
  // A second window that is hidden or closed makes nobody away whose first one is looked at.
  const [second] = await visitors(t, browser, cluster, { name: bobName, token: bobToken });
  await look(second, true);
  await bob.page.waitForTimeout(500);
  await section(ann, "Online", bobName);
  await second.context.close();
  await bob.page.waitForTimeout(500);
  await section(ann, "Online", bobName);
  await bob.context.close();
  await section(ann, "Offline", bobName);
  await ann.sees(".somebody", "Last seen just now");
  ann.assertCalm();
});

test("one writes to somebody from where they are listed, and long names are cut", async (t) => {
  const [annName, bobName] = [fresh("Ann"), `${fresh("Bob")}-von-Hohenzollern-Sigmaringen`];
  const narrow = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };
  const [ann, bob] = await visitors(t, browser, cluster, { name: annName, options: narrow }, bobName);
  await ann.go("people");
  await section(ann, "Online", bobName);
  const outside = await ann.page.locator(".somebody").evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().right > innerWidth).length);
  assert.equal(outside, 0);
  assert.equal(await ann.page.getByRole("link", { name: `Write to ${annName}` }).count(), 0);
  await ann.page.getByRole("link", { name: `Write to ${bobName}` }).click();
  await ann.say(bobName, "hello");
  await ann.hears("hello");
  const room = fresh("room");
  await bob.create(room);
  await ann.enter(room);
  await bob.page.locator(".members").getByRole("link", { name: `Write to ${annName}` }).click();
  await bob.hears("hello");
  for (const one of [ann, bob]) one.assertCalm();
});

test("who closes one of two windows stays online, and nobody else is counted", async (t) => {
  const [annName, bobName] = [fresh("Ann"), fresh("Bob")];
  const [bob, ann] = await visitors(t, browser, cluster, bobName, annName);
  for (const one of [ann, bob]) await one.go("people");
  await section(ann, "Online", bobName);
  const second = await anotherWindow(ann);
  await second.locator(".somebody").first().waitFor();
  await second.close({ runBeforeUnload: true });
  for (const one of [bob, ann]) await one.page.waitForTimeout(500);
  for (const one of [bob, ann]) await section(one, "Online", annName);
  await bob.context.close();
  await section(ann, "Offline", bobName);
  assert.equal(await ann.page.getByText("more, when the list was made").count(), 0);
  ann.assertCalm();
});

/** Signed in as the same user. */
async function anotherWindow(one) {
  const kept = await one.page.evaluate(() => ({ ...sessionStorage }));
  const window = await one.context.newPage();
  await window.addInitScript((kept) => void (sessionStorage.length || Object.assign(sessionStorage, kept)), kept);
  await window.goto(one.page.url());
  return window;
}

test("signing out everywhere asks first, and ends all of one's pages", async (t) => {
  const token = cluster.token({ userId: fresh("ann"), username: "Ann" });
  const [ann, again] = await visitors(t, browser, cluster, { name: "Ann", token }, { name: "Ann", token });
  await ann.go("people");
  await ann.page.getByRole("button", { name: "Sign out everywhere" }).click();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Stay" }).click();
  await ann.connected();
  await ann.page.getByRole("button", { name: "Sign out everywhere" }).click();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  for (const one of [ann, again]) await one.sees(".ended", "signed out");
  for (const one of [ann, again]) one.assertCalm();
});

test("a guest comes back as itself", async (t) => {
  const [guest] = await visitors(t, browser, cluster, { name: "Guest", token: null });
  const room = fresh("room");
  await guest.create(room);
  await guest.say(room, "mine");
  await guest.hears("mine");
  await guest.page.reload();
  await guest.connected();
  await guest.page.locator(".mine .said", { hasText: "mine" }).waitFor();
  guest.assertCalm();
});
