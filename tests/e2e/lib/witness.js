// Transport ids are bearer secrets: whoever knows one can read its polling session. The witness sees
// all that any client of this test file was sent, and knows every id that was ever handed out.

export class Witness {
  /** Without repetitions: a list goes to hundreds of clients. */
  #heard = new Set();
  #secrets = new Map();

  /** Notes a transport id; `owner` is named if it leaks. */
  keepSecret(id, owner) {
    if (!id) return;
    this.#secrets.set(id, owner);
    // The sticky form is `<node>-<sid>`: its tail alone is the secret.
    const tail = id.replace(/^[a-z0-9]{1,16}-/, "");
    if (tail.length >= 8) this.#secrets.set(tail, owner);
  }

  /** Notes something that a client was sent. */
  hear(what, data) {
    if (data !== undefined) this.#heard.add(`${what} ${JSON.stringify(data)}`);
  }

  /** What was sent although it contains somebody's transport id. */
  leaks() {
    const all = [...this.#heard].join("\n");
    return [...this.#secrets]
      .filter(([id]) => all.includes(id))
      .map(([id, owner]) => `${owner}'s transport id in: ${[...this.#heard].find((text) => text.includes(id))}`);
  }
}

/** Of this test file. */
export const witness = new Witness();
