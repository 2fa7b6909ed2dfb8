import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { change, leaders, newer, order, outcome, shares, tell, type Poll, type Standings } from "./standing";

const poll = (id: string, at = 0, closed = false): Poll => ({
  id, question: `${id}?`, options: ["yes", "no"], createdBy: "ann", username: "Ann", createdAt: new Date(1e12 + at * 1000).toISOString(), closed,
});
const none: Standings = new Map();

suite("how a poll stands", () => {
  test("is what the telling with most votes says, whichever comes last", () => {
    let all = tell(none, "p", { poll: poll("p"), counts: [1, 0] });
    all = tell(all, "p", { counts: [2, 3] });
    all = tell(all, "p", { counts: [2, 2] });
    assert.deepEqual(all.get("p")?.counts, [2, 3]);
    assert.deepEqual(newer(null, undefined), null);
  });

  test("stays closed, whatever is told late", () => {
    let all = tell(none, "p", { poll: poll("p") });
    all = tell(all, "p", { closed: true, counts: [1, 1] });
    all = tell(all, "p", { poll: poll("p"), counts: [1, 0], asked: { voted: 0 } });
    assert.equal(all.get("p")?.poll.closed, true);
    assert.deepEqual(all.get("p")?.counts, [1, 1]);
    assert.equal(all.get("p")?.voted, 0);
  });

  test("keeps one's own vote, which an older answer does not know yet", () => {
    let all = tell(none, "p", { poll: poll("p"), asked: { voted: 1 } });
    all = tell(all, "p", { asked: { voted: null } });
    assert.equal(all.get("p")?.voted, 1);
  });

  test("of polls that are not known here is nothing", () => {
    assert.equal(tell(none, "p", { counts: [1, 0] }), none);
    assert.equal(change(none, "p", { voted: 1 }), none);
  });

  test("a list that comes again does not forget what is known", () => {
    let all = tell(none, "p", { poll: poll("p"), counts: [4, 0], asked: { voted: 0 } });
    all = tell(all, "p", { poll: poll("p") });
    assert.deepEqual(all.get("p"), { poll: poll("p"), counts: [4, 0], asked: true, voted: 0, closing: undefined });
  });
});

test("open polls come first, then the newest", () => {
  let all = none;
  for (const one of [poll("old", 1), poll("done", 9, true), poll("new", 5), poll("done before", 2, true)]) all = tell(all, one.id, { poll: one });
  assert.deepEqual(order(all).map(({ poll }) => poll.id), ["new", "old", "done", "done before"]);
});

suite("shares", () => {
  test("are together 100", () => {
    assert.deepEqual(shares([1, 1, 1]), [34, 33, 33]);
    assert.deepEqual(shares([2, 1]), [67, 33]);
    for (const counts of [[1, 2, 4], [1, 1, 1, 1, 1, 1], [999, 1, 1], [7]]) assert.equal(shares(counts).reduce((a, b) => a + b), 100, counts.join());
  });

  test("of nothing are nothing", () => assert.deepEqual(shares([0, 0]), [0, 0]));

  test("the leaders are those with most votes", () => {
    assert.deepEqual(leaders([3, 1, 3]), [0, 2]);
    assert.deepEqual(leaders([0, 0]), []);
    assert.deepEqual(leaders(null), []);
  });
});

test("what a vote became is said by the answer", () => {
  const failure = (code: string, retryable = false) => ({ code, message: "", retryable });
  assert.equal(outcome(undefined), "counted");
  assert.equal(outcome(failure("already_voted")), "ask");
  assert.equal(outcome(failure("no_answer", true)), "wait");
  assert.equal(outcome(failure("poll_closed")), "failed");
});
