// A box on the way that does not like websockets, as some firewalls, proxies and balancers are. What
// polls passes untouched and is counted; what becomes of a websocket a test says.

import { once } from "node:events";
import { connect, createServer } from "node:net";

import { within } from "./until.js";

const REQUEST = /^(GET|POST) \S*transport=(polling|websocket)/;

/**
 * A box before `url`, or before what that says when asked, closed with the test: `{url, cut, polls, posts,
 * websockets}`, the last three counts so far; `cut()` cuts whatever passes now.
 * `websocket(client, gateway, request)` is given both ends of a connection that asks for one, and its
 * request, which nobody has passed on; `late` is how many ms all else takes, `{up, down}`.
 */
export async function box(t, url, websocket, { up = 0, down = 0 } = {}) {
  const counts = { polls: 0, posts: 0, websockets: 0 };
  const open = new Set();
  const server = createServer((client) => {
    const { hostname, port } = new URL(typeof url === "function" ? url() : url);
    const gateway = connect(Number(port), hostname);
    for (const socket of [client, gateway]) {
      open.add(socket.setNoDelay(true));
      socket.on("error", () => {});
      // Not before what is on its way has come.
      socket.on("close", () => (open.delete(socket), setTimeout(() => (client.destroy(), gateway.destroy()), Math.max(up, down))));
    }
    client.once("data", (first) => {
      if (REQUEST.exec(first)?.[2] === "websocket") {
        counts.websockets++;
        return websocket(client, gateway, first);
      }
      // A request begins with a chunk: nobody sends the next one before the last was answered.
      const count = (bytes) => {
        const method = REQUEST.exec(bytes.toString("latin1", 0, 200))?.[1];
        if (method) counts[method === "GET" ? "polls" : "posts"]++;
      };
      count(first);
      client.on("data", count);
      carry(client, gateway, up, first);
      carry(gateway, client, down);
    });
  });
  server.listen(0, "127.0.0.1");
  await within(once(server, "listening"), "the box is there");
  const cut = () => open.forEach((socket) => socket.destroy());
  t.after(() => {
    cut();
    return new Promise((closed) => server.close(closed));
  });
  return Object.assign(counts, { cut, url: `http://127.0.0.1:${server.address().port}` });
}

/** Passes on what comes from one to the other, each piece `late` ms after it came. */
export function carry(from, to, late = 0, first) {
  const pass = (bytes) => (late ? setTimeout(() => to.write(bytes), late) : to.write(bytes));
  if (first) pass(first);
  from.on("data", pass);
}

/** Answers the request itself. */
export const refuses = (status) => (client) => client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);

/** Takes the request, and nothing comes back. */
export const isSilent = (client) => client.resume();

/** Lets the websocket open, and so many bytes more of each side pass; the rest is gone without a word. */
export const swallows = ({ up = 0, down = 0 }) => opened((client, gateway) => {
  for (const [from, to, most] of [[client, gateway, up], [gateway, client, down]]) {
    let left = most;
    from.on("data", (bytes) => {
      if (left > 0) to.write(bytes.subarray(0, left));
      left -= bytes.length;
    });
  }
});

/** Lets the websocket open, and cuts it when so many packets of the probe have passed. */
export const cutsAfter = (packets) => opened((client, gateway) => {
  let passed = 0;
  const cut = () => (client.destroy(), gateway.destroy());
  if (packets === 0) return cut();
  for (const [from, to] of [[client, gateway], [gateway, client]]) {
    // They are a turn each, so each comes by itself.
    from.on("data", (bytes) => to.write(bytes, () => ++passed === packets && cut()));
  }
});

/** Takes so many ms more for each direction. */
export const delays = ({ up = 0, down = 0 }) => (client, gateway, request) => {
  carry(client, gateway, up, request);
  carry(gateway, client, down);
};

/** Passes the request and its answer on, and leaves the rest to `then`. */
function opened(then) {
  return (client, gateway, request) => {
    gateway.write(request);
    gateway.once("data", (answer) => {
      // The head comes by itself: it is the client that speaks first, but for an upgraded session.
      client.write(answer, () => then(client, gateway));
    });
  };
}
