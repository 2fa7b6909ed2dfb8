import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { unreadOf } from "./grouping";
import { Log, type Entry } from "./log";
import { asSaid, conversations, firstMarks, keyOf, marked, markOf, readUpTo, type Whisper } from "./whispers";

const me = { userId: "me", username: "Me" };
const at = (seq: number) => ({ id: `a-${seq}`, seq, text: `text ${seq}`, timestamp: new Date(1e12 + seq * 1000).toISOString() });
const from = (who: string, seq: number): Whisper => ({ ...at(seq), from: who, fromId: who });
const to = (who: string, seq: number): Whisper => ({ ...at(seq), to: who, toId: who });
const logOf = (...whispers: Whisper[]) => {
  const log = new Log();
  hear(log, ...whispers);
  return log;
};
const hear = (log: Log, ...whispers: Whisper[]) => log.add(whispers.map((one) => asSaid(one, me)));
const shape = (entries: readonly Entry[] = []) => entries.map((entry) => (entry.kind === "message" ? entry.message.seq : entry.kind));
const shapes = (log: Log) => Object.fromEntries([...conversations(log.entries)].map(([key, entries]) => [key, shape(entries)]));

suite("conversations of two", () => {
  test("are sorted by the other one, whoever wrote", () => {
    assert.deepEqual(shapes(logOf(from("ann", 1), to("bob", 2), to("ann", 3))), { "@ann": [1, 3], "@bob": [2] });
  });

  test("a history that comes again doubles nothing, and adds what was missed at its place", () => {
    const log = logOf(from("ann", 4), to("ann", 5));
    hear(log, from("ann", 4), to("ann", 5), from("bob", 6), from("ann", 7));
    hear(log, from("ann", 7));
    assert.deepEqual(shapes(log), { "@ann": [4, 5, 7], "@bob": [6] });
  });

  test("a hole is told in each of them, once, where it was", () => {
    const log = logOf(from("ann", 1), from("bob", 2));
    log.beginAnew([]);
    assert.deepEqual(shapes(log), { "@ann": [1, "gap"], "@bob": [2, "gap"] });
    hear(log, from("ann", 9), from("ann", 10), from("cy", 11));
    assert.deepEqual(shapes(log), { "@ann": [1, "gap", 9, 10], "@bob": [2, "gap"], "@cy": ["gap", 11] });
  });

  test("more was missed than is kept: that is a hole", () => {
    const log = logOf(from("ann", 1));
    hear(log, from("ann", 300));
    assert.deepEqual(shapes(log), { "@ann": [1, "gap", 300] });
  });

  test("with oneself there is each message once", () => {
    assert.deepEqual(shapes(logOf(from("me", 1), to("me", 2))), { "@me": [2] });
  });

  test("nobody's can be taken for everyone's", () => assert.notEqual(keyOf("everyone"), "everyone"));
});

suite("what is unread", () => {
  const unread = (log: Log, key: string, mark: number) => {
    const entries = conversations(log.entries).get(key) ?? [];
    return unreadOf(entries, readUpTo(entries, mark, me.userId), me.userId);
  };

  test("is what others wrote after what was read", () => {
    const log = logOf(from("ann", 1), from("ann", 2), from("bob", 3), from("ann", 4));
    assert.equal(unread(log, "@ann", 0), 3);
    assert.equal(unread(log, "@ann", 2), 1);
    assert.equal(unread(log, "@bob", 3), 0);
  });

  test("ends with an answer, on whatever device it was written", () => {
    assert.equal(unread(logOf(from("ann", 1), from("ann", 2), to("ann", 3)), "@ann", 0), 0);
    assert.equal(unread(logOf(from("ann", 1), to("bob", 2)), "@ann", 0), 1);
  });

  test("marks go forward only", () => {
    const marks = marked({ of: {} }, "@ann", 7);
    assert.equal(markOf(marked(marks, "@ann", 0), "@ann"), 7);
    assert.equal(markOf(marked(marks, "@ann", 9), "@ann"), 9);
    assert.equal(marked(marks, "@ann", 7), marks);
  });

  test("on a new device, what came before one's last word is not new", () => {
    const log = logOf(from("ann", 1), to("bob", 2), from("ann", 3));
    const marks = firstMarks(40, log.entries, me.userId);
    assert.equal(unread(log, "@ann", markOf(marks, "@ann")), 1);
    assert.equal(markOf(marks, "everyone"), 40);
  });
});
