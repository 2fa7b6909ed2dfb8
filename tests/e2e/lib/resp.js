// As much of Redis' protocol as a test needs to be nasty to it.

import { once } from "node:events";
import { connect } from "node:net";

import { within } from "./until.js";

/** Sends one command to the Redis at `url`; returns its answer as text. */
export async function redis(url, ...words) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await within(once(socket, "connect"), "Redis accepts");
    const bulks = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.write(`*${words.length}\r\n${bulks.join("")}`);
    const [answer] = await within(once(socket, "data"), `Redis answers ${words[0]}`);
    const text = answer.toString();
    if (text.startsWith("-")) throw new Error(`Redis: ${text.trim()}`);
    return text;
  } finally {
    socket.destroy();
  }
}
