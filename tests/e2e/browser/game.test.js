// Games, as people with browsers play them.
//
// There is one lobby for all of a cluster, so these tests run one after the other.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { LOOKS, assertOpenToAll } from "../lib/axe.js";
import { useBrowser, visitors } from "../lib/browser.js";
import { useCluster } from "../lib/cluster.js";
import { until } from "../lib/until.js";

const cluster = useCluster({ nodes: 3, guest: true });
const browser = useBrowser();
const people = (t, ...names) => visitors(t, browser, cluster, ...names);

const WIN = [0, 3, 1, 4, 2];
const DRAW = [4, 0, 2, 6, 3, 5, 1, 7, 8];

const cell = (one, n) => one.page.locator(".cell").nth(n);
const button = (one, name) => one.page.getByRole("button", { name, exact: true });
const dialog = (one) => one.page.getByRole("dialog");
const status = (one, text) => one.sees(".table-status", text);
/** What has no network any more may not even be able to say so: then the server has to notice it. */
const away = (one, who) => one.page.locator(".table-status", { hasText: `${who} is away` }).waitFor({ timeout: 60_000 });
const label = (one, n) => cell(one, n).getAttribute("aria-label");
/** What stands there: `X`, `O` or `.`; lower case on its way. */
const board = (one) =>
  one.page.locator(".cell").evaluateAll((all) =>
    all.map((one) => {
      const mark = one.querySelector(":scope > .mark-x") ? "X" : one.querySelector(":scope > .mark-o") ? "O" : ".";
      return one.classList.contains("pending") ? mark.toLowerCase() : mark;
    }).join(""),
  );
const shows = (one, wanted) => until(async () => (await board(one)) === wanted, `${one.name} sees ${wanted}`);

/** Two of them in a game, on two nodes; the first is X. */
async function pair(t, ...who) {
  const [x, o] = await people(t, who[0] ?? "Ann", who[1] ?? "Ben");
  await o.elsewhereThan(await x.node());
  await begin(x, o);
  return [x, o];
}

async function begin(x, o) {
  for (const one of [x, o]) {
    await one.go("game");
    await button(one, "Find an opponent").click();
    if (one === x) await x.sees(".lobby-state", "Waiting");
  }
  await status(x, "Your turn");
  await status(o, `${x.name}'s turn`);
}

/** Makes these moves in turn, X first; both have seen each before the next. */
async function play(x, o, cells, { from = 0 } = {}) {
  for (const [n, c] of cells.entries()) {
    if (n < from) continue;
    const who = [x, o][n % 2];
    await cell(who, c).click();
    const after = Array.from({ length: 9 }, (_, i) => (cells.slice(0, n + 1).includes(i) ? "XO"[cells.indexOf(i) % 2] : ".")).join("");
    for (const one of [x, o]) await shows(one, after);
  }
}

const hash = (one) => one.page.evaluate(() => location.hash);

suite("playing", { concurrency: false }, () => {
  test("two people on two nodes find each other and play to the end; then once more, to a draw", async (t) => {
    const [ann, ben] = await pair(t);
    await ann.sees(".player", "Ben");
    await ben.sees(".player", "Ann");
    await ben.page.getByRole("heading", { name: "Ann's turn", exact: true }).waitFor();
    await ann.titled("Against Ben · Game · Starling");
    // The turn is told where one does not see the board.
    assert.equal(await ann.page.locator(".nav .badge").count(), 0);
    await ann.go("people");
    await ann.page.getByRole("link", { name: "Game (your turn)" }).waitFor();
    await ann.page.goBack();
    await status(ann, "Your turn");
    assert.match(await hash(ann), /^#\/game\/[A-Za-z0-9]{16}$/);
    assert.equal(await hash(ann), await hash(ben));
    await play(ann, ben, WIN);
    await status(ann, "You won");
    await status(ben, "You lost");
    for (const one of [ann, ben]) {
      assert.equal(await one.page.locator(".cell.in-line").count(), 3);
      assert.match(await label(one, 2), /^row 1, column 3, X, .*last move, in the winning line$/);
    }
    await ann.sees(".record li", "Won");
    await ben.sees(".record li", "Lost");
    // A game that is over can be looked at again.
    await ann.page.reload();
    await status(ann, "You won");
    await shows(ann, "XXXOO....");
    await button(ben, "Play again").click();
    await ben.sees(".lobby-state", "Waiting");
    await button(ann, "Play again").click();
    await status(ben, "Your turn");
    await play(ben, ann, DRAW);
    for (const one of [ann, ben]) {
      await status(one, "A draw");
      assert.equal(await one.page.locator(".record li").count(), 2, "each game once");
      one.assertCalm();
    }
  });

  test("a move that is not allowed changes nothing, and says why", async (t) => {
    const [ann, ben] = await pair(t);
    await cell(ben, 0).click({ force: true });
    await ben.sees(".table-note", "It is Ann's turn");
    await cell(ann, 4).click();
    for (const one of [ann, ben]) await shows(one, "....X....");
    await cell(ben, 4).click({ force: true });
    await ben.sees(".table-note", "taken");
    await cell(ann, 4).click({ force: true });
    await cell(ann, 5).click({ force: true });
    await cell(ben, 8).click();
    for (const one of [ann, ben]) await shows(one, "....X...O");
    for (const one of [ann, ben]) one.assertCalm();
  });

  test("the keyboard alone finds, plays and ends a game", async (t) => {
    const [ann, ben] = await people(t, "Ann", "Ben");
    for (const one of [ann, ben]) {
      await one.go("game");
      await button(one, "Find an opponent").focus();
      await one.page.keyboard.press("Enter");
      if (one === ann) await ann.sees(".lobby-state", "Waiting");
    }
    await status(ann, "Your turn");
    const focused = (one) => one.page.evaluate(() => document.activeElement.getAttribute("aria-label"));
    for (const one of [ann, ben]) {
      for (let i = 0; i < 40 && !/^row/.test((await focused(one)) ?? ""); i++) await one.page.keyboard.press("Tab");
      assert.equal(await focused(one), "row 2, column 2, empty");
    }
    const take = async (one, after, ...keys) => {
      for (const key of keys) await one.page.keyboard.press(key);
      for (const each of [ann, ben]) await shows(each, after);
    };
    await take(ann, "....X....", "Enter");
    await ben.sees(".read-out", "Ann took row 2, column 2. Your turn, you are O.");
    await take(ben, "O...X....", "ArrowUp", "ArrowLeft", "ArrowLeft", "Space");
    await take(ann, "O.X.X....", "ArrowUp", "ArrowRight", "Enter");
    await take(ben, "O.XOX....", "ArrowDown", "Enter");
    await take(ann, "O.XOX.X..", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", "Enter");
    await ann.sees(".read-out", "You won. Three in a row.");
    await ben.sees(".read-out", "You lost. Ann has three X in a row.");
    for (const one of [ann, ben]) one.assertCalm();
  });

  test("giving up asks first", async (t) => {
    const [ann, ben] = await pair(t);
    await button(ann, "Give up").click();
    await button(ann, "Play on").click();
    await play(ann, ben, [4]);
    await button(ann, "Give up").click();
    await dialog(ann).getByRole("button", { name: "Give up" }).click();
    await status(ann, "You lost");
    await status(ben, "You won");
    await ben.sees(".table-status", "left or given up");
    for (const one of [ann, ben]) one.assertCalm();
  });

  test("who looks for an opponent can leave it, and a reload goes on looking", async (t) => {
    const [ann, ben] = await people(t, "Ann", "Ben");
    await ann.go("game");
    await button(ann, "Find an opponent").click();
    await ann.sees(".lobby-state", "Waiting");
    await button(ann, "Cancel").click();
    await button(ann, "Find an opponent").waitFor();
    await ben.go("game");
    await button(ben, "Find an opponent").click();
    await ben.sees(".lobby-state", "Waiting");
    await ben.page.reload();
    await ben.sees(".lobby-state", "Waiting");
    // The game begins on whatever page one is.
    await ben.go("people");
    await button(ann, "Find an opponent").click();
    await ben.sees(".nav a", "your turn");
    await ben.go("game");
    await status(ben, "Your turn");
    for (const one of [ann, ben]) one.assertCalm();
  });

  test("an address of somebody else's game says so", async (t) => {
    const [ann, ben] = await pair(t);
    const [eve] = await people(t, "Eve");
    await eve.go((await hash(ann)).slice(2));
    await eve.sees(".game-elsewhere [role=alert]", "somebody else's, or it has ended");
    await button(eve, "Play a game").click();
    await button(eve, "Find an opponent").waitFor();
    for (const one of [ann, ben, eve]) one.assertCalm();
  });

  test("a guest comes back to its game as anybody does", async (t) => {
    const [ann, guest] = await pair(t, "Ann", { name: "Guest", token: null });
    await play(ann, guest, [4, 0]);
    await guest.page.reload();
    await shows(guest, "O...X....");
    await play(ann, guest, [4, 0, 8, 2, 6, 3], { from: 2 });
    await status(guest, "Ann's turn");
    for (const one of [ann, guest]) one.assertCalm();
  });
});

suite("when something dies", { concurrency: false }, () => {
  test("a killed node is survived in mid-game by both pages, which play it to its end", async (t) => {
    const [ann, ben] = await pair(t);
    await play(ann, ben, WIN.slice(0, 2));
    const dying = await ann.node();
    await cluster.signal(cluster.node(dying), "SIGKILL");
    t.after(() => cluster.revive());
    // Not even a move made at that moment is lost, or made twice.
    await cell(ann, WIN[2]).click();
    await ann.connected(dying);
    for (const one of [ann, ben]) await shows(one, "XX.O.....");
    await status(ben, "Your turn");
    await play(ann, ben, WIN, { from: 3 });
    await status(ann, "You won");
    await status(ben, "You lost");
    for (const one of [ann, ben]) one.assertCalm();
  });

  test("a reload in mid-game keeps the place, the board and the last move", async (t) => {
    const [ann, ben] = await pair(t);
    await play(ann, ben, [4, 0, 8]);
    await ann.page.reload();
    await shows(ann, "O...X...X");
    await status(ann, "Ben's turn");
    assert.match(await label(ann, 8), /last move/);
    await play(ann, ben, [4, 0, 8, 2], { from: 3 });
    await status(ann, "Your turn");
    for (const one of [ann, ben]) one.assertCalm();
  });

  test("a move without a connection is honest: it waits, and says so", async (t) => {
    const [ann, ben] = await pair(t);
    await ann.context.setOffline(true);
    await ann.sees(".connection", "Reconnecting");
    await cell(ann, 4).click();
    await shows(ann, "....x....");
    await status(ann, "goes out when the connection is back");
    await away(ben, "Ann");
    await ann.context.setOffline(false);
    for (const one of [ann, ben]) await shows(one, "....X....");
    await status(ben, "Your turn");
    for (const one of [ann, ben]) one.assertCalm();
  });

  test("who closes the page is counted down, and then the other one has won", async (t) => {
    const [ann, ben] = await pair(t);
    await play(ann, ben, [4]);
    await ben.page.close();
    await status(ann, /Ben is away: \d s until you win/);
    await status(ann, "You won");
    await status(ann, "Ben has left");
    await ann.sees(".record li", "by forfeit");
    ann.assertCalm();
  });
});

suite("for everybody", { concurrency: false }, () => {
  for (const { name, options } of LOOKS) {
    test(`nothing keeps anybody out, ${name}`, async (t) => {
      const [ann, ben] = await people(t, { name: "Ann", options }, "Ben");
      await ann.go("game");
      await button(ann, "Find an opponent").waitFor();
      await assertOpenToAll(ann.page, "game");
      await button(ann, "Find an opponent").click();
      await ann.sees(".lobby-state", "Waiting");
      await assertOpenToAll(ann.page, "looking");
      await button(ann, "Cancel").click();
      await begin(ann, ben);
      await assertOpenToAll(ann.page, "one's turn");
      const { width, height } = await cell(ann, 4).boundingBox();
      assert.ok(width >= 44 && height >= 44);
      await play(ann, ben, WIN.slice(0, 4));
      await button(ann, "Give up").click();
      await assertOpenToAll(ann.page, "giving up");
      await button(ann, "Play on").click();
      await ben.context.setOffline(true);
      await away(ann, "Ben");
      await assertOpenToAll(ann.page, "away");
      await ben.context.setOffline(false);
      await status(ann, "Your turn");
      await cell(ann, 2).click();
      await status(ann, "You won");
      await assertOpenToAll(ann.page, "won");
      await ann.go("game/0000000000000000");
      await ann.sees(".game-elsewhere [role=alert]", "somebody else's");
      await assertOpenToAll(ann.page, "elsewhere");
    });
  }
});
