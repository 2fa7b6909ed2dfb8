import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Said } from "./log";
import * as outbox from "./outbox";

const typed = (clientId: string, text = "hi", state: outbox.Pending["state"] = "queued"): outbox.Pending => ({
  clientId, roomName: "lobby", text, at: 0, state,
});
const said = (seq: number, text = "hi", userId = "ann"): Said => ({
  id: `a-${seq}`, seq, roomName: "lobby", userId, username: userId, text, timestamp: "2026-01-01T00:00:00.000Z",
});
const shown = (box: outbox.Outbox) => outbox.shown(box, "lobby").map(({ clientId, state }) => `${clientId} ${state}`);

suite("what waits to be said", () => {
  test("is said in the order it was typed in, each room by itself", () => {
    const box = [typed("a", "1", "failed"), typed("b"), { ...typed("c"), roomName: "other" }];
    assert.equal(outbox.next(box, "lobby")?.clientId, "b");
    assert.equal(outbox.next(box, "other")?.clientId, "c");
    assert.equal(outbox.next([typed("a", "1", "sending")], "lobby"), undefined);
  });

  test("is shown once when the message comes before the acknowledgement", () => {
    let box = outbox.heard([typed("a", "hi", "sending")], [said(1)], "ann");
    assert.deepEqual(shown(box), []);
    box = outbox.acknowledged(box, "a", 1, true);
    assert.deepEqual(box, []);
  });

  test("is shown once when the acknowledgement comes before the message", () => {
    let box = outbox.acknowledged([typed("a", "hi", "sending")], "a", 1, false);
    assert.deepEqual(shown(box), ["a sent"]);
    box = outbox.heard(box, [said(1)], "ann");
    assert.deepEqual(box, []);
  });

  test("is not taken for the same words of somebody else", () => {
    const box = outbox.heard([typed("a", "hi", "sending")], [said(1, "hi", "bob")], "ann");
    assert.deepEqual(shown(box), ["a sending"]);
  });

  test("is shown again when the same words were said on another device, and ours failed", () => {
    let box = outbox.heard([typed("a", "hi", "sending")], [said(1)], "ann");
    box = outbox.refused(box, "a", { code: "not_a_member", message: "", retryable: false });
    assert.deepEqual(shown(box), ["a failed"]);
  });

  test("twice the same words are two messages", () => {
    let box: outbox.Outbox = [typed("a", "hi", "sending"), typed("b")];
    box = outbox.heard(box, [said(1)], "ann");
    assert.deepEqual(shown(box), ["b queued"]);
    box = outbox.acknowledged(box, "a", 1, true);
    assert.deepEqual(shown(box), ["b queued"]);
  });

  test("waits where no answer came, and is repeated as the same", () => {
    const box = outbox.postponed([typed("a", "hi", "sending")], "a");
    assert.equal(outbox.next(box, "lobby")?.clientId, "a");
  });

  test("survives a reload", () => {
    const box = outbox.revived([typed("a", "1", "sending"), typed("b", "2", "failed"), typed("c", "3", "sent")]);
    assert.deepEqual(shown(box), ["a queued", "b failed"]);
  });
});
