// Being there: enters the root namespace, registers, and takes the session up again after a lost connection.
import { computed, signal } from "@preact/signals";
import type { Socket } from "socket.io-client";
import { ask, drop, manager, measure, node, record, type Answer } from "./connection";
import { Emitter } from "./emitter";
import { become, identity, me, signIn, withToken, type Identity, type Person } from "./identity";
import { pause } from "./pause";

const TRIP_EVERY_MS = 2_000;
const RETRY_MS = 400;
const REFUSED_RETRY_MS = 2_000;
const MOVES = 8;
const SIGNED_OUT = "You were signed out. Sign in to go on.";
const EXPIRED = "Your token has expired. Sign in with a new one to go on.";

/** `out`: nobody; `away`: was there and will be again. */
export type Phase = "out" | "connecting" | "ready" | "away";
export const phase = signal<Phase>("out");
/** Why one is not there any more, in words. */
export const ended = signal("");
/** The token is over in less than half a minute, and the page cannot get another one by itself. */
export const ending = signal(false);

/** One return after a lost connection. */
export interface Healing {
  at: number;
  awayMs: number;
  from: string;
  to: string;
  missed: number;
  /** Rooms whose history has a hole. */
  holes: string[];
  /** Away for longer than the grace: a session was begun anew. */
  anew: boolean;
}
export const healings = signal<Healing[]>([]);
export const lastHealing = computed(() => healings.value[0] ?? null);

export interface Restored {
  userId: string;
  rooms: string[];
  missed: Record<string, unknown[]>;
  recovered: Record<string, boolean>;
}

/** `entered`: a session was begun, and `anew` if there had been one before. `renewed`: with another token. `left`:
 * one is nobody now. */
export const session = new Emitter<{ entered: { anew: boolean }; back: Restored; ready: null; renewed: string; left: null }>();

/** Asked for at each return: how far each room has been heard. */
let progress: () => Record<string, number> = () => ({});
export const tellProgress = (tell: () => Record<string, number>) => (progress = tell);

// ---- the root namespace ------------------------------------------------------------------------

export const root: Socket = manager.socket("/", { auth: (give: (auth: object) => void) => give(credentials()) });

/** What every namespace is entered with. */
export function credentials(): Record<string, unknown> {
  const who = identity.value;
  if (!who) return {};
  return who.kind === "token" ? { token: who.token } : { username: who.name, userId: who.secret };
}

let registered = false;
let lostAt = 0;
let lostNode = "";
let renewed = false;
let expiring = false;

export function start(): void {
  if (!identity.value) return;
  phase.value = "connecting";
  ended.value = "";
  root.connect();
}

/** Leaves on this device only. */
export function leave(why = ""): void {
  become(null);
  root.disconnect();
  registered = renewed = expiring = ending.value = false;
  me.value = null;
  phase.value = "out";
  ended.value = why;
  healings.value = [];
  session.emit("left", null);
}

root.on("connect", () => void welcome(root.id));

root.on("disconnect", (reason) => {
  if (phase.value === "out") return;
  lostAt ||= Date.now();
  lostNode ||= node.value;
  // The server ended it on purpose: the user signed out somewhere, or the token is over.
  if (reason === "io server disconnect") return void renewOrLeave(expiring ? EXPIRED : SIGNED_OUT);
  phase.value = registered ? "away" : "connecting";
});

root.on("connect_error", (error) => {
  if (root.active) {
    record("plain", `Not connected: ${error.message}`);
    return; // The client tries again by itself.
  }
  record("warn", `Refused: ${error.message}`);
  if (/token|authentication/i.test(error.message)) return void renewOrLeave(`${error.message}. Sign in again.`);
  setTimeout(() => phase.value !== "out" && root.connect(), REFUSED_RETRY_MS);
});

root.on("error", ({ code }: { code?: string }) => {
  if (code !== "token_expired") return;
  expiring = true;
  void refresh().then((again) => (ending.value = !again && expiring));
});

/** Begins or takes up the session, however often it takes on this connection. */
async function welcome(life: string | undefined): Promise<void> {
  renewed = false;
  while (root.connected && root.id === life) {
    if (registered ? await comeBack() : await enter()) {
      phase.value = "ready";
      lostAt = 0;
      lostNode = "";
      session.emit("ready", null);
      void measure(root);
      return;
    }
    await pause(RETRY_MS);
  }
}

/** A guest says its secret; a user with a token is known. */
function asMyself(): object {
  const who = identity.value;
  return who?.kind === "guest" ? { userId: who.secret, username: who.name } : {};
}

async function enter(): Promise<boolean> {
  const anew = lostAt > 0 && me.value !== null;
  const answer = await ask<Person>(root, "register", asMyself());
  if (!answer.ok) return false;
  registered = true;
  me.value = { userId: answer.userId, username: answer.username };
  if (anew) note({ missed: 0, holes: [], anew: true });
  session.emit("entered", { anew });
  return true;
}

async function comeBack(): Promise<boolean> {
  const answer = await ask<{ failed: string[] }>(root, "reconnect-session", { ...asMyself(), lastSeq: progress() });
  if (answer.ok) return !answer.failed?.length;
  if (answer.error.code === "session_not_found") registered = false;
  return false;
}

root.on("session-restored", (restored: Restored) => {
  const missed = Object.values(restored.missed).reduce((sum, some) => sum + some.length, 0);
  const holes = restored.rooms.filter((room) => restored.recovered[room] === false);
  note({ missed, holes, anew: false });
  session.emit("back", restored);
});

root.on("missed-messages", ({ messages }: { messages: unknown[] }) => {
  const [last, ...older] = healings.value;
  if (last) healings.value = [{ ...last, missed: last.missed + messages.length }, ...older];
});

function note(what: Pick<Healing, "missed" | "holes" | "anew">): void {
  const at = Date.now();
  const healing = { ...what, at, awayMs: lostAt ? at - lostAt : 0, from: lostNode, to: node.value };
  healings.value = [healing, ...healings.value].slice(0, 20);
  record("good", what.anew ? "Was away for too long: began anew" : `Session taken up again on ${node.value}, ${what.missed} missed`);
}

// ---- tokens that end ---------------------------------------------------------------------------

/** A token that was given for a name can be had again. */
async function refresh(): Promise<boolean> {
  const who = identity.value;
  if (who?.kind !== "token" || !who.named) return false;
  const next = await signIn(who.named).catch(() => null);
  if (!next || next.kind !== "token") return false;
  goOnWith(next);
  if (root.connected) await ask(root, "auth-refresh", { token: next.token });
  return true;
}

/** With one that was pasted, if the server takes it; nothing has changed if it does not. */
export async function renew(token: string): Promise<Answer> {
  const answer = await ask(root, "auth-refresh", { token });
  if (answer.ok) goOnWith(withToken(token));
  return answer;
}

function goOnWith(next: Extract<Identity, { kind: "token" }>): void {
  become(next);
  expiring = ending.value = false;
  session.emit("renewed", next.token);
}

/** Once: a development gateway that was started again has another key. */
async function renewOrLeave(why: string): Promise<void> {
  const again = !renewed && why !== SIGNED_OUT && (await refresh());
  if (!again) return leave(why);
  renewed = true;
  root.connect();
}

// ---- what people can do to it ------------------------------------------------------------------

/** Signs the user out on all devices. */
export async function signOutEverywhere(): Promise<boolean> {
  const answer = await ask(root, "logout");
  // The answer may be overtaken by the end of the connection, which is the answer.
  if (answer.ok) leave("You are signed out everywhere.");
  return answer.ok || !root.connected;
}

export const moving = signal(false);

/** Drops the connection until it leads to another node. Each handshake may go to any of them. */
export async function moveElsewhere(): Promise<string> {
  const from = node.value;
  moving.value = true;
  try {
    for (let i = 0; i < MOVES; i++) {
      drop();
      await until(() => phase.value !== "ready");
      await until(() => phase.value === "ready");
      if (node.value !== from) return `Moved from ${from} to ${node.value}.`;
    }
    return `Came back to ${from} each time: it seems to be the only node.`;
  } catch {
    return "No node has answered yet. The page goes on trying.";
  } finally {
    moving.value = false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("not in time");
    await pause(20);
  }
}

setInterval(() => phase.value === "ready" && void measure(root), TRIP_EVERY_MS);
