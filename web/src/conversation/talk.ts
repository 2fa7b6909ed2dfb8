// What a conversation is to those who show it: a room, everybody, somebody.
import type { ReadonlySignal } from "@preact/signals";
import type { Person } from "../lib/identity";
import type { Entry } from "../lib/log";
import type { Pending } from "../lib/outbox";

export interface Talk {
  /** "Message to …". */
  readonly name: string;
  readonly title: string;
  readonly me: ReadonlySignal<Person | null>;
  readonly entries: ReadonlySignal<readonly Entry[]>;
  /** What is not said yet. */
  readonly pending: ReadonlySignal<readonly Pending[]>;
  /** The last `seq` that was read. */
  readonly read: ReadonlySignal<number>;
  readonly unread: ReadonlySignal<number>;
  /** By their ids. */
  readonly typists: ReadonlySignal<ReadonlyMap<string, string>>;
  markRead(): void;
  say(text: string): void;
  repeat(pending: Pending): void;
  discard(pending: Pending): void;
  /** Why it was not said, where there are better words than those for all pages. */
  explain?(pending: Pending): string | undefined;
  draft(): string;
  keepDraft(text: string): void;
  tellTyping(): void;
  tellStopped(): void;
}
