// Times, sizes and counts, as people write them.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const exactly = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const count = new Intl.NumberFormat("en");

/** "14:05", or "14:05:09". */
export const atClock = (at: number, seconds = false) => (seconds ? clockWithSeconds : clock).format(at);
export const exact = (at: number) => exactly.format(at);
export const number = (n: number) => count.format(n);

/** "1 message", "3 messages". */
export const plural = (n: number, one: string, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** "just now", "5 minutes ago", "yesterday", "12 Nov". */
export function ago(at: number, now = Date.now()): string {
  const gone = now - at;
  if (gone < MINUTE) return "just now";
  if (gone < HOUR) return relative.format(-Math.floor(gone / MINUTE), "minute");
  if (gone < DAY) return relative.format(-Math.floor(gone / HOUR), "hour");
  if (gone < 7 * DAY) return relative.format(-Math.floor(gone / DAY), "day");
  return shortDate.format(at);
}

/** "Today", "Yesterday", "Tuesday, 3 November". */
export function day(at: number, now = Date.now()): string {
  const between = Math.round((startOfDay(now) - startOfDay(at)) / DAY);
  if (between === 0) return "Today";
  if (between === 1) return "Yesterday";
  return date.format(at);
}

export function startOfDay(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** "3 s", "2 min". */
export function lasting(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.round(ms / MINUTE)} min`;
}
