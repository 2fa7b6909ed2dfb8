import { signal } from "@preact/signals";
import { ago, atClock, exact } from "../lib/format";

/** All relative times are told anew twice a minute. */
const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 30_000);

/** Relative, or the time of day; the exact time on hover. */
export function Time({ at, clock = false }: { at: number | string; clock?: boolean }) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  return (
    <time class="figures" dateTime={new Date(ms).toISOString()} title={exact(ms)}>
      {clock ? atClock(ms) : ago(ms, now.value)}
    </time>
  );
}
