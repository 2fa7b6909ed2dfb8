// From what was said to what is shown: days, groups of one person, the place where one left off.
import { startOfDay } from "./format";
import type { Person } from "./identity";
import type { Entry, Said } from "./log";
import type { Pending } from "./outbox";

const GROUP_MS = 5 * 60_000;

export type Row =
  | { kind: "day"; key: string; at: number }
  | { kind: "unread"; key: string }
  | { kind: "gap"; key: string; lost: boolean }
  | { kind: "notice"; key: string; at: number; userId: string; username: string; came: boolean }
  | { kind: "group"; key: string; userId: string; username: string; at: number; messages: Said[]; pending: Pending[] };

/** `leftOff`: the last `seq` that was read before; 0 for none. What is `pending` stands where it will be. */
export function rows(entries: readonly Entry[], leftOff: number, who: Person, pending: readonly Pending[] = []): Row[] {
  const me = who.userId;
  const all: Row[] = [];
  let day = 0;
  let marked = leftOff === 0;
  const known = held(entries);
  for (const [i, entry] of entries.entries()) {
    const today = startOfDay(entry.at);
    if (entry.kind !== "gap" && today !== day) {
      all.push({ kind: "day", key: `day-${today}-${entry.key}`, at: entry.at });
      day = today;
    }
    if (!marked && i >= known && isUnread(entry, leftOff, me)) {
      all.push({ kind: "unread", key: "unread" });
      marked = true;
    }
    if (entry.kind === "message") say(all, entry.message, entry.at);
    else all.push(entry);
  }
  for (const one of pending) group(all, who, one.at, one.clientId).pending.push(one);
  return all;
}

/** Where begins what the server still has: what was before has other numbers, and is not new. */
const held = (entries: readonly Entry[]) => entries.findLastIndex((entry) => entry.kind === "gap" && entry.lost) + 1;

export const unreadOf = (entries: readonly Entry[], read: number, me: string) =>
  entries.slice(held(entries)).filter((entry) => isUnread(entry, read, me)).length;

export const isUnread = (entry: Entry, leftOff: number, me: string) =>
  entry.kind === "message" && entry.message.seq > leftOff && entry.message.userId !== me;

function say(all: Row[], message: Said, at: number): void {
  group(all, message, at, message.id).messages.push(message);
}

type Group = Extract<Row, { kind: "group" }>;

/** The last group, where this belongs to it, or a new one. */
function group(all: Row[], { userId, username }: Person, at: number, key: string): Group {
  const last = all.at(-1);
  if (last?.kind === "group" && last.userId === userId && last.username === username && at - newest(last) < GROUP_MS) return last;
  const begun: Group = { kind: "group", key, userId, username, at, messages: [], pending: [] };
  all.push(begun);
  return begun;
}

function newest({ messages, pending }: Group): number {
  const said = messages.at(-1);
  return pending.at(-1)?.at ?? (said ? Date.parse(said.timestamp) : 0);
}
