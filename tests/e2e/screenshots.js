// Pictures of every page, wide, narrow and dark, into `screenshots/`: `npm run screenshots`.
// With `--readme` also docs/interface.png.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Visitor, launch } from "./lib/browser.js";
import { Cluster } from "./lib/cluster.js";
import { DRAWING, drawAll } from "./lib/drawing.js";

const OUT = fileURLToPath(new URL("screenshots/", import.meta.url));
const README = fileURLToPath(new URL("../../docs/interface.png", import.meta.url));
const LOOKS = {
  wide: { viewport: { width: 1280, height: 800 } },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  narrow: { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true },
};
const ROOM = "release-2.4";

const cluster = new Cluster({ nodes: 3, guest: true });
await cluster.start();
const browser = await launch();
try {
  mkdirSync(OUT, { recursive: true });
  await takeAll();
} finally {
  await browser.close();
  await cluster.stop();
}

async function arrive(name, options = LOOKS.wide, path = "") {
  const token = cluster.token({ userId: `u-${name.toLowerCase()}`, username: name });
  return Visitor.arrive(browser, cluster.url, name, { token, options, path });
}

async function takeAll() {
  const [ann, bob, cleo, dan] = await Promise.all(["Ann Lindqvist", "Bob Okafor", "Cleo Marsh", "Dan"].map((name) => arrive(name)));
  await ann.create(ROOM);
  for (const one of [bob, cleo, dan]) await one.enter(ROOM);
  await bob.create("design");
  await bob.create("on-call", { isPrivate: true });
  await cleo.create("coffee");
  await cleo.enter("design");
  await ann.enter("design");
  await talk({ ann, bob, cleo, dan });
  await whisper({ ann, bob, cleo, dan });
  await ask({ ann, bob, cleo, dan });
  await bob.go(`whiteboard/${ROOM}`);
  await drawAll(bob, DRAWING);
  await bob.enter(ROOM);
  await bob.page.context().newPage().then((page) => page.bringToFront());

  for (const [look, options] of Object.entries(LOOKS)) await takeLook(look, options, cleo, bob, dan);
  for (const one of [ann, bob, cleo, dan]) await one.context.close();
}

async function talk({ ann, bob, cleo, dan }) {
  const said = [
    [ann, "Morning! The candidate is on all three nodes since 09:40."],
    [bob, "Nice. Latency looks flat from here: p99 at 12 ms."],
    [bob, "I'll kill gw2 in five minutes to see whether anybody notices. Tell me if your page so much as blinks."],
    [cleo, "Ready. I'm typing into a document at the same time, so I'd notice."],
    [dan, "Going by the dashboard you already did it?"],
    [bob, "Two minutes ago :)\nNobody missed a message, the room just went on at gw1 and gw3."],
    [ann, "Then let's ship it. Cleo, will you write the notes? The long version can go into https://example.org/changes"],
  ];
  for (const one of [ann, bob, cleo, dan]) await one.go(`rooms/${ROOM}`);
  for (const [who, text] of said) {
    await who.say(ROOM, text);
    await ann.hears(text.split("\n")[0]);
  }
}

async function whisper({ ann, bob, cleo, dan }) {
  const said = [
    [dan, "everyone", null, "Coffee is back on the second floor."],
    [cleo, "everyone", null, "You are a good person, Dan."],
    [bob, "everyone", null, "Heads-up: the office network is flaky until four. The page says when it has lost you, and sends what you typed meanwhile by itself."],
    [ann, "Bob Okafor", "u-bob okafor", "Do you have the numbers from last night's run?"],
    [bob, "Ann Lindqvist", "u-ann lindqvist", "Yes: 214,000 messages, nothing lost, nothing twice."],
    [bob, "Ann Lindqvist", "u-ann lindqvist", "I'll put the chart into the notes."],
    [dan, "Ann Lindqvist", "u-ann lindqvist", "Can I have your slot on Thursday?"],
    [cleo, "Ann Lindqvist", "u-ann lindqvist", "Draft is ready when you are."],
  ];
  for (const [who, name, id, text] of said) {
    await who.go(id ? `messages/${encodeURIComponent(`@${id}`)}` : "messages/everyone");
    await who.composer(name).waitFor();
    await who.say(name, text);
    await who.hears(text);
  }
}

async function ask({ ann, bob, cleo, dan }) {
  const polls = [
    [cleo, "Which day for the retro?", ["Tuesday", "Thursday"], [[cleo, 1], [ann, 1], [dan, 0]], true],
    [ann, "Where do we go for lunch on Friday?", ["The place with the long tables", "Soup", "Whatever Dan brings"], [[bob, 0], [cleo, 0], [dan, 2]], false],
    [bob, "Ship 2.4 today?", ["Yes", "Tomorrow, after one more night under load", "Not before the notes are written"], [[cleo, 2], [dan, 1], [ann, 1], [bob, 0]], false],
  ];
  for (const [who, question, options, votes, over] of polls) {
    await who.go("polls/new");
    await who.page.getByLabel("Question").fill(question);
    for (const [i, text] of options.entries()) {
      if (i > 1) await who.page.getByRole("button", { name: "Add an option" }).click();
      await who.page.getByLabel(`Option ${i + 1}`, { exact: true }).fill(text);
    }
    await who.page.getByRole("button", { name: "Ask", exact: true }).click();
    await who.sees(".poll-body h2", question);
    const address = await who.page.evaluate(() => location.hash.slice(2));
    for (const [voter, option] of votes) {
      await voter.go(address);
      await voter.sees(".poll-body h2", question);
      await voter.page.getByRole("radio").nth(option).check();
      await voter.page.getByRole("button", { name: "Vote", exact: true }).click();
      await voter.sees(".poll-state", "counted");
    }
    if (!over) continue;
    await who.page.getByRole("button", { name: "Close poll" }).click();
    await who.page.getByRole("dialog").getByRole("button", { name: "Close poll" }).click();
    await who.sees(".poll-state", "Closed");
  }
  for (const one of [ann, bob, cleo, dan]) await one.enter(ROOM);
}

async function takeTalks(me, shoot, dan) {
  await me.go("messages");
  await me.sees(".talk", "Everyone");
  await me.page.waitForTimeout(400);
  await shoot(me, "messages");
  await me.go("messages/everyone");
  await me.hears("Heads-up");
  await shoot(me, "everyone");
  await me.go(`messages/${encodeURIComponent("@u-bob okafor")}`);
  await me.hears("the chart");
  await me.say("Bob Okafor", "Perfect, thank you.");
  await me.hears("Perfect");
  await shoot(me, "private-talk");
  await dan.context.setOffline(true);
  await me.go(`messages/${encodeURIComponent("@u-dan")}`);
  await me.page.locator(".typing", { hasText: "cannot be written to" }).waitFor({ timeout: 60_000 });
  await me.say("Dan", "Sure, take it.");
  await me.sees(".failed-note", "is not here");
  await shoot(me, "not-sent");
  await me.page.getByRole("button", { name: "Discard" }).click();
  await dan.context.setOffline(false);
}

async function takePolls(me, shoot) {
  await me.go("polls");
  await me.sees(".poll-item", "Ship 2.4");
  await me.page.waitForTimeout(400);
  await shoot(me, "polls");
  for (const [name, question] of [["poll-voted", "Ship 2.4"], ["poll-open", "lunch"], ["poll-closed", "retro"]]) {
    await me.go("polls");
    await me.page.locator(".poll-item", { hasText: question }).click();
    await me.sees(".poll-body h2", question);
    if (name === "poll-open") await me.page.getByRole("radio").nth(1).check();
    await me.page.waitForTimeout(300);
    await shoot(me, name);
  }
  await me.go("polls/new");
  await me.page.getByLabel("Question").fill("What shall the next room be called?");
  await me.page.getByLabel("Option 1", { exact: true }).fill("Aviary");
  await me.page.getByLabel("Option 2", { exact: true }).fill(`Murmuration, ${"as that is what many starlings are called when they are one ".repeat(2)}`.slice(0, 88));
  await shoot(me, "poll-new");
  await me.page.getByRole("button", { name: "Discard" }).click();
}

async function takeGames(me, shoot, bob) {
  const cell = (one, n) => one.page.locator(".cell").nth(n);
  const find = (one) => one.page.getByRole("button", { name: "Find an opponent" }).click();
  await me.go("game");
  await me.sees(".lobby", "Find an opponent");
  await me.page.waitForTimeout(400);
  await shoot(me, "game");
  await find(me);
  await me.sees(".lobby-state", "Waiting");
  await shoot(me, "game-looking");
  await bob.go("game");
  await find(bob);
  await me.sees(".table-status", "Your turn");
  for (const [n, c] of [4, 0, 8].entries()) {
    await cell([me, bob][n % 2], c).click();
    for (const one of [me, bob]) await one.page.locator(".cell.last").nth(0).waitFor();
    await me.sees(".table-status", n % 2 ? "Your turn" : "turn");
    if (n % 2) await shoot(me, "game-turn");
    await me.page.waitForTimeout(200);
  }
  await bob.context.setOffline(true);
  await me.page.locator(".table-status", { hasText: "is away" }).waitFor({ timeout: 60_000 });
  await shoot(me, "game-away");
  await bob.context.setOffline(false);
  await me.sees(".table-status", "Bob Okafor's turn");
  await cell(bob, 2).click();
  await me.sees(".table-status", "Your turn");
  await me.context.setOffline(true);
  await me.sees(".top", "Reconnecting");
  await cell(me, 1).click();
  await me.page.waitForTimeout(300);
  await shoot(me, "game-waiting");
  await me.context.setOffline(false);
  await me.sees(".table-status", "Bob Okafor's turn");
  await cell(bob, 7).click();
  await me.sees(".table-status", "Your turn");
  await cell(me, 5).click();
  await bob.sees(".table-status", "Your turn");
  await cell(bob, 3).click();
  await me.sees(".table-status", "Your turn");
  await me.page.getByRole("button", { name: "Give up" }).click();
  await shoot(me, "game-give-up");
  await me.page.keyboard.press("Escape");
  await cell(me, 6).click();
  await me.sees(".table-status", "A draw");
  await shoot(me, "game-draw");
  await me.page.getByRole("button", { name: "Play again" }).click();
  await me.sees(".lobby-state", "Waiting");
  await bob.page.getByRole("button", { name: "Play again" }).click();
  await me.sees(".table-status", "Your turn");
  for (const [n, c] of [4, 0, 2, 1, 6].entries()) {
    const who = [me, bob][n % 2];
    await who.sees(".table-status", "Your turn");
    await cell(who, c).click();
  }
  await me.sees(".table-status", "You won");
  await shoot(me, "game-won");
  await me.go("game/0000000000000000");
  await me.sees(".game-elsewhere", "somebody else's");
  await shoot(me, "game-elsewhere");
}

async function takeBoard(me, shoot, cleo) {
  await cleo.go(`whiteboard/${ROOM}`);
  await me.go(`whiteboard/${ROOM}`);
  await me.page.locator("canvas[data-open=true]").waitFor();
  const { x, y } = await cleo.page.locator(".paper canvas").boundingBox();
  await cleo.page.mouse.move(x + 720, y + 470);
  await me.sees(".cursor", "Cleo");
  await me.page.waitForTimeout(400);
  await shoot(me, "board");
  await me.page.locator(".board-name").click();
  await shoot(me, "board-choose");
  await me.page.keyboard.press("Escape");
  await me.page.getByRole("button", { name: "Clear the board" }).click();
  await shoot(me, "board-clear");
  await me.page.keyboard.press("Escape");
  await me.go("whiteboard/empty");
  await me.sees(".blank", "Draw anywhere");
  await shoot(me, "board-empty");
  await me.go("whiteboard/on-call");
  await me.sees(".board-closed", "private");
  await shoot(me, "board-private");
  await cleo.enter(ROOM);
}

async function takeLook(look, options, cleo, bob, dan) {
  const shoot = (visitor, name) => visitor.page.screenshot({ path: `${OUT}${name}-${look}.png` });
  const out = await browser.newContext({ reducedMotion: "reduce", ...options });
  const page = await out.newPage();
  await page.goto(cluster.url);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByRole("button", { name: /token/ }).waitFor();
  await page.screenshot({ path: `${OUT}sign-in-${look}.png` });
  await out.close();

  const me = await arrive("Ann Lindqvist", options);
  await shoot(me, "rooms-none");
  await me.enter(ROOM);
  await cleo.composer(ROOM).pressSequentially("On it");
  await me.sees(".typing", "Cleo");
  await me.page.waitForTimeout(3_000);
  await cleo.composer(ROOM).pressSequentially(" n");
  await me.sees(".typing", "Cleo");
  await shoot(me, "room");
  if (look === "wide" && process.argv.includes("--readme")) await me.page.screenshot({ path: README });
  await cleo.composer(ROOM).fill("");

  await me.page.getByRole("button", { name: /^Connection/ }).click();
  await shoot(me, "connection");
  await me.page.keyboard.press("Escape");
  await me.page.getByRole("button", { name: /\(you\)/ }).click();
  await shoot(me, "me");
  await me.page.keyboard.press("Escape");

  await takeTalks(me, shoot, dan);
  await takePolls(me, shoot);
  await takeGames(me, shoot, bob);
  await takeBoard(me, shoot, cleo);

  await me.go("people");
  await me.sees(".somebody", "Cleo");
  await shoot(me, "people");
  await me.go("lab");
  await me.page.getByRole("button", { name: "Drop the connection" }).click();
  await me.sees(".plain-list li", "nothing missed");
  await me.page.waitForTimeout(6_000);
  await shoot(me, "lab");

  await me.enter(ROOM);
  await me.context.setOffline(true);
  await me.sees(".top", "Reconnecting");
  await me.say(ROOM, "Typed while the train was in the tunnel");
  await me.sees(".top", "1 message waiting");
  await me.page.waitForTimeout(300);
  await shoot(me, "away");
  await me.context.setOffline(false);
  await me.hears("Typed while");

  await me.go("rooms/on-call");
  await me.sees(".closed", "cannot be entered");
  await shoot(me, "private");
  await me.go("rooms/nowhere");
  await me.sees(".closed", "There is no room");
  await shoot(me, "missing");
  await me.go("rooms");
  await me.page.getByRole("button", { name: "Create a room" }).first().click();
  await shoot(me, "create");
  await me.page.keyboard.press("Escape");
  await me.context.close();
}
