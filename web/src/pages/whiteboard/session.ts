// Being on a board: hears it, and sends what is drawn here until it is known to be there.
import { batch, signal } from "@preact/signals";
import { Board, MOST_NUMBERS, type Change, type Drawn, type Line, type Op, type Pen, type Picture } from "../../lib/board";
import { me } from "../../lib/identity";
import { newId } from "../../lib/ids";
import { openNamespace, type Namespace } from "../../lib/namespace";
import { session as signedIn } from "../../lib/session";
import { tab } from "../../lib/storage";
import { pieces } from "../../lib/stroke";
import { explain } from "../../lib/words";

const RETRY_MS = 700;
/** What was drawn last may be on its way when one leaves. */
const LINGER_MS = 3_000;
const CURSOR_EVERY_MS = 50;
const CURSOR_AGAIN_MS = 5_000;
const CURSOR_GONE_MS = 10_000;
const COUNT_EVERY_MS = 200;
/** For how long something that happened is shown. */
const NOTICE_MS = 6_000;

export interface Cursor {
  userId: string;
  username: string;
  x: number;
  y: number;
  at: number;
}

/** Strokes of this page; no other page's are called so. */
const LIFE = newId(6);
let strokes = 0;
export const nameStroke = () => `${LIFE}-${++strokes}`;

let lingering: (() => void) | null = null;

export class BoardSession {
  readonly board: Board;
  readonly connected = signal(false);
  /** The board has been shown once. */
  readonly opened = signal(false);
  /** Why one may not be here, in the server's words. */
  readonly refused = signal("");
  readonly cursors = signal<ReadonlyMap<string, Cursor>>(new Map());
  readonly notice = signal("");
  /** What the tools say of the board; told a few times a second at most. */
  readonly facts = signal({ strokes: 0, waiting: 0, total: 0, limit: 0, full: false, near: false, canUndo: false });
  /** The picture is a different one. */
  onChange: (change: Change) => void = () => {};
  /** The board is shown for the first time. */
  onOpen: () => void = () => {};

  /** Of whom it was opened by, also when that one signs out meanwhile. */
  readonly #key: string;
  readonly #namespace: Namespace;
  #closed = false;
  #counting: ReturnType<typeof setTimeout> | undefined;
  #noticeEnds: ReturnType<typeof setTimeout> | undefined;
  #pausedUntil = 0;
  readonly #tick: ReturnType<typeof setInterval>;

  constructor(readonly name: string) {
    lingering?.();
    this.#key = `board.${me.value?.userId ?? ""}.${name}`;
    this.board = new Board(me.value?.userId ?? "");
    this.board.revive(tab.get<Op[]>(this.#key, []));
    this.#namespace = openNamespace("/whiteboard", { roomId: name });
    const { socket } = this.#namespace;
    // What was on its way from the board before is not of this one.
    let alive = false;
    let entered = false;
    socket.on("connect", () => {
      alive = true;
      entered = false;
      this.refused.value = "";
    });
    socket.on("disconnect", () => {
      alive = entered = false;
      batch(() => {
        this.connected.value = false;
        this.cursors.value = new Map();
      });
      this.keep();
    });
    socket.on("connect_error", (error: Error) => (this.refused.value = socket.active ? "" : error.message));
    socket.on("error", ({ code, message }: { code?: string; message?: string }) => {
      if (code === "not_authorized") this.refused.value = message ?? code;
    });
    socket.on("drawing-state", (_draws: Drawn[], picture: Picture) => {
      if (!alive) return;
      entered = true;
      this.#changed(this.board.replaced(picture));
      const first = !this.opened.value;
      batch(() => (this.connected.value = this.opened.value = true));
      if (first) this.onOpen();
      this.#count();
      this.pump();
    });
    const hears = <T>(handle: (told: T) => void) => (told: T) => entered && handle(told);
    socket.on("draw", hears((drawn: Drawn) => this.#changed(this.board.heard(drawn))));
    socket.on("undone", hears((undone: { seq: number; userId: string; stroke: string }) => this.#changed(this.board.heardUndo(undone))));
    socket.on("board-cleared", hears(({ seq, userId, username }: { seq: number; userId: string; username: string }) => {
      this.#changed(this.board.heardClear(seq));
      this.say(userId === this.board.me ? "You cleared the board" : `${username} cleared the board`);
      this.pump();
    }));
    socket.on("cursor-move", hears((cursor: Cursor) => this.#setCursor(cursor.userId, { ...cursor, at: Date.now() })));
    socket.on("cursor-remove", hears(({ userId }: { userId: string }) => this.#setCursor(userId, null)));
    this.#tick = setInterval(() => this.#forgetCursors(), 1_000);
    addEventListener("pagehide", this.keep);
  }

  /** What is not known to be there survives a reload. */
  readonly keep = () => tab.set(this.#key, this.board.ops.length ? this.board.ops : null);

  /** What is under way may arrive; the rest is sent when one is back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onChange = () => {};
    clearInterval(this.#tick);
    clearTimeout(this.#counting);
    clearTimeout(this.#noticeEnds);
    this.removeCursor();
    this.pump();
    this.keep();
    const end = () => {
      clearTimeout(timer);
      lingering = null;
      this.keep();
      removeEventListener("pagehide", this.keep);
      this.#namespace.close();
    };
    const timer = setTimeout(end, LINGER_MS);
    lingering = end;
    this.#whenEmpty = end;
    if (!this.board.ops.length || !this.#namespace.socket.connected) end();
  }
  #whenEmpty: (() => void) | null = null;

  // ---- drawing ---------------------------------------------------------------------------------

  draw(stroke: string, pen: Pen, points: readonly number[]): void {
    for (const piece of pieces(points, MOST_NUMBERS)) this.board.draw({ clientId: newId(), stroke, ...pen, points: piece });
    this.#changed(NOTHING);
    this.pump();
  }

  undo(): void {
    const stroke = this.board.last;
    if (stroke === undefined) return;
    this.#changed(this.board.undo(stroke, newId()));
    this.pump();
  }

  clear(): void {
    this.board.clear(newId());
    this.pump();
  }

  /** Sends what may be sent now. */
  readonly pump = () => {
    if (!this.connected.value || !this.#namespace.socket.connected || Date.now() < this.#pausedUntil) return;
    for (const op of this.board.next()) void this.#send(op);
    this.#count();
  };

  async #send(op: Op): Promise<void> {
    const { kind, clientId } = op;
    const answer = await this.#namespace.ask<{ seq: number }>(...wordsOf(op));
    if (answer.ok) this.#changed(this.board.acknowledged(clientId, answer.seq));
    else if (answer.error.retryable) {
      this.board.postponed(clientId);
      if (kind === "clear") this.say("No answer came: the board may or may not be cleared. Look, and clear it again if need be.");
      this.#pausedUntil = Date.now() + RETRY_MS;
      setTimeout(this.pump, RETRY_MS + 10);
    } else {
      this.#changed(this.board.refused(clientId, answer.error));
      const { code } = answer.error;
      if (code === "not_authorized") this.refused.value = answer.error.message;
      else if (kind === "undo") this.say(`Not taken back: ${code === "full" ? "the board is full" : explain(answer.error)}`);
      else if (code !== "full") this.say(`Not drawn: ${explain(answer.error)}`);
    }
    this.pump();
    if (this.#closed && !this.board.ops.length) this.#whenEmpty?.();
  }

  // ---- cursors ---------------------------------------------------------------------------------

  #pointedAt = 0;
  #place: { x: number; y: number } | null = null;
  #pointing: ReturnType<typeof setTimeout> | undefined;

  /** Where one's own cursor is; repeated while it rests. */
  moveCursor(x: number, y: number): void {
    this.#place = { x: inside(x), y: inside(y) };
    if (this.#pointing === undefined || Date.now() - this.#pointedAt >= CURSOR_EVERY_MS) this.#point();
    else this.#pointNext(CURSOR_EVERY_MS - (Date.now() - this.#pointedAt));
  }

  removeCursor(): void {
    clearTimeout(this.#pointing);
    this.#pointing = undefined;
    if (this.#place && this.connected.value) this.#namespace.socket.emit("cursor-remove");
    this.#place = null;
  }

  #point = () => {
    this.#pointedAt = Date.now();
    if (this.#place && this.connected.value && !document.hidden) this.#namespace.socket.volatile.emit("cursor-move", this.#place);
    this.#pointNext(CURSOR_AGAIN_MS);
  };

  #pointNext(ms: number): void {
    clearTimeout(this.#pointing);
    this.#pointing = setTimeout(this.#point, ms);
  }

  #setCursor(userId: string, cursor: Cursor | null): void {
    if (!cursor && !this.cursors.value.has(userId)) return;
    const next = new Map(this.cursors.value);
    if (cursor) next.set(userId, cursor);
    else next.delete(userId);
    this.cursors.value = next;
  }

  #forgetCursors(): void {
    const oldest = Date.now() - CURSOR_GONE_MS;
    for (const { userId, at } of this.cursors.value.values()) if (at < oldest) this.#setCursor(userId, null);
  }

  // ---- what is said ----------------------------------------------------------------------------

  say(what: string): void {
    clearTimeout(this.#noticeEnds);
    this.notice.value = what;
    this.#noticeEnds = setTimeout(() => (this.notice.value = ""), NOTICE_MS);
  }

  #changed(change: Change): void {
    this.onChange(change);
    this.#count();
  }

  #count(): void {
    this.#counting ??= setTimeout(() => {
      this.#counting = undefined;
      const { strokes, waiting, total, limit, full, nearlyFull, last } = this.board;
      this.facts.value = { strokes, waiting, total, limit, full, near: nearlyFull, canUndo: last !== undefined };
    }, COUNT_EVERY_MS);
  }

  /** All that is to be seen, from below to above. */
  get picture(): readonly (Line | (Pen & { points: readonly number[] }))[] {
    return [...this.board.lines.filter(this.board.shows), ...this.board.pending];
  }
}

const NOTHING: Change = { all: false, added: [] };
const FAR = 100_000;
const inside = (number: number) => Math.round(Math.max(-FAR, Math.min(FAR, number)) * 10) / 10;

function wordsOf(op: Op): [event: string, data: object] {
  const { clientId } = op;
  if (op.kind === "clear") return ["clear-board", { clientId }];
  if (op.kind === "undo") return ["undo", { stroke: op.stroke, clientId }];
  const { points, color, width, stroke, erase } = op;
  return ["draw", { points, color, width, stroke, clientId, ...(erase && { erase }) }];
}

signedIn.on("left", () => lingering?.());
