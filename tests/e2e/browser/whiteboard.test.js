// A board, as people with browsers see it.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { LOOKS, assertOpenToAll } from "../lib/axe.js";
import { useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { until } from "../lib/until.js";

// Boards are filled faster than a hand can.
const env = { STARLING_EVENTS_PER_SECOND: "10000", STARLING_EVENTS_BURST: "10000", STARLING_USER_EVENTS_PER_SECOND: "10000" };
const cluster = useCluster({ nodes: 3, guest: true, env });
const browser = useBrowser();
const people = (t, ...names) => visitors(t, browser, cluster, ...names);

async function open(one, board) {
  await one.go(`whiteboard/${board}`);
  await one.page.locator("canvas[data-open=true]").waitFor();
}

/** On two nodes, on one board. */
async function two(t, board = fresh("board"), ...who) {
  const [ann, bob] = await people(t, who[0] ?? "Ann", who[1] ?? "Bob");
  await bob.elsewhereThan(await ann.node());
  for (const one of [ann, bob]) await open(one, board);
  return [ann, bob, board];
}

const middle = (one) => one.page.locator(".paper canvas").boundingBox();
const tool = (one, label) => one.page.getByRole("toolbar").getByRole("button", { name: label, exact: true });
const dialog = (one) => one.page.getByRole("dialog");

/** A drag over the canvas, in its pixels. */
async function drag(one, ...points) {
  const { x, y } = await middle(one);
  const { mouse } = one.page;
  await mouse.move(x + points[0][0], y + points[0][1]);
  await mouse.down();
  for (const [px, py] of points.slice(1)) await mouse.move(x + px, y + py, { steps: 6 });
  await mouse.up();
}

const strokes = (one) => one.page.locator(".paper canvas").getAttribute("data-strokes").then(Number);
const waiting = (one) => one.page.locator(".paper canvas").getAttribute("data-waiting").then(Number);
const shows = (one, count) => until(async () => (await strokes(one)) === count && (await waiting(one)) === 0, `${one.name} sees ${count} strokes`, 20_000);

/** What there is to be seen, as small squares that have ink in them or not. */
const ink = (one) =>
  one.page.evaluate(() => {
    const canvas = document.querySelector(".paper canvas");
    // The browser complains of a canvas that is read often.
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height }).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const inked = [];
    for (let at = 3; at < data.length; at += 4) if (data[at] > 200) inked.push(((at - 3) / 4) * 4096 + (data[at - 3] >> 6) * 256 + (data[at - 2] >> 6) * 16 + (data[at - 1] >> 6));
    return inked;
  });

/** But for the edges of lines, which may be of one shade or another. */
async function differ(one, other) {
  const [a, b] = [new Set(await ink(one)), new Set(await ink(other))];
  const only = [...a].filter((pixel) => !b.has(pixel)).length + [...b].filter((pixel) => !a.has(pixel)).length;
  return { only, of: Math.max(a.size, b.size) };
}

const same = (one, other) =>
  until(async () => {
    const { only, of } = await differ(one, other);
    return only <= of * 0.02;
  }, `${one.name} and ${other.name} see the same picture`);

suite("drawing", () => {
  test("two on two nodes draw and see each other's strokes; who comes later sees the same", async (t) => {
    const [ann, bob, board] = await two(t);
    await drag(ann, [200, 300], [300, 200], [400, 320]);
    await bob.page.keyboard.press("3");
    await drag(bob, [250, 350], [350, 220]);
    await drag(bob, [500, 300], [500, 300]);
    for (const one of [ann, bob]) await shows(one, 3);
    await same(ann, bob);
    assert.ok((await ink(ann)).length > 500, "there is something to be seen");
    const [late] = await people(t, "Late");
    await open(late, board);
    await shows(late, 3);
    await same(ann, late);
    for (const one of [ann, bob, late]) one.assertCalm();
  });

  test("an eraser takes away what is below it, for both, and what is drawn later is above it", async (t) => {
    const [ann, bob] = await two(t);
    await tool(ann, "Thick line").click();
    await drag(ann, [200, 300], [500, 300]);
    await shows(bob, 1);
    // It comes in parts, and is one stroke from the first of them on.
    await same(ann, bob);
    const before = (await ink(bob)).length;
    await bob.page.keyboard.press("e");
    await drag(bob, [350, 200], [350, 400]);
    await shows(ann, 2);
    await until(async () => (await ink(ann)).length < before * 0.95, "a part is gone");
    await same(ann, bob);
    await drag(ann, [340, 250], [360, 350]);
    await shows(bob, 3);
    await same(ann, bob);
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("each takes back one's own, by the button and the keys, after a reload too", async (t) => {
    const [ann, bob] = await two(t);
    await drag(ann, [200, 300], [300, 300]);
    await shows(bob, 1);
    await drag(bob, [200, 400], [300, 400]);
    await drag(ann, [200, 350], [300, 350]);
    for (const one of [ann, bob]) await shows(one, 3);
    await tool(ann, "Undo my last stroke").click();
    for (const one of [ann, bob]) await shows(one, 2);
    await ann.page.reload();
    await shows(ann, 2);
    await ann.page.keyboard.press("Control+z");
    for (const one of [ann, bob]) await shows(one, 1);
    await ann.page.keyboard.press("Control+z");
    assert.equal(await tool(ann, "Undo my last stroke").getAttribute("aria-disabled"), "true", "what is left is Bob's");
    await same(ann, bob);
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("a clear asks first, and is told", async (t) => {
    const [ann, bob] = await two(t);
    await drag(ann, [200, 300], [300, 300]);
    await drag(bob, [200, 350], [300, 350]);
    for (const one of [ann, bob]) await shows(one, 2);
    await tool(bob, "Clear the board").click();
    await dialog(bob).getByRole("button", { name: "Keep it" }).click();
    await shows(bob, 2);
    await tool(bob, "Clear the board").click();
    await dialog(bob).getByRole("button", { name: "Clear for everybody" }).click();
    for (const one of [ann, bob]) await shows(one, 0);
    await ann.sees(".board-notes [role=status], [role=status].board-notes", "Bob cleared the board");
    assert.equal((await ink(ann)).length, 0);
    await drag(ann, [200, 300], [300, 300]);
    for (const one of [ann, bob]) await shows(one, 1);
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("others' cursors are there with their names, and go", async (t) => {
    const [ann, bob] = await two(t);
    const { x, y } = await middle(ann);
    await ann.page.mouse.move(x + 300, y + 300);
    await bob.sees(".cursor", "Ann");
    await ann.page.mouse.move(x + 400, y + 300);
    await until(async () => (await bob.page.locator(".cursor").evaluate((one) => one.style.transform)).startsWith("translate(400px"), "it moves");
    await ann.go("people");
    await until(async () => (await bob.page.locator(".cursor").count()) === 0, "it is gone");
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("the address names the board: shared, kept over a reload, and Back works", async (t) => {
    const [ann, bob, board] = await two(t);
    await drag(ann, [200, 300], [300, 300]);
    await shows(bob, 1);
    const other = fresh("other");
    await ann.page.locator(".board-name").click();
    await ann.page.getByLabel("Go to a board").fill("no such name!");
    await ann.page.keyboard.press("Enter");
    await ann.sees(".board-choose [role=alert]", "letters, digits");
    await ann.page.getByLabel("Go to a board").fill(other);
    await ann.page.keyboard.press("Enter");
    await ann.sees(".board-name", other);
    await ann.page.locator("canvas[data-open=true]").waitFor();
    await shows(ann, 0);
    await drag(ann, [200, 300], [300, 300]);
    await drag(ann, [200, 350], [300, 350]);
    await shows(ann, 2);
    await ann.page.reload();
    await shows(ann, 2);
    await ann.page.goBack();
    await ann.sees(".board-name", board);
    await shows(ann, 1);
    await shows(bob, 1);
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("the picture can be saved, moved and zoomed", async (t) => {
    const [ann] = await people(t, "Ann");
    await open(ann, fresh("board"));
    await drag(ann, [200, 300], [300, 300]);
    await shows(ann, 1);
    const download = ann.page.waitForEvent("download");
    await ann.page.getByRole("button", { name: "Save as a picture" }).click();
    assert.match((await download).suggestedFilename(), /^board.*\.png$/);
    const before = await ink(ann);
    await ann.page.keyboard.press("+");
    await ann.sees(".zoom", "125 %");
    await ann.page.keyboard.press("0");
    await ann.sees(".zoom", "100 %");
    // The focus is on the button that saved it.
    await ann.page.keyboard.down("Space");
    await ann.page.locator(".paper canvas[data-grip=grab]").waitFor();
    await drag(ann, [200, 300], [900, 300]);
    await ann.page.keyboard.up("Space");
    await until(async () => (await ink(ann)).join() !== before.join(), "the paper is moved");
    await drag(ann, [300, 200], [400, 200]);
    await shows(ann, 2);
    await ann.page.keyboard.press("f");
    await until(async () => (await ink(ann)).length > 50, "all is to be seen");
    ann.assertCalm();
  });
});

suite("when something dies", () => {
  test("a node is killed while one draws: both end with the same picture, and nothing is lost", async (t) => {
    const [ann, bob] = await two(t);
    await drag(ann, [100, 200], [200, 300]);
    await shows(bob, 1);
    const dying = await ann.node();
    const { x, y } = await middle(ann);
    const { mouse } = ann.page;
    t.after(() => cluster.revive());
    await mouse.move(x + 200, y + 200);
    await mouse.down();
    for (let i = 1; i <= 60; i++) {
      await mouse.move(x + 200 + i * 6, y + 300 + 80 * Math.sin(i / 5));
      if (i === 20) await cluster.signal(cluster.node(dying), "SIGKILL");
    }
    await mouse.up();
    await drag(ann, [100, 450], [300, 450]);
    await drag(bob, [100, 500], [300, 500]);
    await ann.connected(dying);
    for (const one of [ann, bob]) await shows(one, 4);
    await same(ann, bob);
    const [late] = await people(t, "Late");
    await open(late, (await ann.page.evaluate(() => location.hash)).split("/").at(-1));
    await shows(late, 4);
    await same(ann, late);
    for (const one of [ann, bob, late]) one.assertCalm();
  });

  test("without a connection drawing goes on, is shown as waiting, and is there once after it", async (t) => {
    const [ann, bob] = await two(t);
    await ann.context.setOffline(true);
    await ann.sees(".connection", "Reconnecting");
    await drag(ann, [200, 300], [300, 300]);
    await drag(ann, [200, 350], [300, 350]);
    await ann.sees(".board-note", "2 strokes waiting");
    await drag(bob, [200, 400], [300, 400]);
    await shows(bob, 1);
    await ann.page.reload().catch(() => {});
    await ann.context.setOffline(false);
    await ann.page.goto(`${cluster.url}/${await bob.page.evaluate(() => location.hash)}`);
    for (const one of [ann, bob]) await shows(one, 3);
    await same(ann, bob);
    for (const one of [ann, bob]) one.assertCalm();
  });
});

suite("limits and rights", () => {
  test("a private board is refused in words, with a way out", async (t) => {
    const [ann, bob] = await people(t, "Ann", "Bob");
    const room = fresh("secret");
    await ann.create(room, { isPrivate: true });
    await open(ann, room);
    await bob.go(`whiteboard/${room}`);
    await bob.sees(".board-closed [role=alert]", "private room that you are not in");
    await bob.page.getByRole("button", { name: "Go to the board default" }).click();
    await bob.page.locator("canvas[data-open=true]").waitFor();
    await bob.sees(".board-name", "default");
    for (const one of [ann, bob]) one.assertCalm();
  });

  test("a full board says so next to the tools, draws nothing more, and goes on after a clear", async (t) => {
    const [ann] = await people(t, "Ann");
    const board = fresh("board");
    const fillers = await Promise.all(["f1", "f2", "f3", "f4"].map((name) => cluster.user(t, name, { namespace: "/whiteboard", said: { roomId: board } })));
    const line = (i) => ({ x1: (i % 200) * 4, y1: Math.floor(i / 200) * 4, x2: (i % 200) * 4 + 2, y2: Math.floor(i / 200) * 4 + 2, color: "#1b1f27" });
    /** One after the other, many at once; what is too fast is repeated. */
    const fill = async (from, to) => {
      let next = from;
      const hand = async (one) => {
        while (next < to) {
          const drawn = line(next++);
          await until(async () => (await one.ask("draw", drawn)).ok, "it is drawn");
        }
      };
      await Promise.all(fillers.flatMap((one) => Array.from({ length: 40 }, () => hand(one))));
    };
    await fill(0, 18_402);
    await open(ann, board);
    await ann.sees(".board-note", "18,402 of 20,000");
    await shows(ann, 18_402);
    await fill(18_402, 20_000);
    await ann.sees(".board-note", "20,000 of 20,000");
    await drag(ann, [200, 600], [300, 600]);
    await ann.sees(".board-notes [role=alert]", "The board is full (20,000 of 20,000)");
    await shows(ann, 20_000);
    await tool(ann, "Clear the board").click();
    await dialog(ann).getByRole("button", { name: "Clear for everybody" }).click();
    await shows(ann, 0);
    await drag(ann, [200, 600], [300, 600]);
    await shows(ann, 1);
    ann.assertCalm();
  });
});

suite("for everybody", () => {
  test("the tools are one stop of the Tab key, and the arrows go through them", async (t) => {
    const [ann] = await people(t, "Ann");
    await open(ann, fresh("board"));
    await tool(ann, "Pen").focus();
    await ann.page.keyboard.press("ArrowRight");
    await ann.page.keyboard.press("Enter");
    assert.equal(await tool(ann, "Eraser").getAttribute("aria-pressed"), "true");
    await ann.page.keyboard.press("Home");
    await ann.page.keyboard.press("Space");
    assert.equal(await tool(ann, "Pen").getAttribute("aria-pressed"), "true");
    assert.equal(await ann.page.getByRole("toolbar").locator("[tabindex='0']").count(), 1);
    await ann.page.keyboard.press("?");
    await ann.sees("dialog", "Take back one's own last stroke");
    ann.assertCalm();
  });

  for (const { name, options } of LOOKS) {
    test(`nothing keeps anybody out, ${name}`, async (t) => {
      const [bob] = await people(t, "Bob");
      const [ann] = await people(t, { name: "Ann", options });
      const board = fresh("board");
      for (const one of [ann, bob]) await open(one, board);
      await assertOpenToAll(ann.page, "an empty board");
      await drag(bob, [200, 300], [300, 300]);
      await ann.sees(".cursor", "Bob");
      await shows(ann, 1);
      await assertOpenToAll(ann.page, "a board");
      await tool(ann, "Clear the board").click();
      await assertOpenToAll(ann.page, "clearing");
      await ann.page.keyboard.press("Escape");
      await ann.page.locator(".board-name").click();
      await assertOpenToAll(ann.page, "another board");
      await ann.page.keyboard.press("Escape");
      await ann.context.setOffline(true);
      await ann.sees(".board-note", "No connection");
      await assertOpenToAll(ann.page, "away");
    });
  }
});
