// A client without a library: a websocket, and the packets that came.

import { once } from "node:events";
import { WebSocket } from "ws";

import { fresh } from "./names.js";
import { until, within } from "./until.js";

/** A websocket that has connected to "/" on the first node of the cluster; `packets` is what came. */
export async function connectedByHand(t, cluster, options) {
  const socket = new WebSocket(`${cluster.nodes[0].url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`, options);
  socket.packets = [];
  socket.on("message", (data) => socket.packets.push(String(data)));
  socket.on("error", () => {});
  t.after(() => socket.terminate());
  await within(once(socket, "open"), "open");
  socket.send(`40${JSON.stringify({ token: cluster.token({ userId: fresh("raw") }) })}`);
  await until(() => socket.packets.some((packet) => packet.startsWith("40")), "CONNECT");
  return socket;
}
