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
