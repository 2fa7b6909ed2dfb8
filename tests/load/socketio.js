// Socket.IO for k6: Engine.IO 4 and Socket.IO 5 over a websocket.
//
//   import { connect } from "./socketio.js";
//   const socket = connect("http://127.0.0.1:8080", { auth: { token } });
//   socket.on("connect", () => socket.emitWithAck("join-room", { roomName }, 5000).then(...));
//   socket.on("room-message", (message) => ...);
//   socket.close();
//
// Events of its own: `connect`, `connect_error` (an Error), `disconnect` (a reason).
import { WebSocket } from "k6/experimental/websockets";

// Engine.IO packet types.
const OPEN = "0";
const CLOSE = "1";
const PING = "2";
const PONG = "3";
const MESSAGE = "4";
// Socket.IO packet types.
const CONNECT = "0";
const DISCONNECT = "1";
const EVENT = "2";
const ACK = "3";
const CONNECT_ERROR = "4";
const BINARY_EVENT = "5";
const BINARY_ACK = "6";

/** Connects to a namespace. Options: `auth`, `namespace`, `path`, `headers`, `query`. */
export function connect(url, options = {}) {
  return new Socket(url, options);
}

class Socket {
  constructor(url, { auth, namespace = "/", path = "/socket.io/", headers = {}, query = {} }) {
    this.auth = auth;
    this.namespace = namespace;
    this.connected = false;
    this.id = undefined; // Socket.IO id
    this.engineId = undefined; // Engine.IO id, `<node>-<sid>`
    this.handlers = {};
    this.acks = new Map();
    this.nextAck = 0;
    this.partial = undefined; // a packet that still waits for its attachments
    this.closed = false;
    this.ws = new WebSocket(address(url, path, query), null, { headers });
    this.ws.binaryType = "arraybuffer";
    this.ws.onmessage = ({ data }) => this.#onFrame(data);
    this.ws.onerror = (event) => this.#onEnd(`transport error: ${event.error || "unknown"}`);
    this.ws.onclose = () => this.#onEnd("transport close");
  }

  /** The node that holds this connection. */
  get node() {
    return (this.engineId || "").split("-")[0];
  }

  on(event, handler) {
    (this.handlers[event] = this.handlers[event] || []).push(handler);
    return this;
  }

  emit(event, ...args) {
    this.#send(EVENT, BINARY_EVENT, "", [event, ...args]);
  }

  /** Emits and resolves to the acknowledgement's first argument. */
  emitWithAck(event, payload, timeout = 5000) {
    const id = this.nextAck;
    this.nextAck += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, new Error(`no ack of ${event} within ${timeout} ms`)), timeout);
      this.acks.set(id, { resolve, reject, timer });
      this.#send(EVENT, BINARY_EVENT, String(id), payload === undefined ? [event] : [event, payload]);
    });
  }

  close() {
    if (this.closed) return;
    if (this.connected) this.#packet(DISCONNECT, "");
    this.ws.close();
    this.#onEnd("client close");
  }

  // ---- incoming ---------------------------------------------------------------
  #onFrame(data) {
    if (typeof data !== "string") return this.#onAttachment(data);
    const body = data.slice(1);
    switch (data[0]) {
      case OPEN:
        this.engineId = JSON.parse(body).sid;
        return this.#packet(CONNECT, this.auth ? JSON.stringify(this.auth) : "");
      case PING:
        return this.ws.send(PONG + body);
      case MESSAGE:
        return this.#onPacket(body);
      case CLOSE:
        return this.close();
      default: // NOOP and what later versions may add
    }
  }

  #onPacket(text) {
    const packet = parse(text);
    if (packet.namespace !== this.namespace) return;
    if (packet.attachments > 0) {
      this.partial = { ...packet, buffers: [] };
    } else {
      this.#dispatch(packet);
    }
  }

  #onAttachment(buffer) {
    const packet = this.partial;
    if (!packet) return;
    packet.buffers.push(buffer);
    if (packet.buffers.length < packet.attachments) return;
    this.partial = undefined;
    this.#dispatch({ ...packet, data: fill(packet.data, packet.buffers) });
  }

  #dispatch({ type, id, data }) {
    switch (type) {
      case CONNECT:
        this.connected = true;
        this.id = data && data.sid;
        return this.#fire("connect");
      case CONNECT_ERROR:
        this.#fire("connect_error", new Error(data && data.message));
        return this.close();
      case EVENT:
      case BINARY_EVENT:
        return this.#fire(...data);
      case ACK:
      case BINARY_ACK:
        return this.#settle(id, undefined, data[0]);
      case DISCONNECT:
        return this.close();
      default:
    }
  }

  #fire(event, ...args) {
    for (const handler of this.handlers[event] || []) handler(...args);
  }

  #settle(id, error, value) {
    const waiting = this.acks.get(id);
    if (!waiting) return;
    this.acks.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(error);
    else waiting.resolve(value);
  }

  #onEnd(reason) {
    if (this.closed) return;
    this.closed = true;
    this.connected = false;
    for (const id of [...this.acks.keys()]) this.#settle(id, new Error(reason));
    this.#fire("disconnect", reason);
  }

  // ---- outgoing ---------------------------------------------------------------
  #send(plain, binary, id, args) {
    if (!this.connected) throw new Error("not connected");
    const buffers = [];
    const data = JSON.stringify(args.map((arg) => extract(arg, buffers)));
    const type = buffers.length > 0 ? `${binary}${buffers.length}-` : plain;
    this.#packet(type, id + data);
    for (const buffer of buffers) this.ws.send(buffer);
  }

  #packet(type, rest) {
    const namespace = this.namespace === "/" ? "" : `${this.namespace},`;
    this.ws.send(MESSAGE + type + namespace + rest);
  }
}

function address(url, path, query) {
  const extra = Object.entries(query).map(([key, value]) => `&${key}=${encodeURIComponent(value)}`);
  const base = url.replace(/^http/, "ws").replace(/\/$/, "");
  return `${base}${path}?EIO=4&transport=websocket${extra.join("")}`;
}

/** `<type>[<attachments>-][<namespace>,][<ack id>][<json>]` */
function parse(text) {
  const match = /^(\d)(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?/.exec(text);
  const [head, type, attachments, namespace, id] = match;
  const json = text.slice(head.length);
  return {
    type,
    attachments: Number(attachments || 0),
    namespace: namespace || "/",
    id: id === undefined ? undefined : Number(id),
    data: json === "" ? undefined : JSON.parse(json),
  };
}

/** Replaces each ArrayBuffer by a placeholder and collects it. */
function extract(value, buffers) {
  if (value instanceof ArrayBuffer) {
    buffers.push(value);
    return { _placeholder: true, num: buffers.length - 1 };
  }
  if (Array.isArray(value)) return value.map((item) => extract(item, buffers));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, extract(item, buffers)]));
  }
  return value;
}

/** The reverse of `extract`. */
function fill(value, buffers) {
  if (Array.isArray(value)) return value.map((item) => fill(item, buffers));
  if (!value || typeof value !== "object") return value;
  if (value._placeholder) return buffers[value.num];
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, buffers)]));
}
