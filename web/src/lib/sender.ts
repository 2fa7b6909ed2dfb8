// Says what was typed: in each conversation one after the other, each until it is answered.
import { computed, signal } from "@preact/signals";
import type { Answer } from "./connection";
import { me } from "./identity";
import { newId } from "./ids";
import type { Said } from "./log";
import * as outboxes from "./outbox";
import type { Outbox, Pending } from "./outbox";
import { pause } from "./pause";
import { tab } from "./storage";

const RETRY_MS = 700;

/** What the conversations of one kind know of themselves. */
export interface Way {
  /** Whether something may be said there now. Once it may again, `go` has to be called. */
  isOpen(name: string): boolean;
  send(pending: Pending): Promise<Answer<{ id: string; seq: number }>>;
  /** Whether that message has been heard. */
  hasHeard(name: string, id: string): boolean;
}

export class Sender {
  private readonly box = signal<Outbox>([]);
  private readonly busy = new Set<string>();
  readonly waiting = computed(() => outboxes.waiting(this.box.value).length);
  readonly names = computed(() => [...new Set(this.box.value.map(({ roomName }) => roomName))]);

  /** `kept`: the name under which a reload of this window finds what is not said yet. */
  constructor(
    private readonly kept: () => string,
    private readonly way: Way,
  ) {}

  shown(name: string): Pending[] {
    return outboxes.shown(this.box.value, name);
  }

  say(name: string, text: string): void {
    this.set([...this.box.value, { clientId: newId(), roomName: name, text, at: Date.now(), state: "queued" }]);
    void this.go(name);
  }

  /** Under the same `clientId`: should the first try have arrived after all, it is not said twice. */
  readonly repeat = ({ clientId, roomName }: Pending): void => {
    this.set(outboxes.change(this.box.value, clientId, { state: "queued", error: undefined }));
    void this.go(roomName);
  };

  readonly discard = ({ clientId }: Pending): void => this.set(outboxes.without(this.box.value, clientId));

  heard(messages: Said[]): void {
    this.set(outboxes.heard(this.box.value, messages, me.value?.userId ?? ""));
  }

  /** What an earlier life of this window has left. */
  revive(): void {
    this.box.value = outboxes.revived(tab.get<Outbox>(this.kept(), []));
  }

  /** It stays kept, for when the same user signs in again. */
  forget(): void {
    this.box.value = [];
  }

  async go(name: string): Promise<void> {
    if (this.busy.has(name)) return;
    this.busy.add(name);
    try {
      while (this.way.isOpen(name)) {
        const pending = outboxes.next(this.box.value, name);
        if (!pending) return;
        await this.trySaying(pending);
      }
    } finally {
      this.busy.delete(name);
    }
  }

  private async trySaying(pending: Pending): Promise<void> {
    const { clientId, roomName } = pending;
    this.set(outboxes.change(this.box.value, clientId, { state: "sending", error: undefined }));
    const answer = await this.way.send(pending);
    const box = this.box.value;
    if (answer.ok) return this.set(outboxes.acknowledged(box, clientId, answer.seq, this.way.hasHeard(roomName, answer.id)));
    if (!answer.error.retryable) return this.set(outboxes.refused(box, clientId, answer.error));
    this.set(outboxes.postponed(box, clientId));
    await pause(RETRY_MS);
  }

  private set(next: Outbox): void {
    this.box.value = next;
    tab.set(this.kept(), next);
  }
}
