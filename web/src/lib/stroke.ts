// A hand's points become a smooth line: the same for all, as the line is what is sent. Pure.

/** Finer than this, on the screen, nobody sees. */
const NEAR = 1.5;
/** A corner of less than this (the sine of half of it) is none. */
const STRAIGHT = 0.06;
const LONGEST = 8;

export const tenth = (number: number) => Math.round(number * 10) / 10 || 0;

/** Takes points as they come, and gives the line between them: through the middles, bent at the points. */
export class Smoother {
  #last: [number, number];
  #middle: [number, number];
  #out: number[];

  /** `scale`: pixels of the screen for one of the board. */
  constructor(
    x: number,
    y: number,
    readonly scale: number,
  ) {
    this.#last = this.#middle = [tenth(x), tenth(y)];
    this.#out = [...this.#last];
  }

  add(x: number, y: number): void {
    const [lastX, lastY] = this.#last;
    if (Math.hypot(x - lastX, y - lastY) * this.scale < NEAR) return;
    const middle: [number, number] = [(lastX + x) / 2, (lastY + y) / 2];
    this.#bend(this.#last, middle);
    this.#last = [x, y];
    this.#middle = middle;
  }

  /** From the middle before, around `corner`, to the next one; as straight pieces. */
  #bend(corner: [number, number], to: [number, number]): void {
    const from = this.#middle;
    const a = [corner[0] - from[0], corner[1] - from[1]] as const;
    const b = [to[0] - corner[0], to[1] - corner[1]] as const;
    const lengths = Math.hypot(...a) * Math.hypot(...b);
    const turn = lengths ? Math.acos(Math.max(-1, Math.min(1, (a[0] * b[0] + a[1] * b[1]) / lengths))) : 0;
    const pieces = turn < STRAIGHT ? 1 : Math.min(LONGEST, 1 + Math.ceil((turn * (Math.hypot(...a) + Math.hypot(...b)) * this.scale) / 12));
    for (let i = 1; i <= pieces; i++) {
      const t = i / pieces;
      const [p, q, r] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
      this.#push(p * from[0] + q * corner[0] + r * to[0], p * from[1] + q * corner[1] + r * to[1]);
    }
  }

  #push(x: number, y: number): void {
    const [nextX, nextY] = [tenth(x), tenth(y)];
    if (this.#out.at(-2) !== nextX || this.#out.at(-1) !== nextY) this.#out.push(nextX, nextY);
  }

  /** Up to where the hand is, a dot if it never moved: what is shown meanwhile, and the last piece. */
  get rest(): number[] {
    return [...this.#out, tenth(this.#last[0]), tenth(this.#last[1])];
  }

  /** What is final, from where the last piece ended; `null` if there is nothing new. */
  take(): number[] | null {
    if (this.#out.length < 4) return null;
    const points = this.#out;
    this.#out = points.slice(-2);
    return points;
  }
}

/** In pieces of `most` numbers, each beginning where the one before ends. */
export function pieces(points: readonly number[], most: number): number[][] {
  const all: number[][] = [];
  for (let at = 0; at + 2 < points.length; at += most - 2) all.push(points.slice(at, at + most));
  return all;
}
