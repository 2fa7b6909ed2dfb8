// Who one is, and the ways to be somebody.
import { signal } from "@preact/signals";
import { newId } from "./ids";
import { pause } from "./pause";
import { tab } from "./storage";

export type Identity =
  /** `named`: by a name alone, in development; such a token can be had again. */
  | { kind: "token"; token: string; named?: string }
  /** The secret is how a guest comes back as itself; others see another id. */
  | { kind: "guest"; name: string; secret: string };

export interface Person {
  userId: string;
  username: string;
}

/** What the gateway lets in. */
export interface Ways {
  signIn: boolean;
  guest: boolean;
  maxText: number;
}

export const identity = signal<Identity | null>(tab.get<Identity | null>("identity", null));
export const me = signal<Person | null>(null);
export const ways = signal<Ways | null>(null);

export function become(who: Identity | null): void {
  identity.value = who;
  tab.set("identity", who);
}

export const asGuest = (name: string): Identity => ({ kind: "guest", name, secret: newId(16) });
export const withToken = (token: string): Extract<Identity, { kind: "token" }> => ({ kind: "token", token });

/** Asks which ways in there are, until it is answered. */
export async function learnWays(): Promise<void> {
  for (;;) {
    try {
      const answer = await fetch("/site.json");
      if (answer.ok) {
        ways.value = (await answer.json()) as Ways;
        return;
      }
    } catch {
      // The gateway is not there yet.
    }
    await pause(1_000);
  }
}

/** In development: a token for a name. The error is for people. */
export async function signIn(name: string): Promise<Identity> {
  const answer = await fetch("/dev/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  }).catch(() => null);
  if (!answer) throw new Error("The gateway does not answer. Try again in a moment.");
  const body = (await answer.json().catch(() => null)) as { token?: string; error?: { message: string } } | null;
  if (!body?.token) throw new Error(body?.error?.message ?? "Signing in did not work. Try again in a moment.");
  return { kind: "token", token: body.token, named: name };
}
