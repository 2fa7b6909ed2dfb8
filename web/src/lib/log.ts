// What was said in one room, as far as it is known here: in order, each once, holes marked.

export interface Said {
  id: string;
  seq: number;
  roomName: string;
  userId: string;
  username: string;
  text: string;
  timestamp: string;
}

export type Entry =
  | { kind: "message"; key: string; message: Said; at: number }
  /** Something before the next entry could not be recovered; `lost`: the server has nothing of what was before. */
  | { kind: "gap"; key: string; at: number; lost: boolean }
  /** Somebody came or left. */
  | { kind: "notice"; key: string; at: number; userId: string; username: string; came: boolean };

const KEPT = 1_000;

export class Log {
  entries: Entry[] = [];
  /** Of the last message that was heard; 0 before the first. */
  lastSeq = 0;
  #ids = new Set<string>();
  #count = 0;

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Takes in what is new of `messages`, which are in order; returns that. */
  add(messages: Said[]): Said[] {
    const fresh = messages.filter(({ id }) => !this.#ids.has(id));
    for (const message of fresh) {
      if (this.lastSeq && message.seq !== this.lastSeq + 1) this.#gap(Date.parse(message.timestamp));
      this.#ids.add(message.id);
      this.lastSeq = message.seq;
      this.#push({ kind: "message", key: message.id, message, at: Date.parse(message.timestamp) });
    }
    return fresh;
  }

  /** All that is held on the server, which may not follow what was heard here. */
  beginAnew(held: Said[]): Said[] {
    const follows = held.some(({ id }) => this.#ids.has(id));
    const [first] = held;
    const lost = !first || first.seq <= this.lastSeq;
    if (this.lastSeq && !follows) this.#gap(first ? Date.parse(first.timestamp) : Date.now(), lost);
    // The gap is marked: what comes need not follow the last one.
    if (!follows) this.lastSeq = 0;
    return this.add(held);
  }

  notice(userId: string, username: string, came: boolean, at = Date.now()): void {
    this.#push({ kind: "notice", key: this.#key("notice"), at, userId, username, came });
  }

  #gap(at: number, lost = false): void {
    if (this.entries.at(-1)?.kind !== "gap") this.#push({ kind: "gap", key: this.#key("gap"), at, lost });
  }

  #key(kind: string): string {
    return `${kind}-${this.#count++}`;
  }

  #push(entry: Entry): void {
    const all = [...this.entries, entry];
    // Histories hold a hundred: what has left here is not told again.
    for (const { key } of all.slice(0, -KEPT)) this.#ids.delete(key);
    this.entries = all.slice(-KEPT);
  }
}
