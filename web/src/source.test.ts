// What no page may do, whoever writes it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FORBIDDEN = /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\balert\(|\bconfirm\(|javascript:/;
/** `npm test` runs in `web/`. */
const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".test.ts"));

test("nothing that others wrote can become a part of the page, and nothing is asked in boxes", () => {
  assert.ok(files.length > 20);
  const wrong = files.filter((name) => FORBIDDEN.test(readFileSync(`src/${name}`, "utf8")));
  assert.deepEqual(wrong, []);
});

test("nothing is inlined in the page, which its policy would refuse", () => {
  const page = readFileSync("index.html", "utf8");
  assert.doesNotMatch(page, /style=|<style|<script(?![^>]*src=)|\son\w+=/);
});

/** Once a page was opened, its styles stay for the others. */
test("no two pages style the same class", () => {
  const owners = new Map<string, Set<string>>();
  for (const name of readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".css"))) {
    const rules = readFileSync(`src/${name}`, "utf8").replace(/\/\*.*?\*\//gs, "");
    const selectors = [...rules.matchAll(/([^{}]+)\{/g)].flatMap(([, selectors]) => selectors!.split(","));
    const first = selectors.flatMap((selector) => /^\s*\.([\w-]+)/.exec(selector)?.[1] ?? []);
    const owner = name.startsWith("pages/") ? name.split("/")[1]! : "all";
    for (const styled of first) owners.set(styled, (owners.get(styled) ?? new Set()).add(owner));
  }
  assert.ok(owners.size > 50);
  assert.deepEqual([...owners].filter(([, pages]) => pages.size > 1), []);
});
