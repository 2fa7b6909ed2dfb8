// Mouse, pen and fingers on the canvas: drawing, moving the paper, zooming.
import type { Pen } from "../../lib/board";
import { Smoother } from "../../lib/stroke";
import type { Painter, View } from "./painter";
import { nameStroke, type BoardSession } from "./session";
import { penOf, tool } from "./tools";

const SEND_EVERY_MS = 50;
/** A second finger that comes this soon means to zoom, and the first one drew nothing. */
const SECOND_FINGER_MS = 120;
const MIN_SCALE = 0.05;
const MAX_SCALE = 8;
const FIT_MARGIN = 32;
const WHEEL = 0.0025;
const LINE_PX = 16;

interface Stroke {
  pointer: number;
  name: string;
  pen: Pen;
  line: Smoother;
  since: number;
  sentAt: number;
  touch: boolean;
}
interface Point {
  x: number;
  y: number;
}

export class Hand {
  /** Space is held: a drag moves the paper. */
  space = false;
  onView: (view: View) => void = () => {};
  /** What of the canvas lies below the tools, at the top and at the bottom. */
  covered: () => [top: number, bottom: number] = () => [0, 0];
  #stroke: Stroke | null = null;
  #sending: ReturnType<typeof setTimeout> | undefined;
  readonly #pans = new Map<number, Point>();
  /** Who draws with a pen rests the hand on the screen. */
  #hasPen = false;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly painter: Painter,
    readonly session: BoardSession,
  ) {}

  attach(): () => void {
    const { canvas } = this;
    const listeners: [string, (event: never) => void][] = [
      ["pointerdown", this.#down],
      ["pointermove", this.#move],
      ["pointerup", this.#up],
      ["pointercancel", this.#up],
      ["pointerleave", this.#leave],
      ["wheel", this.#wheel],
      ["contextmenu", (event: Event) => event.preventDefault()],
    ];
    for (const [name, listener] of listeners) canvas.addEventListener(name, listener as EventListener, { passive: false });
    return () => {
      for (const [name, listener] of listeners) canvas.removeEventListener(name, listener as EventListener);
      this.#end();
    };
  }

  get drawing(): boolean {
    return this.#stroke !== null;
  }

  // ---- drawing ---------------------------------------------------------------------------------

  #down = (event: PointerEvent) => {
    const { canvas, session } = this;
    this.#hasPen ||= event.pointerType === "pen";
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture?.(event.pointerId);
    event.preventDefault();
    const finger = event.pointerType === "touch";
    const second = finger && (this.#stroke?.touch || this.#pans.size > 0);
    const moves = second || this.space || tool.value === "hand" || event.button === 1 || (finger && this.#hasPen);
    if (moves) {
      if (second && this.#stroke) this.#makeItAPan();
      this.#pans.set(event.pointerId, this.#at(event));
      this.#grip();
      return;
    }
    // The button at a pen's end is an eraser by itself.
    const erases = event.pointerType === "pen" && event.button === 5;
    if ((event.button !== 0 && !erases) || this.#stroke || session.board.full) return;
    const at = this.#onBoard(event);
    const { scale } = this.painter.view;
    const pen = erases ? { ...penOf(scale), erase: true } : penOf(scale);
    const now = performance.now();
    this.#stroke = { pointer: event.pointerId, name: nameStroke(), pen, line: new Smoother(at.x, at.y, scale), since: now, sentAt: now, touch: finger };
    this.#show();
    if (!finger) session.moveCursor(at.x, at.y);
  };

  #move = (event: PointerEvent) => {
    if (this.#pans.has(event.pointerId)) return this.#pan(event);
    const at = this.#onBoard(event);
    if (event.pointerType !== "touch" || this.#stroke) this.session.moveCursor(at.x, at.y);
    const stroke = this.#stroke;
    if (stroke?.pointer !== event.pointerId) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) {
      const { x, y } = this.#onBoard(one);
      stroke.line.add(x, y);
    }
    this.#show();
    this.#sending ??= setTimeout(this.#send, Math.max(0, this.#mayAt(stroke) - performance.now()));
  };

  #up = (event: PointerEvent) => {
    if (this.#pans.delete(event.pointerId)) this.#grip();
    if (this.#stroke?.pointer === event.pointerId) this.#end();
    if (event.pointerType === "touch") this.session.removeCursor();
  };

  #leave = (event: PointerEvent) => {
    if (this.#stroke?.pointer !== event.pointerId) this.session.removeCursor();
  };

  #mayAt = ({ sentAt, since, touch }: Stroke) => Math.max(sentAt + SEND_EVERY_MS, touch ? since + SECOND_FINGER_MS : 0);

  #send = () => {
    this.#sending = undefined;
    const stroke = this.#stroke;
    const points = stroke?.line.take();
    if (!stroke || !points) return;
    stroke.sentAt = performance.now();
    this.session.draw(stroke.name, stroke.pen, points);
    this.#show();
  };

  #end(): void {
    clearTimeout(this.#sending);
    this.#sending = undefined;
    const stroke = this.#stroke;
    this.#stroke = this.painter.live = null;
    if (stroke) this.session.draw(stroke.name, stroke.pen, stroke.line.rest);
    this.painter.want();
  }

  #show(): void {
    const stroke = this.#stroke!;
    this.painter.live = { ...stroke.pen, points: stroke.line.rest };
    this.painter.want();
  }

  /** The first of two fingers. */
  #makeItAPan(): void {
    const { pointer, since, sentAt } = this.#stroke!;
    if (sentAt > since) this.#end();
    else {
      clearTimeout(this.#sending);
      this.#sending = undefined;
      this.#stroke = this.painter.live = null;
    }
    this.#pans.set(pointer, this.#lastTouch.get(pointer) ?? { x: 0, y: 0 });
  }
  readonly #lastTouch = new Map<number, Point>();

  // ---- moving the paper ------------------------------------------------------------------------

  #pan(event: PointerEvent): void {
    const before = this.#pans.get(event.pointerId)!;
    const now = this.#at(event);
    const other = [...this.#pans].find(([pointer]) => pointer !== event.pointerId)?.[1];
    this.#pans.set(event.pointerId, now);
    if (!other) return this.panBy(now.x - before.x, now.y - before.y);
    const apart = (a: Point) => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
    const middle = (a: Point) => ({ x: (a.x + other.x) / 2, y: (a.y + other.y) / 2 });
    const [from, to] = [middle(before), middle(now)];
    this.panBy(to.x - from.x, to.y - from.y);
    this.zoomBy(apart(now) / apart(before), to);
  }

  #wheel = (event: WheelEvent) => {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? LINE_PX : 1;
    if (event.ctrlKey || event.metaKey) return this.zoomBy(Math.exp(-Math.max(-100, Math.min(100, event.deltaY * unit)) * WHEEL * 2), this.#at(event));
    const sideways = event.shiftKey && !event.deltaX;
    this.panBy(-(sideways ? event.deltaY : event.deltaX) * unit, sideways ? 0 : -event.deltaY * unit);
  };

  panBy(x: number, y: number): void {
    const { view } = this.painter;
    this.#look({ ...view, x: view.x - x / view.scale, y: view.y - y / view.scale });
  }

  /** What is at `around` stays there; else what is in the middle. */
  zoomBy(factor: number, around: Point = { x: this.painter.width / 2, y: this.painter.height / 2 }): void {
    const { view } = this.painter;
    const scale = Math.max(MIN_SCALE, Math.min(MAX_SCALE, view.scale * factor));
    const kept = 1 / view.scale - 1 / scale;
    this.#look({ scale, x: view.x + around.x * kept, y: view.y + around.y * kept });
  }

  zoomTo = (scale: number) => this.zoomBy(scale / this.painter.view.scale);

  /** All of `box` is to be seen; never larger than it was drawn. */
  fit(box: readonly [number, number, number, number] | null): void {
    if (!box) return this.#look({ x: 0, y: 0, scale: 1 });
    const [top, bottom] = this.covered();
    const width = this.painter.width;
    const height = Math.max(1, this.painter.height - top - bottom);
    const room = (space: number) => Math.max(1, space - 2 * FIT_MARGIN);
    const [across, down] = [box[2] - box[0], box[3] - box[1]];
    const scale = Math.max(MIN_SCALE, Math.min(1, room(width) / across, room(height) / down));
    this.#look({ scale, x: (box[0] + box[2]) / 2 - width / 2 / scale, y: (box[1] + box[3]) / 2 - (top + height / 2) / scale });
  }

  #look(view: View): void {
    this.painter.look(view);
    this.onView(view);
  }

  grip = (space: boolean) => {
    this.space = space;
    this.#grip();
  };

  #grip(): void {
    this.canvas.dataset.grip = this.#pans.size ? "grabbing" : this.space ? "grab" : "";
  }

  #at = (event: MouseEvent): Point => {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  #onBoard(event: PointerEvent): Point {
    const at = this.#at(event);
    if (event.pointerType === "touch") this.#lastTouch.set(event.pointerId, at);
    const { x, y, scale } = this.painter.view;
    return { x: clamp(x + at.x / scale), y: clamp(y + at.y / scale) };
  }
}

/** The paper has an end. */
const FAR = 100_000;
const clamp = (number: number) => Math.max(-FAR, Math.min(FAR, number));
