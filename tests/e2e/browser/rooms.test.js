// Rooms and chat, as people with browsers see them.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { redis } from "../lib/resp.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3, guest: true });
const browser = useBrowser();
const people = (t, ...names) => visitors(t, browser, cluster, ...names);

/** In one room, on two nodes. */
async function together(t, ...names) {
  const all = await people(t, ...names);
  const room = fresh("room");
  const [first, ...others] = all;
  await first.create(room);
  for (const one of others) await one.enter(room);
  for (const one of others) await one.elsewhereThan(await first.node());
  for (const one of all) await one.sees(".room-view", room);
  return { room, all };
}

suite("talking", () => {
  test("two people on two nodes meet in a room, see each other and talk", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    assert.notEqual(await ann.node(), await bob.node());
    for (const one of all) for (const name of ["Ann", "Bob"]) await one.sees(".members .member", name);
    await ann.sees(".notice", "Bob came in");
    await ann.composer(room).pressSequentially("He");
    await bob.sees(".typing", "Ann is typing");
    await ann.say(room, "Hello Bob");
    await bob.hears("Hello Bob");
    await ann.hears("Hello Bob");
    assert.deepEqual(await ann.texts(), ["Hello Bob"]);
    await bob.page.getByRole("button", { name: `Leave ${room}` }).click();
    await ann.sees(".notice", "Bob left");
    await bob.sees(".room-list", "Others");
    for (const one of all) one.assertCalm();
  });

  test("what others write is shown as text, never run", async (t) => {
    const { room, all } = await together(t, "<b>Ann</b>", "Bob");
    const [ann, bob] = all;
    const attack = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>";
    await ann.say(room, attack);
    await bob.hears(attack);
    await bob.sees(".members .member", "<b>Ann</b>");
    // Not from the history either.
    await bob.page.reload();
    await bob.hears(attack);
    assert.equal(await bob.page.evaluate("window.hurt"), undefined);
    assert.equal(await bob.page.locator(".messages img, .messages script, .member b").count(), 0);
    for (const one of all) one.assertCalm();
  });

  test("a message that is refused says why at its place, and can be repeated or given up", async (t) => {
    const [ann] = await people(t, "Ann");
    const room = fresh("room");
    // The page believes that more is allowed than is.
    await ann.page.route("**/site.json", (route) => route.fulfill({ json: { signIn: false, guest: true, maxText: 9_000 } }));
    await ann.page.reload();
    await ann.connected();
    await ann.create(room);
    await ann.say(room, "x".repeat(5_000));
    await ann.sees(".failed-note", "Not sent.");
    await ann.page.getByRole("button", { name: "Retry" }).click();
    await ann.sees(".failed-note", "Not sent.");
    await ann.page.getByRole("button", { name: "Discard" }).click();
    await until(async () => (await ann.texts()).length === 0, "it is gone");
    ann.assertCalm();
  });

  test("limits are shown before they are hit, and too much is not sent", async (t) => {
    const [ann] = await people(t, "Ann");
    const room = fresh("room");
    await ann.create(room);
    await ann.composer(room).fill("x".repeat(4_000));
    await ann.sees(".composer-foot", "96 characters left");
    await ann.composer(room).fill("x".repeat(4_100));
    await ann.sees(".composer-foot", "4 characters too many");
    await ann.composer(room).press("Enter");
    assert.deepEqual(await ann.texts(), []);
    assert.equal((await ann.composer(room).inputValue()).length, 4_100);
  });
});

suite("reading", () => {
  test("what is new is counted, and a line shows where one left off", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    await ann.say(room, "seen");
    await bob.hears("seen");
    await bob.go("people");
    await bob.sees("h1", "People");
    for (const text of ["one", "two", "three"]) await ann.say(room, text);
    await ann.hears("three");
    await bob.sees(".nav .badge", "1");
    await bob.go("rooms");
    await bob.sees(".room.unread .badge", "3");
    await bob.go(`rooms/${room}`);
    await bob.hears("three");
    const order = await bob.page.locator(".messages .unread-line, .messages .said").allInnerTexts();
    assert.deepEqual(order.map((text) => text.trim().split("\n")[0]), ["seen", "You left off here", "one", "two", "three"]);
    await bob.go("rooms");
    await until(async () => (await bob.page.locator(".room.unread").count()) === 0, "all is read");
    for (const one of all) one.assertCalm();
  });

  test("the list follows the newest only where one is at the end", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    for (let i = 0; i < 40; i++) await ann.say(room, `line ${i}\nand more`);
    await bob.hears("line 39");
    await bob.page.locator(".messages").evaluate((list) => (list.scrollTop = 0));
    await bob.page.getByRole("button", { name: "Newest" }).waitFor();
    await ann.say(room, "something new");
    await bob.page.getByRole("button", { name: "1 new" }).click();
    await until(() => bob.page.locator(".messages").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight < 5), "at the end");
    await until(async () => (await bob.page.locator(".newest").count()) === 0, "nothing is new any more");
  });

  test("drafts, the place and the messages survive a reload; Back works", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    await ann.say(room, "before");
    await bob.hears("before");
    await bob.composer(room).fill("not yet sai");
    await bob.page.reload();
    await bob.hears("before");
    assert.equal(await bob.composer(room).inputValue(), "not yet sai");
    await bob.page.getByRole("link", { name: "Lab" }).click();
    await bob.sees("h2", "Round trip");
    await bob.page.goBack();
    await bob.hears("before");
    assert.equal(await ann.page.locator(".notice", { hasText: "Bob left" }).count(), 0);
    for (const one of all) one.assertCalm();
  });
});

test("a room that somebody creates shows up with the others who look at the list", async (t) => {
  const [ann, bob] = await people(t, "Ann", "Bob");
  await bob.sees(".room-list", "Others");
  const room = fresh("room");
  await ann.create(room);
  await bob.page.locator(".room-list .room", { hasText: room }).waitFor({ timeout: 5_000 });
});

suite("rooms that cannot be entered", () => {
  test("a private one says so, and why, in words", async (t) => {
    const [ann, bob] = await people(t, "Ann", "Bob");
    const room = fresh("secret");
    await ann.create(room, { isPrivate: true });
    await ann.sees(".messages .empty", "Only its creator, and those whose token names this room, can come in");
    await bob.go(`rooms/${room}`);
    await bob.sees(".closed [role=alert]", "Only its creator, and those whose token names this room, can enter");
    bob.assertCalm();
  });

  test("one that is not there can be created", async (t) => {
    const [ann] = await people(t, "Ann");
    const room = fresh("nowhere");
    await ann.go(`rooms/${room}`);
    await ann.sees(".closed", `There is no room “${room}”`);
    await ann.page.getByRole("button", { name: `Create ${room}` }).click();
    await ann.composer(room).waitFor();
  });

  test("a name that is taken is said beside the field", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [, bob] = all;
    await bob.page.getByRole("button", { name: "Create a room" }).first().click();
    await bob.page.getByLabel("Name", { exact: true }).fill(room);
    await bob.page.keyboard.press("Enter");
    await bob.sees("dialog .field [role=alert]", "That name is taken");
    await bob.page.keyboard.press("Escape");
    await until(async () => (await bob.page.locator("dialog").count()) === 0, "the dialog is closed");
  });
});

suite("when something dies", () => {
  test("a killed node is survived: nothing is lost, and what was typed meanwhile is said once", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    const spoken = ["before 1", "before 2"];
    for (const text of spoken) await ann.say(room, text);
    await bob.hears("before 2");
    const dying = await ann.node();
    await cluster.signal(cluster.node(dying), "SIGKILL");
    t.after(() => cluster.revive());
    for (const text of ["meanwhile 1", "meanwhile 2"]) {
      await ann.say(room, text);
      spoken.push(text);
    }
    await bob.say(room, "from the other side");
    await ann.connected(dying);
    for (const one of all) for (const text of [...spoken, "from the other side"]) await one.hears(text);
    const [annSaw, bobSaw] = [await ann.texts(), await bob.texts()];
    assert.deepEqual(annSaw, bobSaw, "one order for both");
    assert.deepEqual(annSaw.filter((text) => text !== "from the other side"), spoken);
    assert.equal(await bob.page.locator(".notice", { hasText: "left" }).count(), 0);
    for (const one of all) {
      assert.equal(await one.page.locator(".unsaid, .gap").count(), 0);
      one.assertCalm();
    }
  });

  test("typing without a connection is honest: it waits, and says so", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    await ann.context.setOffline(true);
    await ann.sees(".connection", "Reconnecting");
    for (const text of ["first", "second", "third"]) await ann.say(room, text);
    await ann.sees(".unsaid", "Waiting");
    await ann.sees(".connection", "Reconnecting, 3 messages waiting");
    await bob.say(room, "is anybody there?");
    await bob.hears("is anybody there?");
    await ann.context.setOffline(false);
    for (const text of ["first", "second", "third", "is anybody there?"]) for (const one of all) await one.hears(text);
    assert.deepEqual(await ann.texts(), await bob.texts());
    assert.deepEqual(await bob.texts(), ["is anybody there?", "first", "second", "third"]);
    for (const one of all) one.assertCalm();
  });

  test("where history could not be recovered, the list says so at its place", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    await ann.say(room, "before the loss");
    await bob.hears("before the loss");
    await redis(cluster.redis.url, "FLUSHALL");
    await bob.page.locator(".gap").waitFor({ timeout: 30_000 });
    await ann.say(room, "after the loss");
    await bob.hears("after the loss");
    assert.deepEqual(await bob.texts(), ["before the loss", "after the loss"]);
  });

  test("where everything was started anew, the pages that stayed open say what only they have, and go on", async (t) => {
    const { room, all } = await together(t, "Ann", "Bob");
    const [ann, bob] = all;
    for (const text of ["one", "two", "three"]) await ann.say(room, text);
    await bob.hears("three");
    for (const node of cluster.nodes) await cluster.signal(node, "SIGKILL");
    await redis(cluster.redis.url, "FLUSHALL");
    await cluster.revive();
    for (const one of all) await one.page.locator(".gap", { hasText: "The server no longer has what was said before this" }).waitFor({ timeout: 30_000 });
    await bob.go("people");
    await bob.sees("h1", "People");
    await ann.say(room, "four");
    await bob.sees(".nav .badge", "1");
    const [newcomer] = await people(t, "Cy");
    await newcomer.enter(room);
    await newcomer.hears("four");
    assert.deepEqual(await newcomer.texts(), ["four"]);
    assert.deepEqual(await ann.texts(), ["one", "two", "three", "four"]);
    assert.equal(await ann.page.locator(".gap").count(), 1);
    await bob.go(`rooms/${room}`);
    await bob.hears("four");
    await until(async () => (await bob.page.locator(".nav .badge").count()) === 0, "all is read");
    for (const one of all) one.assertCalm();
  });
});

test("the keyboard is enough", async (t) => {
  const [ann] = await people(t, "Ann");
  const { page } = ann;
  const rooms = [fresh("a"), fresh("b")];
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
  const tabTo = async (name) => {
    for (let i = 0; i < 40; i++) {
      if ((await focused())?.trim() === name) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`${name} is not reached with Tab`);
  };
  for (const room of rooms) {
    await tabTo("Create a room");
    await page.keyboard.press("Enter");
    await page.keyboard.type(room);
    await page.keyboard.press("Enter");
    await ann.composer(room).waitFor();
  }
  await page.keyboard.type("one line");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("and another");
  await page.keyboard.press("Enter");
  await ann.hears("one line\nand another");
  await page.keyboard.press("Alt+ArrowUp");
  await ann.composer(rooms[0]).waitFor();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("?");
  await ann.sees("dialog", "Send the message");
  await page.keyboard.press("Escape");
  await until(async () => (await page.locator("dialog").count()) === 0, "the list of keys is closed");
  await page.locator(".connection").focus();
  await page.keyboard.press("Enter");
  await ann.sees(".panel", "Drop the connection");
  await page.keyboard.press("Escape");
  await until(async () => (await page.locator(".panel").count()) === 0, "the panel is closed");
  assert.ok(await page.evaluate(() => document.activeElement.classList.contains("connection")), "focus is back");
  ann.assertCalm();
});
