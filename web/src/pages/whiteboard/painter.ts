// Paints a board. What is known to be there is painted once, into a bitmap of what one looks at; each frame lays
// only that down, and one's own newest lines on top. A large board is painted anew in slices, while the old
// bitmap, moved and scaled, stands in for it.
import { touch, type Board, type Change, type Line, type Pen } from "../../lib/board";
import { onDark } from "../../lib/ink";

const SLICE_MS = 8;
/** Painted between two looks at the clock. */
const AT_ONCE = 32;
const MAX_DPR = 3;

export interface View {
  /** What of the board is at the top left. */
  x: number;
  y: number;
  scale: number;
}
type Paintable = Pen & { points: readonly number[] };

interface Bitmap {
  canvas: HTMLCanvasElement;
  context: CanvasRenderingContext2D;
  view: View;
}

export class Painter {
  view: View = { x: 0, y: 0, scale: 1 };
  width = 0;
  height = 0;
  /** What is being drawn right now. */
  live: Paintable | null = null;
  readonly #context: CanvasRenderingContext2D;
  #dpr = 1;
  #front: Bitmap | null = null;
  #back: (Bitmap & { next: number }) | null = null;
  #wanted = 0;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly board: Board,
    public dark: boolean,
  ) {
    this.#context = canvas.getContext("2d")!;
  }

  resize(width: number, height: number): void {
    this.#dpr = Math.min(MAX_DPR, devicePixelRatio || 1);
    [this.width, this.height] = [width, height];
    this.canvas.width = Math.max(1, Math.round(width * this.#dpr));
    this.canvas.height = Math.max(1, Math.round(height * this.#dpr));
    // A bitmap of another size is of no use.
    this.#front = null;
    this.repaint();
    this.#frame();
  }

  look(view: View): void {
    this.view = view;
    this.repaint();
  }

  setDark(dark: boolean): void {
    this.dark = dark;
    this.repaint();
  }

  changed(change: Change): void {
    if (change.all) return this.repaint();
    // One that is being painted takes new lines of the end along, and all else in the wrong place.
    if (this.#back && change.added.length && change.added[0] !== this.board.lines.at(-1)) this.repaint();
    if (this.#front) for (const line of change.added) this.#paint(this.#front, line);
    this.want();
  }

  /** All anew. */
  repaint(): void {
    const spare = this.#back;
    const canvas = spare?.canvas ?? document.createElement("canvas");
    canvas.width = this.canvas.width; // This wipes it, too.
    canvas.height = this.canvas.height;
    this.#back = { canvas, context: spare?.context ?? canvas.getContext("2d")!, view: this.view, next: 0 };
    this.want();
  }

  want(): void {
    this.#wanted ||= requestAnimationFrame(() => {
      this.#wanted = 0;
      this.#frame();
    });
  }

  stop(): void {
    cancelAnimationFrame(this.#wanted);
    this.#wanted = 0;
  }

  /** Everything that is known to be there has been painted. */
  get settled(): boolean {
    return !this.#back;
  }

  #frame(): void {
    this.#goOn();
    const [context, { canvas, view }] = [this.#context, this];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, canvas.width, canvas.height);
    const shown = this.#front ?? this.#back;
    if (shown) {
      const scale = view.scale / shown.view.scale;
      const [x, y] = [(shown.view.x - view.x) * view.scale * this.#dpr, (shown.view.y - view.y) * view.scale * this.#dpr];
      context.drawImage(shown.canvas, x, y, canvas.width * scale, canvas.height * scale);
    }
    const target = { context, view };
    for (const op of this.board.pending) this.#paint(target, op);
    if (this.live) this.#paint(target, this.live);
    canvas.dataset.settled = String(this.settled);
    if (this.#back) this.want();
  }

  #goOn(): void {
    const back = this.#back;
    if (!back) return;
    const { lines } = this.board;
    const until = performance.now() + SLICE_MS;
    const seen = this.#window(back.view);
    while (back.next < lines.length && performance.now() < until) {
      for (const end = Math.min(lines.length, back.next + AT_ONCE); back.next < end; back.next++) {
        const line = lines[back.next]!;
        if (touch(line.box, seen) && this.board.shows(line)) this.#paint(back, line);
      }
    }
    if (back.next < lines.length) return;
    const { canvas, context, view } = back;
    this.#back = null;
    this.#front = { canvas, context, view };
  }

  #window({ x, y, scale }: View): Line["box"] {
    return [x, y, x + this.width / scale, y + this.height / scale];
  }

  #paint({ context, view }: { context: CanvasRenderingContext2D; view: View }, line: Paintable): void {
    const scale = view.scale * this.#dpr;
    context.setTransform(scale, 0, 0, scale, -view.x * scale, -view.y * scale);
    paint(context, line, this.dark);
  }
}

/** One line; an eraser takes away what is below it. */
export function paint(context: CanvasRenderingContext2D, { points, color, width, erase }: Paintable, dark: boolean): void {
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = context.fillStyle = erase ? "#000" : ink(context, color, dark);
  context.beginPath();
  let moved = false;
  context.moveTo(points[0]!, points[1]!);
  for (let i = 2; i < points.length; i += 2) {
    moved ||= points[i] !== points[0] || points[i + 1] !== points[1];
    context.lineTo(points[i]!, points[i + 1]!);
  }
  if (moved) return context.stroke();
  context.beginPath();
  context.arc(points[0]!, points[1]!, width / 2, 0, 2 * Math.PI);
  context.fill();
}

const inks = new Map<string, string>();

/** Names and short forms are told by the canvas itself. */
function ink(context: CanvasRenderingContext2D, color: string, dark: boolean): string {
  const key = `${dark}${color}`;
  let known = inks.get(key);
  if (known === undefined) {
    context.fillStyle = "#000";
    context.fillStyle = color;
    const hex = String(context.fillStyle);
    inks.set(key, (known = dark && hex.startsWith("#") ? onDark(hex) : hex));
  }
  return known;
}
