// Polls, as people with browsers see them.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { LOOKS, assertOpenToAll } from "../lib/axe.js";
import { useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3, guest: true });
const browser = useBrowser();
const people = (t, ...names) => visitors(t, browser, cluster, ...names);

/** On two nodes. */
async function two(t, ...who) {
  const [ann, bob] = await people(t, who[0] ?? "Ann", who[1] ?? "Bob");
  await bob.elsewhereThan(await ann.node());
  return [ann, bob];
}

/** Asks by the keyboard alone, and returns where the poll is. */
async function makePoll(one, question, options, { room } = {}) {
  await one.go("polls/new");
  await one.page.getByLabel("Question").fill(question);
  if (room) await one.page.getByLabel("Who may vote").selectOption(room);
  await one.page.getByLabel("Question").press("Enter");
  for (const [i, option] of options.entries()) {
    await one.page.keyboard.type(option);
    if (i < options.length - 1) await one.page.keyboard.press("Enter");
  }
  await one.page.keyboard.press("Control+Enter");
  await one.sees(".poll-body h2", question);
  return one.page.evaluate(() => location.hash.slice(2));
}

async function openPoll(one, address, question) {
  await one.go(address);
  await one.sees(".poll-body h2", question);
}

async function vote(one, option) {
  await one.page.getByRole("radio", { name: option }).check();
  await one.page.getByRole("button", { name: "Vote", exact: true }).click();
}

const counts = (one) => one.page.locator(".option-count b").allInnerTexts();
const shows = (one, ...wanted) => until(async () => (await counts(one)).join() === wanted.join(), `${one.name} sees ${wanted}`);
const dialog = (one) => one.page.getByRole("dialog");

suite("asking and voting", () => {
  test("two people on two nodes vote and see the bars; one closes it, and it stays readable", async (t) => {
    const [ann, bob] = await two(t);
    const question = fresh("Lunch?");
    await bob.go("polls");
    const address = await makePoll(ann, question, ["Soup", "Salad", "Bread"]);
    await bob.page.locator(".poll-item", { hasText: question }).click();
    await bob.sees(".poll-body h2", question);
    await bob.titled(`${question} · Polls · Starling`);
    await vote(bob, "Salad");
    await bob.sees(".poll-state", "Your vote is counted");
    await bob.sees(".option.own", "Salad Your vote");
    await shows(ann, 0, 1, 0);
    await vote(ann, "Soup");
    for (const one of [ann, bob]) await shows(one, 1, 1, 0);
    await ann.sees(".option", "50 %");
    assert.equal(await bob.page.getByRole("button", { name: "Close poll" }).count(), 0, "it is Ann's");
    await ann.page.getByRole("button", { name: "Close poll" }).click();
    await dialog(ann).getByRole("button", { name: "Keep it open" }).click();
    await ann.page.getByRole("button", { name: "Close poll" }).click();
    await dialog(ann).getByRole("button", { name: "Close poll" }).click();
    for (const one of [ann, bob]) await one.sees(".poll-state", "Closed. Your vote was counted.");
    const [late] = await people(t, "Late");
    await openPoll(late, address, question);
    await late.sees(".poll-state", "Closed: it takes no more votes");
    await shows(late, 1, 1, 0);
    assert.equal(await late.page.getByRole("radio").count(), 0);
    for (const one of [ann, bob, late]) one.assertCalm();
  });

  test("whoever votes in two windows is counted once, and told so beside the vote", async (t) => {
    const userId = fresh("cy");
    const token = cluster.token({ userId, username: "Cy" });
    const [first, second] = await two(t, { name: "Cy", token }, { name: "Cy", token });
    const question = fresh("Once?");
    const address = await makePoll(first, question, ["Yes", "No"]);
    await openPoll(second, address, question);
    await vote(first, "Yes");
    await first.sees(".poll-state", "Your vote is counted");
    await shows(second, 1, 0);
    await vote(second, "No");
    await second.sees(".error-note", "Already voted, for “Yes”");
    await second.sees(".option.own", "Yes");
    for (const one of [first, second]) await shows(one, 1, 0);
    await second.page.reload();
    await second.sees(".poll-state", "Your vote is counted");
    for (const one of [first, second]) one.assertCalm();
  });

  test("what others write is shown as text, never run", async (t) => {
    const [ann, bob] = await two(t, "<b>Ann</b>");
    const attack = "<img src=x onerror='window.hurt=1'>";
    const question = `${fresh("q")} ${attack}`;
    const address = await makePoll(ann, question, [`${attack} 1`, "<script>window.hurt=1</script>"]);
    await openPoll(bob, address, question);
    await bob.sees(".option", attack);
    await bob.page.reload();
    await bob.sees(".poll-body h2", question);
    assert.equal(await bob.page.evaluate("window.hurt"), undefined);
    assert.equal(await bob.page.locator(".polls-page img, .polls-page script, .polls-page b:not(.option-count b)").count(), 0);
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("a room's poll is for its members, whose list shows it", async (t) => {
    const [ann, bob] = await two(t);
    const [eve] = await people(t, "Eve");
    const room = fresh("room");
    await ann.create(room);
    await bob.enter(room);
    await bob.go("polls");
    const question = fresh("Members?");
    const address = await makePoll(ann, question, ["Yes", "No"], { room });
    await bob.sees(".poll-item", question);
    await openPoll(bob, address, question);
    await vote(bob, "Yes");
    await shows(ann, 1, 0);
    // Its address is enough after a reload, too.
    await bob.page.reload();
    await bob.sees(".poll-state", "Your vote is counted");
    await eve.go(address);
    await eve.sees(".closed [role=alert]", "You are not in its room");
    await eve.enter(room);
    await openPoll(eve, address, question);
    for (const one of [ann, bob, eve]) one.assertCalm();
  });

  test("limits are shown before they are hit, a draft survives a reload, and the arrows choose", async (t) => {
    const [ann] = await people(t, "Ann");
    await ann.go("polls");
    await ann.page.getByRole("link", { name: "New poll" }).first().click();
    await until(() => ann.page.evaluate(() => document.activeElement.id === "question"), "the question has the focus");
    await ann.page.getByLabel("Question").fill("x".repeat(290));
    await ann.sees("#question-left", "10 left");
    await ann.page.getByLabel("Option 1", { exact: true }).fill("y".repeat(103));
    await ann.sees("#option-left-0", "3 too many");
    await ann.page.getByRole("button", { name: "Ask", exact: true }).click();
    await ann.sees(".make [role=alert]", "at least two options");
    await ann.page.reload();
    assert.equal((await ann.page.getByLabel("Question").inputValue()).length, 290);
    for (let i = 3; i <= 20; i++) await ann.page.getByRole("button", { name: "Add an option" }).click();
    await ann.sees(".make-more", "20 is the most");
    await ann.page.getByRole("button", { name: "Discard" }).click();
    const question = fresh("By keys?");
    await makePoll(ann, question, ["One", "Two", "Three"]);
    await until(() => ann.page.evaluate(() => document.activeElement.id === "poll-question"), "the poll has the focus");
    await ann.page.keyboard.press("Tab");
    assert.ok(await ann.page.getByRole("radio", { name: "One" }).evaluate((one) => one === document.activeElement));
    await ann.page.keyboard.press("Space");
    await ann.page.keyboard.press("ArrowDown");
    await ann.page.keyboard.press("Enter");
    await ann.sees(".option.own", "Two");
    await shows(ann, 0, 1, 0);
    assert.ok(await ann.page.evaluate(() => document.activeElement !== document.body), "the focus is not lost");
    ann.assertCalm();
  });

  test("a guest may ask, and close what it asked", async (t) => {
    const [guest] = await people(t, { name: "Guest", token: null });
    await makePoll(guest, fresh("Guests?"), ["Yes", "No"]);
    await vote(guest, "Yes");
    await guest.sees(".poll-state", "Your vote is counted");
    await guest.page.getByRole("button", { name: "Close poll" }).click();
    await dialog(guest).getByRole("button", { name: "Close poll" }).click();
    await guest.sees(".poll-state", "Closed");
    guest.assertCalm();
  });

  test("an address that leads nowhere says so", async (t) => {
    const [ann] = await people(t, "Ann");
    await ann.go("polls/nowhere");
    await ann.sees(".closed [role=alert]", "There is no such poll");
    ann.assertCalm();
  });
});

suite("when something dies", () => {
  test("a killed node is survived: a vote cast meanwhile is counted once, and the bars are right after it", async (t) => {
    const [ann, bob] = await two(t);
    const question = fresh("Alive?");
    const address = await makePoll(ann, question, ["Yes", "No"]);
    await openPoll(bob, address, question);
    const dying = await ann.node();
    await cluster.signal(cluster.node(dying), "SIGKILL");
    t.after(() => cluster.revive());
    await vote(ann, "Yes");
    await vote(bob, "No");
    await ann.connected(dying);
    await ann.sees(".poll-state", "Your vote is counted");
    for (const one of [ann, bob]) await shows(one, 1, 1);
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("a vote without a connection is honest: it waits, and says so", async (t) => {
    const [ann, bob] = await two(t);
    const question = fresh("Later?");
    const address = await makePoll(bob, question, ["Yes", "No"]);
    await openPoll(ann, address, question);
    await ann.context.setOffline(true);
    await ann.sees(".connection", "Reconnecting");
    await vote(ann, "Yes");
    await ann.sees(".poll-state", "No connection: your vote goes out when it is back");
    await vote(bob, "No");
    await shows(bob, 0, 1);
    await shows(ann, 0, 0);
    // Not even a reload takes it away.
    await ann.page.reload().catch(() => {});
    await ann.context.setOffline(false);
    await ann.page.goto(`${cluster.url}/#/${address}`);
    await ann.sees(".poll-state", "Your vote is counted");
    for (const one of [ann, bob]) await shows(one, 1, 1);
    for (const one of [ann, bob]) one.assertCalm();
  });
});

suite("asking without a connection", () => {
  test("a poll goes out when the connection is back, and until then it is being asked", async (t) => {
    const [ann] = await people(t, "Ann");
    await ann.go("polls/new");
    await ann.page.getByLabel("Question").fill(fresh("Later?"));
    await ann.page.getByLabel("Option 1", { exact: true }).fill("Yes");
    await ann.page.getByLabel("Option 2", { exact: true }).fill("No");
    await ann.context.setOffline(true);
    await ann.sees(".connection", "Reconnecting");
    await ann.page.getByRole("button", { name: "Ask", exact: true }).click();
    await ann.sees("button[type=submit]", "Asking");
    await ann.context.setOffline(false);
    await ann.sees(".poll-body h2", "Later?");
    ann.assertCalm();
  });
});

suite("for everybody", () => {
  for (const { name, options } of LOOKS) {
    test(`nothing keeps anybody out, ${name}`, async (t) => {
      const [bob] = await people(t, "Bob");
      const [ann] = await people(t, { name: "Ann", options });
      await ann.go("polls");
      await ann.sees(".room-list", "Open");
      await assertOpenToAll(ann.page, "polls");
      await ann.go("polls/new");
      await ann.page.getByLabel("Question").fill("?");
      await ann.page.getByRole("button", { name: "Ask", exact: true }).click();
      await ann.sees(".make [role=alert]", "at least two options");
      await assertOpenToAll(ann.page, "making one");
      await ann.page.getByRole("button", { name: "Discard" }).click();
      const question = fresh("Open?");
      const address = await makePoll(ann, question, ["Yes", "No"]);
      await openPoll(bob, address, question);
      await vote(bob, "Yes");
      await shows(ann, 1, 0);
      await assertOpenToAll(ann.page, "a poll");
      await vote(ann, "No");
      await ann.sees(".poll-state", "Your vote is counted");
      await assertOpenToAll(ann.page, "voted");
      await ann.page.getByRole("button", { name: "Close poll" }).click();
      await assertOpenToAll(ann.page, "closing");
      await dialog(ann).getByRole("button", { name: "Close poll" }).click();
      await ann.sees(".poll-state", "Closed");
      await assertOpenToAll(ann.page, "closed");
    });
  }
});
