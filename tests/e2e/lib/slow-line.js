// A way to a gateway that carries only so much per second towards the client, as a phone's does.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { within } from "./until.js";

/** Returns the address that leads to `url` at `bytesPerSecond`; closed with the test. */
export async function slowLine(t, url, bytesPerSecond) {
  const { hostname, port } = new URL(url);
  const open = new Set();
  const server = createServer((client) => {
    const gateway = connect(Number(port), hostname);
    for (const socket of [client, gateway]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (open.delete(socket), client.destroy(), gateway.destroy()));
    }
    client.pipe(gateway);
    // The end of either is the end of both.
    carry(gateway, client, bytesPerSecond).catch(() => {});
  });
  server.listen(0, "127.0.0.1");
  await within(once(server, "listening"), "the slow line is there");
  t.after(() => {
    for (const socket of open) socket.destroy();
    return new Promise((closed) => server.close(closed));
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Takes the next bytes only when the line is free for them. */
async function carry(from, to, bytesPerSecond) {
  let free = performance.now();
  for await (const bytes of from) {
    to.write(bytes);
    free = Math.max(free, performance.now()) + (bytes.length / bytesPerSecond) * 1_000;
    const wait = free - performance.now();
    if (wait > 1) await delay(wait);
  }
  to.end();
}
