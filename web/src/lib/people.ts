// Who is there. Those who went offline are kept for as long as the page lives, with when they were last seen.
import { batch, computed, signal } from "@preact/signals";
import { ask } from "./connection";
import { me } from "./identity";
import { phase, root, session } from "./session";

export type Status = "online" | "away" | "offline";
export interface Presence {
  userId: string;
  username: string;
  status: Status;
  lastSeen: string;
}

const people = signal<ReadonlyMap<string, Presence> | null>(null);
/** Who is there and not listed, as the newest list said. */
export const unlisted = signal(0);
/** `null` until it is known. */
export const everybody = computed(() => people.value && [...people.value.values()].sort(byStatus));
export const presenceOf = (userId: string) => people.value?.get(userId);

const RANK: Record<Status, number> = { online: 0, away: 1, offline: 2 };
const byStatus = (a: Presence, b: Presence) =>
  RANK[a.status] - RANK[b.status] || a.username.localeCompare(b.username) || a.userId.localeCompare(b.userId);

type Wire = Omit<Presence, "status"> & { status?: Status };
const change = (status: Status) => (who: Wire) => {
  const before = people.value?.get(who.userId);
  // A repeat of `user-online` says nothing of being away.
  const next = status === "online" && before && before.status !== "offline" ? before.status : status;
  put({ ...who, status: who.status ?? next, lastSeen: who.lastSeen ?? new Date().toISOString() });
};
const put = (who: Presence) => (people.value = new Map(people.value ?? []).set(who.userId, who));

root.on("user-online", change("online"));
root.on("user-status", change("online"));
root.on("user-offline", (who: Wire) => change("offline")({ ...who, status: "offline" }));

root.on("presence-list", (list: Presence[], { total }: { total: number }) =>
  batch(() => {
    unlisted.value = total - list.length;
    const gone = [...(people.value?.values() ?? [])].filter(({ userId }) => !list.some((one) => one.userId === userId));
    const kept = gone.map((who): Presence => (total > list.length ? who : { ...who, status: "offline" }));
    people.value = new Map([...kept, ...list].map((who) => [who.userId, who]));
  }),
);

// ---- oneself -----------------------------------------------------------------------------------

/** A page that nobody looks at is away. It is told to all others, not to this page. */
async function tellStatus(): Promise<void> {
  if (phase.value !== "ready") return;
  const status = document.hidden ? "away" : "online";
  const answer = await ask(root, "set-status", { status });
  const mine = me.value && presenceOf(me.value.userId);
  if (answer.ok && mine) put({ ...mine, status });
}
document.addEventListener("visibilitychange", () => void tellStatus());
// Another window of the same user was hidden or closed. This one is looked at: its word counts.
root.on("user-status", ({ userId, status }: Wire) => {
  if (isMe(userId) && status === "away" && !document.hidden) void tellStatus();
});

session.on("ready", () => {
  void tellStatus();
  void ask(root, "list-presence");
});
session.on("left", () => (people.value = null));

export const isMe = (userId: string) => userId === me.value?.userId;
