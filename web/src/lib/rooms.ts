// The rooms one is in, what is said there, and what waits to be said. Lives for as long as the page.
import { batch, computed, signal } from "@preact/signals";
import { ask, type Answer, type Failure } from "./connection";
import { me, type Person } from "./identity";
import { unreadOf } from "./grouping";
import { Log, type Said } from "./log";
import { Sender } from "./sender";
import { phase, root, session, tellProgress } from "./session";
import { browser } from "./storage";

const TYPING_EVERY_MS = 1_000;
const LIST_MS = 1_500;

export class Room {
  readonly log = new Log();
  /** `in`: hears and may speak; `away`: waits for the connection; `out`: could not be entered. */
  readonly state = signal<"joining" | "in" | "away" | "out">("joining");
  readonly trouble = signal<Failure | null>(null);
  readonly entries = signal(this.log.entries);
  readonly people = signal<Person[] | null>(null);
  readonly total = signal(0);
  readonly typists = signal<ReadonlyMap<string, string>>(new Map());
  /** When the list of people came. */
  toldAt = 0;
  readonly read = signal(0);
  readonly unread = computed(() => unreadOf(this.entries.value, this.read.value, me.value?.userId ?? ""));

  constructor(
    readonly name: string,
    readonly isPrivate: boolean,
  ) {
    this.read.value = readMarks()[name] ?? 0;
  }

  publish(): void {
    this.entries.value = this.log.entries;
  }
}

export interface Listed {
  name: string;
  memberCount: number;
  createdAt: string;
}

export const rooms = signal<ReadonlyMap<string, Room>>(new Map());
/** `null` until it is known. */
export const listed = signal<Listed[] | null>(null);
export const listedTotal = signal(0);
export const sender = new Sender(() => mine("outbox"), {
  isOpen: (name) => phase.value === "ready" && known(name)?.state.value === "in",
  send: ({ roomName, text, clientId }) => ask(root, "room-message", { roomName, text, clientId }),
  hasHeard: (name, id) => known(name)?.log.has(id) ?? false,
});
export const unreadRooms = computed(() => [...rooms.value.values()].filter(({ unread }) => unread.value > 0).length);

// ---- what is remembered, for each user ---------------------------------------------------------

const mine = (what: string) => `${what}.${me.value?.userId ?? ""}`;
interface Remembered {
  name: string;
  isPrivate: boolean;
}
const remembered = () => browser.get<Remembered[]>(mine("rooms"), []);
const remember = () => browser.set(mine("rooms"), [...rooms.value.values()].map(({ name, isPrivate }) => ({ name, isPrivate })));
const readMarks = () => browser.get<Record<string, number>>(mine("read"), {});

export const markRead = (room: Room) => setRead(room, room.log.lastSeq);

function setRead(room: Room, seq: number): void {
  if (room.read.peek() === seq) return;
  room.read.value = seq;
  browser.set(mine("read"), { ...readMarks(), [room.name]: seq });
}

export const draft = (room: string) => browser.get<string>(mine(`draft.${room}`), "");
export const keepDraft = (room: string, text: string) => browser.set(mine(`draft.${room}`), text || null);

// ---- coming and going --------------------------------------------------------------------------

export async function create(name: string, isPrivate: boolean): Promise<Answer> {
  const answer = await ask(root, "create-room", { roomName: name, private: isPrivate });
  if (answer.ok) {
    settle(known(name) ?? put(new Room(name, isPrivate)));
    void refreshList();
  }
  return answer;
}

const entering = new Set<Room>();

/** Enters a room, or says in its `trouble` why not. */
export async function join(name: string, isPrivate = false): Promise<Room> {
  const room = known(name) ?? put(new Room(name, isPrivate));
  if (room.state.value === "in" || entering.has(room)) return room;
  entering.add(room);
  batch(() => {
    room.state.value = "joining";
    room.trouble.value = null;
  });
  const answer = await ask(root, "join-room", { roomName: name });
  entering.delete(room);
  if (answer.ok) settle(room);
  else if (answer.error.code === "no_answer") room.state.value = "away";
  else {
    batch(() => {
      room.state.value = "out";
      room.trouble.value = answer.error;
    });
  }
  return room;
}

export async function leaveRoom(room: Room): Promise<Answer> {
  const answer = await ask(root, "leave-room", { roomName: room.name });
  // Somebody who is not a member any more has left.
  const gone = answer.ok || ["not_a_member", "room_not_found"].includes(answer.error.code);
  if (gone) forget(room.name);
  void refreshList();
  return gone ? { ok: true } : answer;
}

export function forget(name: string): void {
  const next = new Map(rooms.value);
  next.delete(name);
  rooms.value = next;
  remember();
}

const known = (name: string) => rooms.value.get(name);

function put(room: Room): Room {
  rooms.value = new Map(rooms.value).set(room.name, room);
  return room;
}

function settle(room: Room): void {
  batch(() => {
    room.state.value = "in";
    room.trouble.value = null;
  });
  remember();
  void sender.go(room.name);
}

export async function refreshList(): Promise<void> {
  if (phase.value === "ready") await ask(root, "list-rooms");
}

// ---- typing ------------------------------------------------------------------------------------

let typedAt = 0;

export function tellTyping(room: Room): void {
  if (phase.value !== "ready" || Date.now() - typedAt < TYPING_EVERY_MS) return;
  typedAt = Date.now();
  root.volatile.emit("typing", { roomName: room.name });
}

export function tellStopped(room: Room): void {
  if (typedAt && phase.value === "ready") root.volatile.emit("stop-typing", { roomName: room.name });
  typedAt = 0;
}

// ---- hearing -----------------------------------------------------------------------------------

function hear(room: Room, fresh: Said[]): void {
  batch(() => {
    room.publish();
    sender.heard(fresh);
    for (const { userId } of fresh) stopTypist(room, userId);
  });
}

/** All that the server has of it. Its numbers may have begun anew: then nothing of them was read. */
function hearAll(room: Room, held: Said[]): void {
  hear(room, room.log.beginAnew(held));
  if (room.log.lastSeq < room.read.peek()) setRead(room, 0);
}

/** Whoever enters a room for the first time has not missed what was said before. */
function begin(room: Room): void {
  if (!room.read.value) markRead(room);
}

const within = <T extends { roomName: string }>(handle: (room: Room, data: T) => void) => (data: T) => {
  const room = known(data.roomName);
  if (room) handle(room, data);
};

root.on("joined-room", ({ roomName }: { roomName: string }) => {
  const room = known(roomName);
  if (room) begin(room);
});
root.on("room-created", within<{ roomName: string }>((room) => hearAll(room, [])));
root.on(
  "room-history",
  within<{ roomName: string; messages: Said[]; recovered?: boolean }>((room, { messages, recovered }) => {
    // Whoever is in has heard what is newer, perhaps.
    if (recovered === false || room.state.value !== "in") hearAll(room, messages);
    else hear(room, room.log.add(messages));
  }),
);
root.on("room-message", (message: Said) => {
  const room = known(message.roomName);
  if (room) hear(room, room.log.add([message]));
});
root.on("missed-messages", within<{ roomName: string; messages: Said[] }>((room, { messages }) => hear(room, room.log.add(messages))));

root.on("room-members", within<{ roomName: string; users: Person[]; total: number }>((room, { users, total }) =>
  batch(() => {
    room.toldAt = performance.now();
    room.people.value = users;
    room.total.value = total;
  }),
));

const comesOrLeaves = (came: boolean) =>
  within<Person & { roomName: string }>((room, { userId, username }) => {
    if (userId === me.value?.userId) {
      // Left on another device, or put out.
      if (!came) forget(room.name);
      return;
    }
    if (!came) stopTypist(room, userId);
    room.log.notice(userId, username, came);
    room.publish();
  });
root.on("user-joined-room", comesOrLeaves(true));
root.on("user-left-room", comesOrLeaves(false));

root.on("user-typing", within<Person & { roomName: string }>((room, { userId, username }) => {
  if (userId !== me.value?.userId) room.typists.value = new Map(room.typists.value).set(userId, username);
}));
root.on("user-stop-typing", within<Person & { roomName: string }>((room, { userId }) => stopTypist(room, userId)));

function stopTypist(room: Room, userId: string): void {
  if (!room.typists.value.has(userId)) return;
  const next = new Map(room.typists.value);
  next.delete(userId);
  room.typists.value = next;
}

root.on("room-list", (list: Listed[], { total }: { total: number }) =>
  batch(() => {
    listed.value = list;
    listedTotal.value = total;
  }),
);

// ---- away and back -----------------------------------------------------------------------------

tellProgress(() => {
  const entered = [...rooms.value.values()].filter(({ state }) => state.value !== "out");
  return Object.fromEntries(entered.map(({ name, log }) => [name, log.lastSeq]));
});

root.on("disconnect", () =>
  batch(() => {
    for (const room of rooms.value.values()) {
      if (room.state.value !== "out") room.state.value = "away";
      room.typists.value = new Map();
    }
  }),
);

session.on("back", ({ rooms: held, missed, recovered }) => {
  const backAt = performance.now();
  for (const room of [...rooms.value.values()]) {
    if (room.state.value === "out") continue;
    if (!held.includes(room.name)) {
      void returnTo(room);
      continue;
    }
    const messages = (missed[room.name] ?? []) as Said[];
    if (recovered[room.name] === false) hearAll(room, messages);
    else hear(room, room.log.add(messages));
    settle(room);
    setTimeout(() => void askForPeople(room, backAt), LIST_MS);
  }
});

/** Who came and went meanwhile is mostly told without asking. Joining once more tells it. */
async function askForPeople(room: Room, since: number): Promise<void> {
  if (room.state.value === "in" && room.toldAt < since) await ask(root, "join-room", { roomName: room.name });
}

session.on("entered", ({ anew }) => {
  if (!anew) sender.revive();
  if (anew) for (const room of rooms.value.values()) void returnTo(room);
  else for (const { name, isPrivate } of remembered()) void recall(name, isPrivate);
});

session.on("ready", () => {
  for (const room of rooms.value.values()) {
    if (room.state.value === "away") void join(room.name);
    else void sender.go(room.name);
  }
  void refreshList();
});

/** It may have died while nobody was there: what was begun here goes on. */
async function returnTo(room: Room): Promise<void> {
  await join(room.name);
  if (room.trouble.value?.code !== "room_not_found") return;
  const answer = await create(room.name, room.isPrivate);
  // Another one who came back was first.
  if (!answer.ok && answer.error.code === "room_exists") await join(room.name);
}

/** From an earlier life of the page: what is gone is gone. */
async function recall(name: string, isPrivate: boolean): Promise<void> {
  const room = await join(name, isPrivate);
  const waits = sender.names.value.includes(name);
  if (room.state.value === "out" && !waits && !isShown(name)) forget(name);
}

let isShown: (name: string) => boolean = () => false;
export const showing = (is: (name: string) => boolean) => (isShown = is);

session.on("left", () =>
  batch(() => {
    rooms.value = new Map();
    listed.value = null;
    sender.forget();
  }),
);
