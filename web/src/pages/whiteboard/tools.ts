// What one draws with; remembered by the browser.
import { effect, signal } from "@preact/signals";
import type { Pen } from "../../lib/board";
import { INKS, WIDTHS } from "../../lib/ink";
import { browser } from "../../lib/storage";

export type Tool = "pen" | "eraser" | "hand";

/** An eraser is a finger, not a needle: pixels of the screen. */
const ERASER = 5;
const kept = browser.get<{ color?: string; width?: number }>("pen", {});

export const tool = signal<Tool>("pen");
export const color = signal(INKS.some((ink) => ink.color === kept.color) ? kept.color! : INKS[0]!.color);
export const width = signal(WIDTHS.some((one) => one.width === kept.width) ? kept.width! : WIDTHS[1]!.width);
effect(() => browser.set("pen", { color: color.value, width: width.value }));

/** As one sees it: an eraser is as large on the screen however near one is. */
export function penOf(scale: number): Pen {
  if (tool.value === "eraser") return { color: "#000000", width: Math.max(1, Math.min(100, Math.round(((width.value * ERASER) / scale) * 10) / 10)), erase: true };
  return { color: color.value, width: width.value, erase: false };
}
