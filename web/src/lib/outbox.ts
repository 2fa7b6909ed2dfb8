// What was typed here and is not known to be said yet. Pure: a list in, a list out.
import type { Failure } from "./connection";
import type { Said } from "./log";

export interface Pending {
  clientId: string;
  roomName: string;
  text: string;
  at: number;
  state: "queued" | "sending" | "sent" | "failed";
  error?: Failure;
  /** Known from the acknowledgement. */
  seq?: number;
  /** Id of the message that seems to be this one: it is shown in its place. */
  echo?: string;
}

export type Outbox = readonly Pending[];

/** The next to send in a room: one after the other, so that they stay in the order they were typed in. */
export function next(box: Outbox, roomName: string): Pending | undefined {
  return box.find((one) => one.roomName === roomName && one.state === "queued");
}

export function change(box: Outbox, clientId: string, to: Partial<Pending>): Outbox {
  return box.map((one) => (one.clientId === clientId ? { ...one, ...to } : one));
}

export const without = (box: Outbox, clientId: string): Outbox => box.filter((one) => one.clientId !== clientId);

/**
 * The acknowledgement says which message it became. It may come before or after the message itself;
 * until that is there, this one stands for it.
 */
export function acknowledged(box: Outbox, clientId: string, seq: number, isHere: boolean): Outbox {
  return isHere ? without(box, clientId) : change(box, clientId, { state: "sent", seq, echo: undefined, error: undefined });
}

/** No way to know yet, or to say it: it waits, and is repeated under the same `clientId`. */
export const postponed = (box: Outbox, clientId: string): Outbox => change(box, clientId, { state: "queued" });

export const refused = (box: Outbox, clientId: string, error: Failure): Outbox =>
  change(box, clientId, { state: "failed", error, echo: undefined });

/** One's own messages come back like those of others, and do not say which of these they are. */
export function heard(box: Outbox, messages: Said[], me: string): Outbox {
  for (const message of messages) if (message.userId === me) box = hear(box, message);
  return box;
}

function hear(box: Outbox, { id, seq, roomName, text }: Said): Outbox {
  const here = box.filter((one) => one.roomName === roomName);
  const sent = here.find((one) => one.seq === seq);
  if (sent) return without(box, sent.clientId);
  const likely = here.find((one) => one.state === "sending" && !one.echo && one.text === text);
  return likely ? change(box, likely.clientId, { echo: id }) : box;
}

/** After a reload: what was under way has to be said again. */
export const revived = (box: Outbox): Outbox =>
  box.filter(({ state }) => state !== "sent").map((one) => (one.state === "failed" ? one : { ...one, state: "queued", echo: undefined }));

/** What people see of it in a room. */
export const shown = (box: Outbox, roomName: string) => box.filter((one) => one.roomName === roomName && !one.echo);

/** What is not said yet, as far as is known. */
export const waiting = (box: Outbox) => box.filter(({ state, echo }) => (state === "queued" || state === "sending") && !echo);
