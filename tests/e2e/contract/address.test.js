// EVENTS.md, "Connecting": `/socket.io` without its last slash is the same address.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";

import { useCluster } from "../lib/cluster.js";
import { onEveryRoute } from "../lib/routes.js";
import { within } from "../lib/until.js";

const cluster = useCluster();

onEveryRoute((route) => {
  test("a client that leaves the last slash out connects and is answered", async (t) => {
    const ann = await cluster.user(t, "ann", { route, path: "/socket.io", addTrailingSlash: false });
    await ann.ok("ping");
  });
});

test("through nginx no websocket is redirected", async (t) => {
  const url = `${cluster.url.replace("http", "ws")}/socket.io?EIO=4&transport=websocket`;
  const socket = new WebSocket(url, { followRedirects: false });
  t.after(() => socket.terminate());
  const [open] = await within(once(socket, "message"), "the open packet");
  assert.match(String(open), /^0\{"sid":/);
});

test("the node's cookie is good for both addresses", async () => {
  for (const address of ["/socket.io", "/socket.io/"]) {
    const response = await fetch(`${cluster.url}${address}?EIO=4&transport=polling`, { redirect: "error" });
    assert.match(response.headers.get("set-cookie"), /^starling_node=\w+; Path=\/socket\.io;/, address);
  }
});
