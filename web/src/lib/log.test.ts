import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Log, type Said } from "./log";

const said = (seq: number, id = `a-${seq}`): Said => ({
  id, seq, roomName: "lobby", userId: "ann", username: "Ann", text: `text ${seq}`, timestamp: new Date(1e12 + seq * 1000).toISOString(),
});
const kinds = (log: Log) => log.entries.map((entry) => (entry.kind === "message" ? entry.message.seq : entry.kind));
const lost = (log: Log) => log.entries.flatMap((entry) => (entry.kind === "gap" ? [entry.lost] : []));

suite("what was said in a room", () => {
  test("is kept once, however often it is told", () => {
    const log = new Log();
    log.add([said(1), said(2)]);
    assert.deepEqual(log.add([said(1), said(2), said(3)]).map(({ seq }) => seq), [3]);
    assert.deepEqual(kinds(log), [1, 2, 3]);
    assert.equal(log.lastSeq, 3);
  });

  test("begins anywhere without a hole", () => {
    const log = new Log();
    log.add([said(41), said(42)]);
    assert.deepEqual(kinds(log), [41, 42]);
  });

  test("has a mark where something is missing", () => {
    const log = new Log();
    log.add([said(1), said(5)]);
    assert.deepEqual(kinds(log), [1, "gap", 5]);
  });

  test("has a mark where the server says that history has a hole, once", () => {
    const log = new Log();
    log.add([said(1)]);
    log.beginAnew([said(8), said(9)]);
    assert.deepEqual(kinds(log), [1, "gap", 8, 9]);
    assert.deepEqual(lost(log), [false]);
  });

  test("says that the server has nothing any more of what was heard, once", () => {
    const log = new Log();
    log.beginAnew([]);
    log.add([said(1)]);
    log.beginAnew([]);
    log.beginAnew([]);
    log.add([said(2, "b-2")]);
    assert.deepEqual(kinds(log), [1, "gap", 2]);
    assert.deepEqual(lost(log), [true]);
  });

  test("has none where what is held goes on from what was heard", () => {
    const log = new Log();
    log.add([said(1), said(2)]);
    log.beginAnew([said(2), said(3)]);
    assert.deepEqual(kinds(log), [1, 2, 3]);
  });

  test("goes on behind a room of the same name that has begun at one again", () => {
    const log = new Log();
    log.add([said(7), said(8)]);
    log.beginAnew([said(1, "b-1"), said(2, "b-2")]);
    log.add([said(3, "b-3")]);
    assert.deepEqual(kinds(log), [7, 8, "gap", 1, 2, 3]);
    assert.deepEqual(lost(log), [true]);
    assert.equal(log.lastSeq, 3);
  });

  test("does not grow for ever", () => {
    const log = new Log();
    log.add(Array.from({ length: 1_500 }, (_, i) => said(i + 1)));
    assert.equal(log.entries.length, 1_000);
    assert.equal(log.lastSeq, 1_500);
  });
});
