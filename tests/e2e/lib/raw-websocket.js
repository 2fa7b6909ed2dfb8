// A websocket by hand on a TCP stream, which reads as slowly as a test wishes, and of which there may be
// thousands.

import { once } from "node:events";
import { connect } from "node:net";

import { within } from "./until.js";

/** What is read at once. All of them share it: it is looked at before the next one reads. */
const PIECE = Buffer.alloc(1024);
const KEY = Buffer.alloc(16).toString("base64");
/** A mask of zeros leaves a payload as it is. */
const MASK = Buffer.alloc(4);

export class RawWebsocket {
  /** Bytes that came. */
  taken = 0;
  /** What came last, as text. */
  tail = "";
  closed = false;
  #reads = true;

  /** Opens a session at `url` (http); `options` are those of `connect`. */
  static async open(url, options) {
    const raw = new RawWebsocket(url, options);
    await raw.until("0{", "the session opens");
    return raw;
  }

  constructor(url, options) {
    const { hostname, port } = new URL(url);
    const callback = (length, buffer) => this.#take(buffer.toString("latin1", 0, length));
    this.socket = connect({ host: hostname, port: Number(port), onread: { buffer: PIECE, callback }, ...options });
    this.socket.on("error", () => {});
    this.socket.on("close", () => ((this.closed = true), this.#look?.()));
    this.#write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
  }

  /** Sends a text of less than 64 kB. */
  send(text) {
    const payload = Buffer.from(text);
    const short = payload.length < 126;
    const head = Buffer.from(short ? [0x81, 0x80 | payload.length] : [0x81, 0xfe, payload.length >> 8, payload.length & 255]);
    this.#write(Buffer.concat([head, MASK, payload]));
  }

  /** Waits until `text` has come. */
  async until(text, what, ms) {
    const came = new Promise((resolve, reject) => {
      this.#look = () => (this.tail.includes(text) ? resolve() : this.closed && reject(new Error(`closed instead of: ${what}`)));
      this.#look();
    });
    await within(came, what, ms);
    this.#look = undefined;
  }
  #look;

  /** Reads no more; what the kernel takes for it is all there is. */
  stop() {
    this.#reads = false;
    this.socket.pause();
  }

  /** Reads 1 kB, and then no more. */
  sip() {
    this.#reads = false;
    this.socket.resume();
  }

  /** Says goodbye, as a browser does that leaves. */
  async close() {
    if (this.closed) return;
    const closed = once(this.socket, "close");
    this.socket.end(Buffer.concat([Buffer.from([0x88, 0x80]), MASK]));
    this.#reads = true;
    this.socket.resume();
    await within(closed, "a websocket is closed");
  }

  /** Vanishes. */
  drop() {
    this.socket.destroy();
  }

  #write(bytes) {
    this.socket.write(bytes);
  }

  #take(text) {
    this.taken += text.length;
    this.tail = (this.tail + text).slice(-2 * PIECE.length);
    this.#look?.();
    return this.#reads;
  }
}
