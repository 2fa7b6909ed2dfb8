// How a poll stands, from whatever is told of it in whatever order. Pure.
import type { Failure } from "./connection";

export interface Poll {
  id: string;
  question: string;
  options: string[];
  createdBy: string;
  username: string;
  createdAt: string;
  roomName?: string;
  /** Not said in lists. */
  closed?: boolean;
}

/** One's own vote on its way. */
export interface Casting {
  option: number;
  state: "sending" | "waiting" | "failed";
  error?: Failure;
  /** It was sent before, and nobody knows whether it arrived. */
  again: boolean;
}

export interface Standing {
  poll: Poll;
  /** `null` until it is known. */
  counts: number[] | null;
  /** Whether one has voted is known, and so is whether it is closed. */
  asked: boolean;
  /** The option; `null` for none. */
  voted: number | null;
  casting?: Casting;
  /** The creator's wish to close it. */
  closing?: { failed?: Failure };
}

export type Standings = ReadonlyMap<string, Standing>;

export const sum = (counts: readonly number[] | null) => counts?.reduce((a, b) => a + b, 0) ?? 0;

/** Votes are never taken back: of two tellings the one with more votes is the newer. */
export const newer = (one: number[] | null, other: number[] | null | undefined) =>
  !one ? (other ?? null) : !other || sum(one) >= sum(other) ? one : other;

export interface Told {
  poll?: Poll;
  counts?: number[];
  closed?: boolean;
  /** Told to oneself only. */
  asked?: { voted: number | null };
}

export function tell(all: Standings, id: string, { poll, counts, closed, asked }: Told): Standings {
  const before = all.get(id) ?? (poll && { poll, counts: null, asked: false, voted: null });
  if (!before) return all; // Of a poll that is not known here.
  const isClosed = before.poll.closed || closed || poll?.closed || false;
  const standing: Standing = {
    ...before,
    poll: { ...before.poll, closed: isClosed },
    counts: newer(before.counts, counts),
    asked: before.asked || asked !== undefined,
    voted: before.voted ?? asked?.voted ?? null,
    closing: isClosed ? undefined : before.closing,
  };
  return new Map(all).set(id, standing);
}

export function change(all: Standings, id: string, to: Partial<Standing>): Standings {
  const before = all.get(id);
  return before ? new Map(all).set(id, { ...before, ...to }) : all;
}

/** Open ones first; then the newest. */
export const order = (all: Standings): Standing[] =>
  [...all.values()].sort(
    (a, b) =>
      Number(a.poll.closed) - Number(b.poll.closed) ||
      Date.parse(b.poll.createdAt) - Date.parse(a.poll.createdAt) ||
      a.poll.id.localeCompare(b.poll.id),
  );

/** In whole percent, together 100: what rounding loses goes to those who lost most. */
export function shares(counts: readonly number[]): number[] {
  const total = sum(counts);
  if (!total) return counts.map(() => 0);
  const exact = counts.map((count) => (count * 100) / total);
  const whole = exact.map(Math.floor);
  const byLoss = exact.map((share, i) => ({ i, lost: share - whole[i]! })).sort((a, b) => b.lost - a.lost || a.i - b.i);
  for (const { i } of byLoss.slice(0, 100 - sum(whole))) whole[i]!++;
  return whole;
}

/** Those with most votes; none while nobody has voted. */
export function leaders(counts: readonly number[] | null): number[] {
  const most = Math.max(0, ...(counts ?? []));
  return most ? counts!.flatMap((count, i) => (count === most ? [i] : [])) : [];
}

/** What a vote became. `Already voted` says that it counts, if it was this one that was repeated. */
export type Outcome = "counted" | "wait" | "ask" | "failed";

export function outcome(error: Failure | undefined): Outcome {
  if (!error) return "counted";
  if (error.code === "already_voted") return "ask";
  return error.retryable ? "wait" : "failed";
}
