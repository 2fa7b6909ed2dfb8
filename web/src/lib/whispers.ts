// What was said in private, sorted into conversations, and what of it is unread. Pure.
import type { Person } from "./identity";
import type { Entry, Said } from "./log";

export const EVERYONE = "everyone";
/** The conversation with a user. No user's can be taken for everyone's. */
export const keyOf = (userId: string) => `@${userId}`;

interface Kept {
  id: string;
  seq: number;
  text: string;
  timestamp: string;
}
export type Received = Kept & { from: string; fromId: string };
export type Sent = Kept & { to: string; toId: string };
export type Whisper = Received | Sent;

/** To oneself it is kept twice, received and sent: the former is of no conversation. */
const NOWHERE = "";

/** As what was said in the conversation with the other one. */
export function asSaid(whisper: Whisper, me: Person): Said {
  const { id, seq, text, timestamp } = whisper;
  if ("toId" in whisper) return { id, seq, text, timestamp, roomName: keyOf(whisper.toId), ...me };
  const { from: username, fromId: userId } = whisper;
  return { id, seq, text, timestamp, roomName: userId === me.userId ? NOWHERE : keyOf(userId), userId, username };
}

/** A hole may have been in any of them: each says so, at its place. */
export function conversations(entries: readonly Entry[]): Map<string, Entry[]> {
  const all = new Map<string, Entry[]>();
  const told = new Map<string, Entry>();
  let hole: Entry | undefined;
  const tell = (key: string, list: Entry[]) => {
    if (!hole || told.get(key) === hole) return;
    list.push(hole);
    told.set(key, hole);
  };
  for (const entry of entries) {
    if (entry.kind === "gap") hole = entry;
    if (entry.kind !== "message" || entry.message.roomName === NOWHERE) continue;
    const key = entry.message.roomName;
    const list = all.get(key) ?? [];
    all.set(key, list);
    tell(key, list);
    list.push(entry);
  }
  for (const [key, list] of all) tell(key, list);
  return all;
}

export function lastSaid(entries: readonly Entry[], whose?: string): Said | undefined {
  const found = entries.findLast((entry) => entry.kind === "message" && (!whose || entry.message.userId === whose));
  return found?.kind === "message" ? found.message : undefined;
}

/** Whoever answered, here or on another device, has read what was before. */
export const readUpTo = (entries: readonly Entry[], mark: number, me: string) => Math.max(mark, lastSaid(entries, me)?.seq ?? 0);

/** What was read on this device, by conversation; `base` counts for those that were never opened here. */
export interface Marks {
  base?: number;
  of: Record<string, number>;
}

export const markOf = (marks: Marks, key: string) => marks.of[key] ?? marks.base ?? 0;

/** Never backwards: a log that has lost what it held says 0. */
export const marked = (marks: Marks, key: string, seq: number): Marks =>
  seq > markOf(marks, key) ? { ...marks, of: { ...marks.of, [key]: seq } } : marks;

/** The first time on a device: what came before one's last word elsewhere is not new. */
export const firstMarks = (everyone: number, whispered: readonly Entry[], me: string): Marks => ({
  base: readUpTo(whispered, 0, me),
  of: { [EVERYONE]: everyone },
});
