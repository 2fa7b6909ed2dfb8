// The one connection of the page. All namespaces share it; what it is like right now stands in signals.
import { signal } from "@preact/signals";
import { Manager, type Socket } from "socket.io-client";

/** How long an answer is waited for. */
export const ANSWER_MS = 8_000;
const KEPT_EVENTS = 200;
const KEPT_TRIPS = 60;

export const manager = new Manager(location.origin, {
  autoConnect: false,
  reconnectionDelay: 250,
  reconnectionDelayMax: 3_000,
  timeout: 8_000,
});

export const node = signal("");
export const transport = signal("");
/** Milliseconds; the newest last. */
export const roundTrips = signal<number[]>([]);

export type EventKind = "good" | "warn" | "plain";
export interface LinkEvent {
  key: number;
  at: number;
  kind: EventKind;
  text: string;
}
/** What happened on the connection; the newest first. */
export const linkEvents = signal<LinkEvent[]>([]);

let count = 0;
export function record(kind: EventKind, text: string): void {
  linkEvents.value = [{ key: count++, at: Date.now(), kind, text }, ...linkEvents.value].slice(0, KEPT_EVENTS);
}

// ---- the link itself ---------------------------------------------------------------------------

manager.on("open", () => {
  const { engine } = manager;
  // The id of a session is `<node>-<secret>`. The secret goes nowhere.
  node.value = (engine as unknown as { id: string }).id.split("-")[0] ?? "";
  transport.value = engine.transport.name;
  record("good", `Connected to ${node.value} by ${transport.value}`);
  engine.on("upgrade", (next: { name: string }) => {
    transport.value = next.name;
    record("plain", `Went over to ${next.name}`);
  });
});

manager.on("close", (reason: string) => {
  record("warn", `Connection to ${node.value || "the gateway"} lost: ${reason}`);
});

manager.on("reconnect_attempt", (attempt: number) => record("plain", `Trying to connect, ${attempt}`));

/** Loses the connection on purpose; the client comes back by itself, on whatever node it finds. */
export function drop(): void {
  if (manager._readyState === "open") manager.engine.close();
}

// ---- asking ------------------------------------------------------------------------------------

export interface Failure {
  code: string;
  message: string;
  retryable: boolean;
}
export type Answer<T = object> = ({ ok: true } & T) | { ok: false; error: Failure };

const NO_ANSWER: Failure = { code: "no_answer", message: "No answer", retryable: true };

/** Never rejects: where no answer came, the event may or may not have been carried out. */
export async function ask<T = object>(socket: Socket | undefined, event: string, data?: unknown): Promise<Answer<T>> {
  // What is emitted now would be kept and sent at some later time, without anybody waiting for it.
  if (!socket?.connected) return { ok: false, error: NO_ANSWER };
  const words = data === undefined ? [] : [data];
  try {
    return (await socket.timeout(ANSWER_MS).emitWithAck(event, ...words)) as Answer<T>;
  } catch {
    return { ok: false, error: NO_ANSWER };
  }
}

/** Measures one round trip, if there is a way. */
export async function measure(socket: Socket): Promise<void> {
  if (!socket.connected || document.hidden) return;
  const since = performance.now();
  const answer = await ask(socket, "ping");
  if (!answer.ok) return;
  const ms = performance.now() - since;
  roundTrips.value = [...roundTrips.value, ms].slice(-KEPT_TRIPS);
}
