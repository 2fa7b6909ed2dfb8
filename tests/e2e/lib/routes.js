// The ways to a gateway. A fact of the contract must hold on each of them.

import { suite } from "node:test";

const TRANSPORTS = {
  websocket: "websocket only",
  polling: "polling only",
  upgrade: "polling, then upgraded",
};

/** Straight to a node: the first user to the first node, the second to the second, and so on. */
const straight = (cluster, n) => cluster.nodes[n % cluster.nodes.length].url;
const throughNginx = (cluster) => cluster.url;

const along = (address, where) =>
  Object.entries(TRANSPORTS).map(([transport, words]) => ({ name: `${words}, ${where}`, transport, address }));

export const DIRECT = along(straight, "straight to two nodes")[0];
export const NGINX = along(throughNginx, "through nginx")[0];
export const ROUTES = [...along(straight, "straight to two nodes"), ...along(throughNginx, "through nginx")];

/** Defines the same tests once for each route. */
export function onEveryRoute(define) {
  for (const route of ROUTES) suite(route.name, () => define(route));
}
