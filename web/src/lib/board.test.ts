import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Board, extent, type Picture } from "./board";
import { onDark } from "./ink";
import { Smoother, pieces } from "./stroke";

const pen = { color: "#000000", width: 2, erase: false };
const at = (x: number) => [x, 0, x, 9];
const empty: Picture = { seq: 0, total: 0, limit: 20_000, pens: [], strokes: [] };
const opened = (picture: Partial<Picture> = {}) => {
  const board = new Board("me");
  board.replaced({ ...empty, ...picture });
  return board;
};
const hear = (board: Board, seq: number, x = seq, more = {}) => board.heard({ seq, userId: "ann", color: "#000000", stroke: `a-${x}`, points: at(x), ...more });
const draw = (board: Board, x: number, stroke = `m-${x}`) => board.draw({ ...pen, clientId: `c-${x}`, stroke, points: at(x) });
/** What is seen, from below to above. */
const seen = (board: Board) => [...board.lines.filter(board.shows), ...board.pending].map(({ points }) => points[0]);

suite("a board has one order", () => {
  test("own lines are on top until their place is known", () => {
    const board = opened();
    draw(board, 5);
    board.next();
    hear(board, 1);
    hear(board, 3, 30);
    assert.deepEqual(seen(board), [1, 30, 5]);
    const change = board.acknowledged("c-5", 2);
    assert.deepEqual(seen(board), [1, 5, 30]);
    assert.equal(change.all, false, "nothing above it touches it");
    assert.equal(board.total, 3);
  });

  test("a line that goes below one that touches it changes the picture", () => {
    const board = opened();
    draw(board, 5);
    board.next();
    hear(board, 2, 5);
    assert.equal(board.acknowledged("c-5", 1).all, true);
  });

  test("an acknowledgement may overtake what came before it", () => {
    const board = opened();
    draw(board, 5);
    board.next();
    board.acknowledged("c-5", 2);
    hear(board, 1);
    assert.deepEqual(seen(board), [1, 5]);
  });

  test("what is told twice is there once", () => {
    const board = opened();
    hear(board, 1);
    hear(board, 1);
    assert.deepEqual([seen(board), board.total], [[1], 1]);
  });
});

suite("a clear", () => {
  test("removes what is before it and nothing else", () => {
    const board = opened();
    draw(board, 5);
    draw(board, 6);
    board.next();
    hear(board, 1);
    board.heardClear(3);
    assert.deepEqual(seen(board), [5, 6], "nobody knows yet");
    board.acknowledged("c-5", 2);
    board.acknowledged("c-6", 4);
    assert.deepEqual(seen(board), [6]);
    assert.equal(board.total, 2);
  });

  test("that one's acknowledgement has overtaken leaves what is after it", () => {
    const board = opened();
    draw(board, 5);
    board.next();
    board.acknowledged("c-5", 4);
    board.heardClear(3);
    assert.deepEqual(seen(board), [5]);
  });

  test("makes room", () => {
    const board = opened({ total: 20_000 });
    draw(board, 5);
    board.next();
    board.refused("c-5", { code: "full" });
    assert.deepEqual([board.full, board.nearlyFull, seen(board)], [true, true, []]);
    board.heardClear(9);
    assert.deepEqual([board.full, board.nearlyFull], [false, false]);
  });

  test("is not repeated when it may have been heard", () => {
    const board = opened();
    board.clear("c");
    assert.equal(board.next().length, 1);
    board.postponed("c");
    assert.deepEqual(board.ops, []);
  });
});

suite("taking back", () => {
  test("what nobody has heard of needs no words", () => {
    const board = opened();
    draw(board, 5);
    board.undo(board.last!, "u");
    assert.deepEqual([board.ops, board.last], [[], undefined]);
  });

  test("is seen at once, waits for its lines, and hides them all", () => {
    const board = opened();
    draw(board, 5, "m");
    board.next();
    draw(board, 6, "m");
    board.undo("m", "u");
    assert.deepEqual(seen(board), []);
    assert.deepEqual(board.next(), [], "its line is under way");
    board.acknowledged("c-5", 1);
    assert.deepEqual(seen(board), []);
    assert.deepEqual(board.next().map(({ kind }) => kind), ["undo"]);
    board.acknowledged("u", 2);
    assert.deepEqual([board.lines, board.ops], [[], []]);
  });

  test("that is refused shows it again", () => {
    const board = opened({ pens: [["#000000", 2, "me", 0]], strokes: [[0, "m", ...at(1)]] });
    board.undo(board.last!, "u");
    assert.deepEqual(seen(board), []);
    board.next();
    board.refused("u", { code: "full" });
    assert.deepEqual(seen(board), [1]);
  });

  test("on another device reaches what is acknowledged later", () => {
    const board = opened();
    draw(board, 5, "m");
    board.next();
    board.heardUndo({ seq: 2, userId: "me", stroke: "m" });
    board.acknowledged("c-5", 1);
    assert.deepEqual(seen(board), []);
  });

  test("is of one's own only, of others by their own", () => {
    const board = opened({ pens: [["#000000", 2, "ann", 0]], strokes: [[0, "a", ...at(1)]] });
    hear(board, 2);
    assert.equal(board.last, undefined);
    board.heardUndo({ seq: 3, userId: "bob", stroke: "a-2" });
    assert.deepEqual(seen(board), [1, 2]);
    board.heardUndo({ seq: 4, userId: "ann", stroke: "a-2" });
    assert.deepEqual(seen(board), [1]);
  });
});

suite("away and back", () => {
  test("the picture replaces everything but what is pending", () => {
    const board = opened();
    hear(board, 1);
    draw(board, 5);
    board.replaced({ ...empty, seq: 9, pens: [["#000000", 2, "ann", 0]], strokes: [[0, null, ...at(7)]] });
    assert.deepEqual(seen(board), [7, 5]);
    assert.deepEqual(board.next().map(({ clientId }) => clientId), ["c-5"]);
  });

  test("what the picture holds already is not sent again", () => {
    const board = opened();
    draw(board, 5, "m");
    board.next();
    board.postponed("c-5");
    board.replaced({ ...empty, seq: 9, pens: [["#000000", 2, "me", 0]], strokes: [[0, "m", 0, 0, ...at(5), 7, 7]] });
    assert.deepEqual([seen(board), board.ops], [[0], []]);
  });

  test("what was heard before the picture is not added to it", () => {
    const board = opened();
    draw(board, 5);
    board.next();
    board.replaced({ ...empty, seq: 9 });
    board.acknowledged("c-5", 4);
    assert.deepEqual([seen(board), board.total], [[], 0]);
  });

  test("what is drawn meanwhile waits, in few pieces, and keeps its names", () => {
    const board = opened();
    for (let i = 0; i < 200; i++) board.draw({ ...pen, clientId: `c-${i}`, stroke: "m", points: [i, 0, i + 1, 0] });
    assert.equal(board.waiting, 1);
    assert.equal(board.ops.length, 2);
    const [first] = board.next();
    board.postponed(first!.clientId);
    board.draw({ ...pen, clientId: "c-x", stroke: "m", points: [200, 0, 201, 0] });
    assert.equal(board.next()[0]!.clientId, first!.clientId);
  });

  test("is kept over a reload", () => {
    const board = opened();
    draw(board, 5);
    board.next();
    const later = new Board("me");
    later.revive(JSON.parse(JSON.stringify(board.ops)));
    later.replaced(empty);
    assert.deepEqual(later.next().map(({ clientId }) => clientId), ["c-5"]);
  });
});

suite("lines", () => {
  test("are smooth, begin and end where the hand did, and their pieces hold together", () => {
    const line = new Smoother(0, 0, 1);
    const all: number[] = [];
    for (let i = 1; i <= 40; i++) {
      line.add(i * 10, 30 * Math.sin(i));
      if (i % 7 === 0) {
        const piece = line.take()!;
        if (all.length) assert.deepEqual(piece.slice(0, 2), all.slice(-2));
        all.push(...piece.slice(all.length ? 2 : 0));
      }
    }
    all.push(...line.rest.slice(2));
    assert.deepEqual([all.slice(0, 2), all.at(-2)], [[0, 0], 400]);
    assert.ok(all.every((number) => Number.isInteger(Math.round(number * 10)) && Math.abs(number * 10 - Math.round(number * 10)) < 1e-9));
    const parts = pieces(all, 16);
    assert.ok(parts.every((part) => part.length >= 4 && part.length <= 16));
    assert.deepEqual(parts.flatMap((part, i) => (i ? part.slice(2) : part)), all);
  });

  test("a hand that does not move makes a dot", () => assert.deepEqual(new Smoother(3, 4, 1).rest, [3, 4, 3, 4]));

  test("an eraser makes nothing larger", () => {
    const line = { ...pen, points: [0, 0, 10, 10] };
    assert.deepEqual(extent([line, { ...line, erase: true, points: [99, 99, 99, 99] }]), [-2, -2, 12, 12]);
    assert.equal(extent([]), null);
  });

  test("nothing vanishes on dark paper", () => {
    for (const color of ["#000000", "#1b1f27", "#00008b"]) assert.notEqual(onDark(color), color);
    assert.equal(onDark("#ffcc00"), "#ffcc00");
    assert.equal(onDark("#000000"), "#ffffff");
  });
});
