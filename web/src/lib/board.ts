// A board: what is drawn on it in the order of `seq`, and what of one's own is not known to be there yet.
import type { Failure } from "./connection";

/** Numbers of one `draw`. */
export const MOST_NUMBERS = 256;
/** How many may be under way at once. */
const UNDER_WAY = 16;
/** From here on the limit is shown. */
const NEAR = 0.9;

export interface Pen {
  color: string;
  width: number;
  erase: boolean;
}
type Box = readonly [left: number, top: number, right: number, bottom: number];

/** `x, y, x, y, …`, with one pen. */
export interface Line extends Pen {
  seq: number;
  userId: string;
  stroke: string | null;
  points: readonly number[];
  box: Box;
}

export interface Picture {
  seq: number;
  total: number;
  limit: number;
  pens: [color: string, width: number, userId: string, erase: 0 | 1][];
  strokes: [pen: number, stroke: string | null, ...points: number[]][];
}

/** As others hear of it: in one form or the other. */
export interface Drawn {
  seq: number;
  userId: string;
  color: string;
  width?: number;
  erase?: boolean;
  stroke?: string;
  points?: number[];
  x1?: number;
  y1?: number;
  x2?: number;
  y2?: number;
}

interface Sendable {
  clientId: string;
  state: "queued" | "sending";
  /** It may have been heard: it is found in the picture, or repeated under the same `clientId`. */
  tried: boolean;
}
export interface DrawOp extends Sendable, Pen {
  kind: "draw";
  stroke: string;
  points: readonly number[];
}
export interface UndoOp extends Sendable {
  kind: "undo";
  stroke: string;
}
export interface ClearOp extends Sendable {
  kind: "clear";
}
export type Op = DrawOp | UndoOp | ClearOp;

/** What became different: all of the picture, or lines were added on top of it. Else only what is pending. */
export type Change = { all: true } | { all: false; added: readonly Line[] };
const ALL: Change = { all: true };
const NONE: Change = { all: false, added: [] };

export class Board {
  lines: Line[] = [];
  ops: Op[] = [];
  total = 0;
  limit = 0;
  /** A line was refused for it; until the board is cleared. */
  full = false;
  /** Own strokes that are taken back, though nobody has said so yet. */
  readonly #hidden = new Set<string>();
  /** The picture holds all up to here. */
  #base = 0;
  #heard = 0;
  #cleared = 0;
  readonly #undone = new Map<string, number>();

  constructor(readonly me: string) {}

  // ---- what is told ----------------------------------------------------------------------------

  /** In place of everything but what is still pending. */
  replaced({ seq, total, limit, pens, strokes }: Picture): Change {
    this.#base = this.#heard = seq;
    this.#cleared = 0;
    this.#undone.clear();
    this.total = total;
    this.limit = limit;
    this.full = false;
    this.lines = strokes.map(([pen, stroke, ...points]) => {
      const [color, width, userId, erase] = pens[pen]!;
      return lineOf({ seq, userId, stroke, color, width, erase: erase === 1, points });
    });
    const there = new Map<string, Line[]>();
    for (const line of this.lines) if (line.stroke !== null) push(there, line.stroke, line);
    const isThere = (op: Op) => op.kind === "draw" && op.tried && there.get(op.stroke)?.some((line) => holds(line, op));
    this.ops = this.ops.filter((op) => !isThere(op));
    return ALL;
  }

  heard(drawn: Drawn): Change {
    if (!this.#isNew(drawn.seq)) return NONE;
    this.total++;
    const { seq, userId, color, width = 2, erase = false, stroke = null } = drawn;
    const points = drawn.points ?? [drawn.x1!, drawn.y1!, drawn.x2!, drawn.y2!];
    return this.#insert(lineOf({ seq, userId, color, width, erase, stroke, points }));
  }

  heardUndo({ seq, userId, stroke }: { seq: number; userId: string; stroke: string }): Change {
    if (!this.#isNew(seq)) return NONE;
    this.total++;
    return this.#undo(seq, userId, stroke);
  }

  /** One's own clears are told, too. */
  heardClear(seq: number): Change {
    if (!this.#isNew(seq)) return NONE;
    return this.#clear(seq);
  }

  #isNew(seq: number): boolean {
    if (seq <= this.#heard) return false;
    this.#heard = seq;
    return true;
  }

  #clear(seq: number): Change {
    if (seq <= Math.max(this.#base, this.#cleared)) return NONE;
    this.#cleared = seq;
    this.lines = this.lines.filter((line) => line.seq > seq);
    this.total = 1 + this.lines.length;
    this.full = false;
    return ALL;
  }

  #undo(seq: number, userId: string, stroke: string): Change {
    const key = keyOf(userId, stroke);
    this.#undone.set(key, Math.max(seq, this.#undone.get(key) ?? 0));
    const before = this.lines.length;
    this.lines = this.lines.filter((line) => line.seq > seq || line.stroke !== stroke || line.userId !== userId);
    return this.lines.length === before ? NONE : ALL;
  }

  /** A line at its place. If nothing that is above it touches it, it may be painted last as well. */
  #insert(line: Line): Change {
    let at = this.lines.length;
    let free = true;
    while (at > 0 && this.lines[at - 1]!.seq > line.seq) free &&= !touch(this.lines[--at]!.box, line.box);
    if (at === this.lines.length) this.lines.push(line);
    else this.lines.splice(at, 0, line);
    if (!this.shows(line)) return NONE;
    return free ? { all: false, added: [line] } : ALL;
  }

  // ---- what one does ---------------------------------------------------------------------------

  /** It waits until it is acknowledged. What was not sent yet grows. */
  draw(op: Pick<DrawOp, "clientId" | "stroke" | "color" | "width" | "erase" | "points">): void {
    const last = this.ops.at(-1);
    const grows = last?.kind === "draw" && last.state === "queued" && !last.tried && last.stroke === op.stroke;
    if (grows && last.points.length + op.points.length - 2 <= MOST_NUMBERS && follows(last.points, op.points)) {
      this.ops[this.ops.length - 1] = { ...last, points: [...last.points, ...op.points.slice(2)] };
    } else this.ops.push({ ...op, kind: "draw", state: "queued", tried: false });
  }

  /** The own stroke that was drawn last. */
  get last(): string | undefined {
    for (let i = this.ops.length - 1; i >= 0; i--) {
      const op = this.ops[i]!;
      if (op.kind === "clear") return undefined;
      if (op.kind === "draw" && this.#mayUndo(op.stroke)) return op.stroke;
    }
    for (let i = this.lines.length - 1; i >= 0; i--) {
      const { userId, stroke } = this.lines[i]!;
      if (userId === this.me && stroke !== null && this.#mayUndo(stroke)) return stroke;
    }
    return undefined;
  }

  #mayUndo = (stroke: string) => !this.#hidden.has(stroke);

  /** Takes back a stroke: at once here, and for all once it is said. What nobody has heard of needs no words. */
  undo(stroke: string, clientId: string): Change {
    const isOfIt = (op: Op) => op.kind === "draw" && op.stroke === stroke;
    const unheard = (op: Op) => isOfIt(op) && !op.tried;
    const heardOf = this.ops.some((op) => isOfIt(op) && op.tried) || this.lines.some((line) => this.#isMine(line, stroke));
    this.ops = this.ops.filter((op) => !unheard(op));
    if (!heardOf) return NONE;
    this.#hidden.add(stroke);
    this.ops.push({ kind: "undo", stroke, clientId, state: "queued", tried: false });
    return ALL;
  }

  clear(clientId: string): void {
    this.ops.push({ kind: "clear", clientId, state: "queued", tried: false });
  }

  // ---- sending ---------------------------------------------------------------------------------

  /** What goes out now. `undo` and `clear` wait for all before them, and all after waits for them. */
  next(): Op[] {
    const out: Op[] = [];
    let underWay = this.ops.filter(({ state }) => state === "sending").length;
    for (const [i, op] of this.ops.entries()) {
      const barrier = op.kind !== "draw";
      if (barrier && i > 0) break;
      if (op.state === "queued" && underWay < UNDER_WAY) {
        const sent: Op = { ...op, state: "sending", tried: true };
        this.ops[i] = sent;
        out.push(sent);
        underWay++;
      }
      if (barrier) break;
    }
    return out;
  }

  acknowledged(clientId: string, seq: number): Change {
    const op = this.#take(clientId);
    if (!op) return NONE;
    if (op.kind === "clear") return this.#clear(seq);
    if (seq <= this.#base) return this.#settled(op); // The picture knows.
    if (seq > this.#cleared) this.total++;
    if (op.kind === "undo") {
      this.#undo(seq, this.me, op.stroke);
      return this.#settled(op);
    }
    if (seq < this.#cleared || seq < (this.#undone.get(keyOf(this.me, op.stroke)) ?? 0)) return NONE;
    const { stroke, color, width, erase, points } = op;
    return this.#insert(lineOf({ seq, userId: this.me, stroke, color, width, erase, points }));
  }

  /** It is not there, and will not be. */
  refused(clientId: string, { code }: Pick<Failure, "code">): Change {
    const op = this.#take(clientId);
    if (!op) return NONE;
    if (code === "full") this.full = true;
    return this.#settled(op);
  }

  /** No way to know: it is repeated. But for a clear: meanwhile others may have drawn what nobody wanted cleared. */
  postponed(clientId: string): void {
    const at = this.ops.findIndex((op) => op.clientId === clientId);
    const op = this.ops[at];
    if (op?.kind === "clear") this.ops.splice(at, 1);
    else if (op) this.ops[at] = { ...op, state: "queued" };
  }

  #take(clientId: string): Op | undefined {
    const at = this.ops.findIndex((op) => op.clientId === clientId);
    return at < 0 ? undefined : this.ops.splice(at, 1)[0];
  }

  /** A stroke is hidden for as long as its undo is pending. */
  #settled(op: Op): Change {
    if (op.kind !== "undo") return NONE;
    this.#hidden.delete(op.stroke);
    return ALL;
  }

  /** After a reload. */
  revive(ops: readonly Op[]): void {
    this.ops = ops.filter(({ kind }) => kind !== "clear").map((op) => ({ ...op, state: "queued", tried: true }));
    for (const op of this.ops) if (op.kind === "undo") this.#hidden.add(op.stroke);
  }

  // ---- what is to be seen ----------------------------------------------------------------------

  shows = (line: Line) => !(line.stroke !== null && this.#hidden.has(line.stroke) && this.#isMine(line, line.stroke));

  /** Own lines on top of the picture. */
  get pending(): DrawOp[] {
    return this.ops.filter((op): op is DrawOp => op.kind === "draw" && !this.#hidden.has(op.stroke));
  }

  /** Strokes that are not known to be there. */
  get waiting(): number {
    return new Set(this.ops.map((op) => (op.kind === "clear" ? "" : op.stroke))).size;
  }

  /** How many strokes are to be seen. */
  get strokes(): number {
    const named = new Set<string>();
    let nameless = 0;
    for (const line of this.lines) {
      if (!this.shows(line)) continue;
      if (line.stroke === null) nameless++;
      else named.add(keyOf(line.userId, line.stroke));
    }
    for (const { stroke } of this.pending) named.add(keyOf(this.me, stroke));
    return named.size + nameless;
  }

  get nearlyFull(): boolean {
    return this.full || (this.limit > 0 && this.total >= NEAR * this.limit);
  }

  #isMine = (line: Line, stroke: string | null) => line.stroke === stroke && line.userId === this.me;
}

const keyOf = (userId: string, stroke: string) => `${userId}\n${stroke}`;

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

const follows = (before: readonly number[], points: readonly number[]) =>
  before.at(-2) === points[0] && before.at(-1) === points[1];

/** The points of `op` stand in `line`, one after the other. */
function holds(line: Line, op: DrawOp): boolean {
  const last = line.points.length - op.points.length;
  for (let at = 0; at <= last; at += 2) if (op.points.every((number, i) => line.points[at + i] === number)) return true;
  return false;
}

export function lineOf(line: Omit<Line, "box">): Line {
  return { ...line, box: boxOf(line.points, line.width) };
}

export function boxOf(points: readonly number[], width: number): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [points[i]!, points[i + 1]!];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const half = width / 2 + 1;
  return [left - half, top - half, right + half, bottom + half];
}

export const touch = (a: Box, b: Box) => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];

/** What all of them are within; an eraser leaves nothing. */
export function extent(lines: readonly (Pen & { points: readonly number[] })[]): Box | null {
  let all: Box | null = null;
  for (const { points, width, erase } of lines) {
    if (erase) continue;
    const box = boxOf(points, width);
    all = all ? [Math.min(all[0], box[0]), Math.min(all[1], box[1]), Math.max(all[2], box[2]), Math.max(all[3], box[3])] : box;
  }
  return all;
}
