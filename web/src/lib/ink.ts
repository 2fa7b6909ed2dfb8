// Colours of a board. They are stored as they look on light paper; on dark paper each has a light twin.

export interface Ink {
  name: string;
  color: string;
  dark: string;
}

export const INKS: Ink[] = [
  { name: "Ink", color: "#1b1f27", dark: "#eceef2" },
  { name: "Grey", color: "#6b7280", dark: "#9aa3b2" },
  { name: "Red", color: "#d92d3a", dark: "#ff7a80" },
  { name: "Orange", color: "#c2590c", dark: "#ff9f50" },
  { name: "Yellow", color: "#d9a400", dark: "#f5cf4a" },
  { name: "Green", color: "#1f8a4c", dark: "#57cf89" },
  { name: "Blue", color: "#2563d9", dark: "#7fa9ff" },
  { name: "Purple", color: "#8b3fd1", dark: "#c795ff" },
];

export const WIDTHS = [
  { name: "Thin", width: 2 },
  { name: "Medium", width: 5 },
  { name: "Thick", width: 12 },
];

/** On dark paper, what is darker than this (0 to 1) would not be seen. */
const UNSEEN = 0.32;

/** What `#rrggbb` is on dark paper: whatever would vanish there is turned around. */
export function onDark(hex: string): string {
  const known = INKS.find(({ color }) => color === hex);
  if (known) return known.dark;
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255) as [number, number, number];
  if ([r, g, b].some(Number.isNaN) || light(r, g, b) >= UNSEEN) return hex;
  // The same hue, as far from white as it was from black.
  const shift = 1 - Math.max(r, g, b) - Math.min(r, g, b);
  return `#${[r, g, b].map((part) => Math.round((part + shift) * 255).toString(16).padStart(2, "0")).join("")}`;
}

const light = (r: number, g: number, b: number) => 0.299 * r + 0.587 * g + 0.114 * b;
