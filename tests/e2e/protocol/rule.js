// `rule` is `test`, for files that have rules in `expected-failures.js`.

import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { EXPECTED_FAILURES } from "./expected-failures.js";

/** `{rule, theListIsTrue}` for the file `url`; `theListIsTrue` is called after its last rule. */
export function rulesOf(url) {
  const expected = EXPECTED_FAILURES[basename(fileURLToPath(url), ".test.js")] ?? {};
  const seen = new Set();
  const passed = new Set();

  function rule(name, check) {
    const known = expected[name];
    if (!known) return test(name, check);
    seen.add(name);
    return test(name, { todo: known.why }, async (t) => {
      await Promise.resolve(check(t)).catch((error) => {
        // In one line: it is what was expected.
        const short = new Error(error.message.replace(/\s*\n\s*/g, " "));
        short.stack = short.message;
        throw short;
      });
      passed.add(name);
      t.diagnostic("passes, although it stands in expected-failures.js");
    });
  }

  function theListIsTrue() {
    test("each rule in the list of expected failures exists and fails, but for what is a matter of time", () => {
      const names = Object.keys(expected);
      assert.deepEqual(names.filter((name) => !seen.has(name)), [], "there is no such rule");
      const better = names.filter((name) => passed.has(name) && !expected[name].sometimes);
      assert.deepEqual(better, [], "these pass now: take them off the list");
    });
  }

  return { rule, theListIsTrue };
}
