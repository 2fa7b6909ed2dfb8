// The conversation of everybody and those of two. Open for as long as one is signed in: what is unread is
// known on every page.
import { batch, computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Talk } from "../conversation/talk";
import { ask, type Answer } from "./connection";
import { me, type Person } from "./identity";
import { unreadOf } from "./grouping";
import { Log, type Entry, type Said } from "./log";
import { openNamespace, type Namespace } from "./namespace";
import type { Pending } from "./outbox";
import { pause } from "./pause";
import { presenceOf, type Status } from "./people";
import { Sender } from "./sender";
import { session } from "./session";
import { browser } from "./storage";
import { asSaid, conversations, EVERYONE, firstMarks, keyOf, lastSaid, marked, markOf, readUpTo, type Marks, type Whisper } from "./whispers";

const TYPING_EVERY_MS = 1_000;
const RETRY_MS = 700;
const NONE: readonly Entry[] = [];

let namespace: Namespace | null = null;
let spoken = new Log();
let whispered = new Log();

const spokenEntries = signal<readonly Entry[]>(NONE);
const whisperedEntries = signal<readonly Entry[]>(NONE);
const byKey = computed(() => conversations(whisperedEntries.value));

/** What was said before is known: from the first joining on. */
export const known = signal(false);
/** Hears and may speak. */
export const joined = signal(false);
/** Why not, in the server's words. */
export const refused = signal<ReadonlySignal<string> | null>(null);

// ---- who is there ------------------------------------------------------------------------------

/** By their ids; `null` until it is known. */
const here = signal<ReadonlyMap<string, string> | null>(null);
export const hereTotal = signal(0);
const leftAt = signal<ReadonlyMap<string, string>>(new Map());

export interface Peer {
  key: string;
  userId: string;
  username: string;
  status: Status;
  /** Since when, where that is known. */
  since?: string;
  /** Can be written to now; not known of some where too many are there to be listed. */
  reachable: boolean | undefined;
}

export function peer(key: string): Peer {
  const userId = key.slice(1);
  const presence = presenceOf(userId);
  const last = lastSaid(byKey.value.get(key) ?? NONE, userId);
  const listed = here.value?.get(userId);
  const username = listed ?? presence?.username ?? last?.username ?? addressed.get(userId) ?? userId;
  const cut = !here.value || hereTotal.value > here.value.size;
  const reachable = listed !== undefined ? true : cut ? undefined : false;
  if (presence && (presence.status !== "offline" || !listed)) return { key, userId, username, status: presence.status, since: presence.lastSeen, reachable };
  return { key, userId, username, status: listed ? "online" : "offline", since: leftAt.value.get(userId), reachable };
}

export interface Listed extends Peer {
  last?: Said;
  /** The last that is not said yet. */
  unsaid?: Pending;
  unread: number;
}

/** Those one has talked to, the newest first. */
export const talked = computed<Listed[]>(() => {
  const all = [...new Set([...byKey.value.keys(), ...sender.names.value])].filter((key) => key !== EVERYONE);
  const listed = all.map((key) => {
    const { entries, pending, unread } = talkOf(key);
    return { ...peer(key), last: lastSaid(entries.value), unsaid: pending.value.at(-1), unread: unread.value };
  });
  return listed.sort((a, b) => (b.last?.seq ?? Infinity) - (a.last?.seq ?? Infinity));
});

/** The others who are there. */
export const others = computed<Peer[] | null>(() => {
  if (!here.value) return null;
  const known = new Set(talked.value.map(({ userId }) => userId));
  const all = [...here.value.keys()].filter((id) => id !== me.value?.userId && !known.has(id)).map((id) => peer(keyOf(id)));
  return all.sort((a, b) => a.username.localeCompare(b.username) || a.userId.localeCompare(b.userId));
});

export const unreadTalks = computed(
  () => [EVERYONE, ...byKey.value.keys()].filter((key) => talkOf(key).unread.value > 0).length,
);

// ---- what is remembered, for each user ---------------------------------------------------------

const mine = (what: string) => `chat-${what}.${me.value?.userId ?? ""}`;
const marks = signal<Marks | null>(null);

function setMarks(next: Marks): void {
  if (next === marks.peek()) return;
  marks.value = next;
  browser.set(mine("read"), next);
}

/** What is read in another tab is read. */
addEventListener("storage", ({ key }) => {
  if (me.value && key === `starling.${mine("read")}`) marks.value = browser.get<Marks | null>(mine("read"), null);
});

export const sender = new Sender(() => mine("outbox"), {
  isOpen: () => joined.value,
  send,
  hasHeard: (key, id) => (key === EVERYONE ? spoken : whispered).has(id),
});

/** Names of those one wrote to. */
const addressed = new Map<string, string>();

// ---- conversations -----------------------------------------------------------------------------

const talks = new Map<string, Talk>();
const NOBODY_TYPES = signal<ReadonlyMap<string, string>>(new Map());
const typists = signal<ReadonlyMap<string, string>>(new Map());

export function talkOf(key: string): Talk {
  const known = talks.get(key);
  if (known) return known;
  const everyone = key === EVERYONE;
  const entries = everyone ? spokenEntries : computed(() => byKey.value.get(key) ?? NONE);
  const myId = () => me.value?.userId ?? "";
  const read = computed(() => readUpTo(entries.value, marks.value ? markOf(marks.value, key) : Infinity, myId()));
  const talk: Talk = {
    get name() {
      return everyone ? "everyone" : peer(key).username;
    },
    get title() {
      return everyone ? "Messages of everyone" : `Messages with ${peer(key).username}`;
    },
    me,
    entries,
    pending: computed(() => sender.shown(key)),
    read,
    unread: computed(() => unreadOf(entries.value, read.value, myId())),
    typists: everyone ? typists : NOBODY_TYPES,
    markRead: () => marks.value && setMarks(marked(marks.value, key, lastSaid(entries.value)?.seq ?? 0)),
    say: (text) => sender.say(key, text),
    repeat: sender.repeat,
    discard: sender.discard,
    explain: ({ error }) => (error?.code === "user_not_found" ? notThere(peer(key)) : undefined),
    draft: () => browser.get(mine(`draft.${key}`), ""),
    keepDraft: (text) => browser.set(mine(`draft.${key}`), text || null),
    tellTyping: everyone ? tellTyping : () => {},
    tellStopped: everyone ? tellStopped : () => {},
  };
  talks.set(key, talk);
  return talk;
}

const notThere = ({ username, reachable }: Peer) =>
  reachable ? `${username} was not here, and is back now: retry.` : `${username} is not here. Retry once ${username} is back.`;

// ---- saying ------------------------------------------------------------------------------------

type Told = Answer<{ id: string; seq: number }>;
async function send({ roomName: key, text, clientId }: Pending): Promise<Told> {
  const answer: Told = await deliver(key, text, clientId);
  if (answer.ok || answer.error.code !== "not_joined") return answer;
  // The server has forgotten that one is here.
  void join();
  return { ok: false, error: { ...answer.error, retryable: true } };
}

function deliver(key: string, text: string, clientId: string): Promise<Told> {
  const socket = namespace?.socket;
  if (key === EVERYONE) return ask(socket, "chat-message", { text, clientId });
  return ask(socket, "private-message", { recipientId: key.slice(1), text, clientId });
}

let typedAt = 0;

function tellTyping(): void {
  if (!joined.value || Date.now() - typedAt < TYPING_EVERY_MS) return;
  typedAt = Date.now();
  namespace?.socket.volatile.emit("typing");
}

function tellStopped(): void {
  if (typedAt && joined.value) namespace?.socket.volatile.emit("stop-typing");
  typedAt = 0;
}

function stopTypist(userId: string): void {
  if (!typists.value.has(userId)) return;
  const next = new Map(typists.value);
  next.delete(userId);
  typists.value = next;
}

// ---- hearing -----------------------------------------------------------------------------------

type Wire = Omit<Said, "roomName">;
function hearSpoken(messages: Wire[], follows = true): void {
  const said = messages.map((message) => ({ ...message, roomName: EVERYONE }));
  const fresh = follows ? spoken.add(said) : spoken.beginAnew(said);
  heard(fresh, () => (spokenEntries.value = spoken.entries));
}

function hearWhispered(messages: Whisper[], follows = true): void {
  const who = me.value;
  if (!who) return;
  for (const one of messages) if ("toId" in one) addressed.set(one.toId, one.to);
  const said = messages.map((message) => asSaid(message, who));
  const fresh = follows ? whispered.add(said) : whispered.beginAnew(said);
  heard(fresh, () => (whisperedEntries.value = whispered.entries));
}

function heard(fresh: Said[], publish: () => void): void {
  batch(() => {
    publish();
    sender.heard(fresh);
    for (const { userId } of fresh) stopTypist(userId);
  });
}

interface Listing {
  id: string;
  username: string;
}
type Recovered = { recovered?: boolean };

function listen({ socket }: Namespace): void {
  const enter = async () => {
    if (!(await join())) return;
    batch(() => {
      if (!marks.value) setMarks(firstMarks(spoken.lastSeq, whispered.entries, me.value?.userId ?? ""));
      joined.value = known.value = true;
    });
    for (const key of sender.names.value) void sender.go(key);
  };
  socket.on("connect", () => void enter());
  socket.on("disconnect", () =>
    batch(() => {
      joined.value = false;
      typists.value = new Map();
    }),
  );
  // To whoever comes back it is all that the server has.
  const follows = (how?: Recovered) => joined.value && how?.recovered !== false;
  socket.on("history", (messages: Wire[], how?: Recovered) => hearSpoken(messages, follows(how)));
  socket.on("private-history", (messages: Whisper[], how?: Recovered) => hearWhispered(messages, follows(how)));
  socket.on("chat-message", (message: Wire) => hearSpoken([message]));
  for (const event of ["private-message", "private-message-sent"]) socket.on(event, (whisper: Whisper) => hearWhispered([whisper]));

  socket.on("user-list", (list: Listing[], { total }: { total: number }) =>
    batch(() => {
      here.value = new Map(list.map(({ id, username }) => [id, username]));
      hereTotal.value = total;
    }),
  );
  socket.on("user-joined", ({ userId, username }: Person) => {
    if (here.value) here.value = new Map(here.value).set(userId, username);
  });
  socket.on("user-left", ({ userId, username, timestamp }: Person & { timestamp: string }) =>
    batch(() => {
      const next = new Map(here.value ?? []);
      next.delete(userId);
      if (here.value) here.value = next;
      addressed.set(userId, username);
      leftAt.value = new Map(leftAt.value).set(userId, timestamp);
      stopTypist(userId);
    }),
  );
  socket.on("user-typing", ({ userId, username }: Person) => {
    if (userId !== me.value?.userId) typists.value = new Map(typists.value).set(userId, username);
  });
  socket.on("user-stop-typing", ({ userId }: Person) => stopTypist(userId));
}

/** However long it takes on this connection; false if that has ended before. */
async function join(): Promise<boolean> {
  const socket = namespace?.socket;
  const life = socket?.id;
  while (socket?.connected && socket.id === life) {
    const answer = await ask(socket, "join", {});
    if (answer.ok) return true;
    await pause(RETRY_MS);
  }
  return false;
}

// ---- signing in and out ------------------------------------------------------------------------

session.on("ready", () => {
  if (namespace) return;
  sender.revive();
  marks.value = browser.get<Marks | null>(mine("read"), null);
  namespace = openNamespace("/chat");
  refused.value = namespace.refused;
  listen(namespace);
});

session.on("left", () =>
  batch(() => {
    namespace?.close();
    namespace = null;
    spoken = new Log();
    whispered = new Log();
    addressed.clear();
    talks.clear();
    spokenEntries.value = whisperedEntries.value = NONE;
    marks.value = here.value = refused.value = null;
    joined.value = known.value = false;
    hereTotal.value = 0;
    leftAt.value = typists.value = new Map();
    sender.forget();
  }),
);
