// What one user has received in one room, checked as it comes: `seq` grows by one
// from the first message seen, nothing twice, nothing out of order.

export class RoomLog {
  constructor(metrics) {
    this.metrics = metrics;
    this.last = 0; // the highest seq received
    this.first = undefined; // where this user's view begins
    this.missing = new Set(); // passed over, and not (yet) here
    this.own = new Set(); // acknowledged, and not (yet) here
    this.held = undefined; // live messages that came before the missed ones
    for (const name of ["lost", "duplicates", "disorder", "unacknowledged"]) metrics[name].add(0);
  }

  /** A live message. */
  received(message) {
    if (this.held) this.held.push(message);
    else this.#take(message, false);
  }

  /** The connection is gone: what comes next waits for what was missed. */
  pause() {
    this.held = [];
  }

  /** What the session missed, then what has come live in between; these may overlap. */
  restored(missed) {
    const held = this.held || [];
    this.held = undefined;
    for (const message of [...missed, ...held]) this.#take(message, true);
  }

  /** The session could not be restored: a new view of the room. */
  startAnew() {
    const held = this.held || [];
    this.held = undefined;
    this.first = undefined;
    this.own.clear();
    for (const message of held) this.#take(message, true);
  }

  /** The server has stored a message of this user. */
  acknowledged(seq) {
    if (this.first === undefined || seq > this.last || this.missing.has(seq)) this.own.add(seq);
  }

  /** At the end: whatever was passed over or acknowledged and never came is lost. */
  finish() {
    for (const seq of this.own) this.missing.add(seq);
    this.metrics.lost.add(this.missing.size);
  }

  #take({ seq, text }, overlapping) {
    this.own.delete(seq);
    if (this.first === undefined) {
      this.first = seq;
    } else if (seq <= this.last) {
      if (this.missing.delete(seq)) this.metrics.disorder.add(1);
      else if (!overlapping) this.metrics.duplicates.add(1);
      return;
    } else {
      for (let passed = this.last + 1; passed < seq; passed += 1) this.missing.add(passed);
    }
    this.last = seq;
    this.metrics.received.add(1);
    // Late by design after an absence: only live ones tell the latency.
    if (!overlapping) this.metrics.deliveryMs.add(Date.now() - Number(text));
  }
}
