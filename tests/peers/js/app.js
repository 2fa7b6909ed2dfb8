// The trivial application that every peer has: the same three events on Node, on Bun and on
// socketioxide (../socketioxide).

import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";

/** The classic Redis adapter, as its page shows it. */
export async function adapter() {
  const publisher = createClient({ url: process.env.REDIS_URL });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return createAdapter(publisher, subscriber);
}

export function serve(io) {
  io.on("connection", (socket) => {
    socket.on("join", (room, answer) => {
      socket.join(room);
      answer({ ok: true });
    });
    socket.on("say", (room, text) => io.to(room).emit("said", text));
    socket.on("echo", (text, answer) => answer({ ok: true, text }));
  });
}
