// Pictures of every page, wide, narrow and dark, into `screenshots/`: `npm run screenshots`.
// With `--readme` also docs/interface.png.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Visitor, launch } from "./lib/browser.js";
import { Cluster } from "./lib/cluster.js";

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
  await bob.page.context().newPage().then((page) => page.bringToFront());

  for (const [look, options] of Object.entries(LOOKS)) await takeLook(look, options, cleo, bob);
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

async function takeLook(look, options, cleo, bob) {
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
  await me.page.getByRole("button", { name: /, you/ }).click();
  await shoot(me, "me");
  await me.page.keyboard.press("Escape");

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
  await me.sees(".closed", "private");
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
