import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { rows, unreadOf } from "./grouping";
import { Log, type Said } from "./log";
import type { Pending } from "./outbox";

const NOON = new Date(2026, 0, 15, 12).getTime();
const MINUTE = 60_000;
let seq = 0;
const said = (at: number, userId = "ann"): Said => ({
  id: `a-${++seq}`, seq, roomName: "lobby", userId, username: userId, text: "hi", timestamp: new Date(at).toISOString(),
});
const shape = (messages: Said[], leftOff = 0, pending: Pending[] = []) => {
  const log = new Log();
  log.add(messages);
  return rows(log.entries, leftOff, { userId: "me", username: "me" }, pending).map((row) =>
    row.kind === "group" ? `${row.userId} ${row.messages.length}${row.pending.length ? ` + ${row.pending.length}` : ""}` : row.kind,
  );
};

suite("what is shown", () => {
  test("one person's messages within minutes are one group", () => {
    seq = 0;
    assert.deepEqual(shape([said(NOON), said(NOON + MINUTE), said(NOON + 2 * MINUTE, "bob"), said(NOON + 3 * MINUTE)]), ["day", "ann 2", "bob 1", "ann 1"]);
    seq = 0;
    assert.deepEqual(shape([said(NOON), said(NOON + 10 * MINUTE)]), ["day", "ann 1", "ann 1"]);
  });

  test("what waits stands where it will be, so that nothing moves when it is said", () => {
    seq = 0;
    const waits = (at: number): Pending => ({ clientId: `c${at}`, roomName: "lobby", text: "hi", at, state: "queued" });
    assert.deepEqual(shape([said(NOON, "me")], 0, [waits(NOON + 1), waits(NOON + 2)]), ["day", "me 1 + 2"]);
    seq = 0;
    assert.deepEqual(shape([said(NOON)], 0, [waits(NOON + 1)]), ["day", "ann 1", "me 0 + 1"]);
    seq = 0;
    assert.deepEqual(shape([said(NOON, "me")], 0, [waits(NOON + 10 * MINUTE)]), ["day", "me 1", "me 0 + 1"]);
  });

  test("days are separated", () => {
    seq = 0;
    assert.deepEqual(shape([said(NOON), said(NOON + 24 * 60 * MINUTE)]), ["day", "ann 1", "day", "ann 1"]);
  });

  test("a line shows where one left off, before what others said", () => {
    seq = 0;
    const messages = [said(NOON), said(NOON + 1), said(NOON + 2, "me"), said(NOON + 3)];
    assert.deepEqual(shape(messages, 1), ["day", "ann 1", "unread", "ann 1", "me 1", "ann 1"]);
    assert.deepEqual(shape(messages, 4), ["day", "ann 2", "me 1", "ann 1"]);
    assert.deepEqual(shape(messages, 2), ["day", "ann 2", "me 1", "unread", "ann 1"]);
  });

  test("what the server has lost is not new, whatever its numbers", () => {
    seq = 0;
    const log = new Log();
    log.add([said(NOON), said(NOON), said(NOON)]);
    log.beginAnew([]);
    log.add([{ ...said(NOON), seq: 1 }, { ...said(NOON), seq: 2 }]);
    assert.equal(unreadOf(log.entries, 1, "me"), 1);
    const kinds = rows(log.entries, 1, { userId: "me", username: "me" }).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["day", "group", "gap", "group", "unread", "group"]);
  });
});
