// From what was said to what is shown: days, groups of one person, the place where one left off.
import { startOfDay } from "./format";
import type { Entry, Said } from "./log";

const GROUP_MS = 5 * 60_000;

export type Row =
  | { kind: "day"; key: string; at: number }
  | { kind: "unread"; key: string }
  | { kind: "gap"; key: string }
  | { kind: "notice"; key: string; at: number; userId: string; username: string; came: boolean }
  | { kind: "group"; key: string; userId: string; username: string; at: number; messages: Said[] };

/** `leftOff`: the last `seq` that was read before; 0 for none. */
export function rows(entries: readonly Entry[], leftOff: number, me: string): Row[] {
  const all: Row[] = [];
  let day = 0;
  let marked = leftOff === 0;
  for (const entry of entries) {
    const today = startOfDay(entry.at);
    if (entry.kind !== "gap" && today !== day) {
      all.push({ kind: "day", key: `day-${today}-${entry.key}`, at: entry.at });
      day = today;
    }
    if (!marked && isUnread(entry, leftOff, me)) {
      all.push({ kind: "unread", key: "unread" });
      marked = true;
    }
    if (entry.kind === "message") say(all, entry.message, entry.at);
    else all.push(entry);
  }
  return all;
}

export const isUnread = (entry: Entry, leftOff: number, me: string) =>
  entry.kind === "message" && entry.message.seq > leftOff && entry.message.userId !== me;

function say(all: Row[], message: Said, at: number): void {
  const last = all.at(-1);
  const previous = last?.kind === "group" ? Date.parse(last.messages.at(-1)!.timestamp) : 0;
  if (last?.kind === "group" && last.userId === message.userId && last.username === message.username && at - previous < GROUP_MS) {
    last.messages.push(message);
    return;
  }
  const { id, userId, username } = message;
  all.push({ kind: "group", key: id, userId, username, at, messages: [message] });
}
