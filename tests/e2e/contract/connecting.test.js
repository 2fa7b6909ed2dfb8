// EVENTS.md, "Connecting": who is let in, and with which words the others are turned away.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { fresh } from "../lib/names.js";
import { onEveryRoute, ROUTES } from "../lib/routes.js";
import { now } from "../lib/token.js";

const cluster = useCluster();

/** What each kind of bad token is answered with. */
const BAD_TOKENS = {
  "no token": [() => undefined, "Authentication required"],
  "an expired token": [() => cluster.token({ userId: "u", exp: now() - 1 }), "Token expired"],
  "a token without exp": [() => cluster.token({ userId: "u", exp: undefined }), "Invalid token"],
  "a token without a user": [() => cluster.token({ username: "u" }), "Invalid token"],
  "a token with an empty user id": [() => cluster.token({ userId: "" }), "Invalid token"],
  "a token with an object for a user id": [() => cluster.token({ userId: { id: 7 } }), "Invalid token"],
  "a token that is not valid yet": [() => cluster.token({ userId: "u", nbf: now() + 60 }), "Invalid token"],
  "another algorithm": [() => cluster.token({ userId: "u" }, { algorithm: "HS512" }), "Invalid token"],
  "the algorithm none": [() => unsigned(cluster.token({ userId: "u" })), "Invalid token"],
  "a broken signature": [() => `${cluster.token({ userId: "u" })}x`, "Invalid token"],
  "text that is no token": [() => "not.a.token", "Invalid token"],
};

function unsigned(token) {
  const header = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
  return `${header}.${token.split(".")[1]}.`;
}

onEveryRoute((route) => {
  const open = (t, options) => cluster.open(t, route.address(cluster, 1), { transport: route.transport, ...options });

  test("a token in auth lets a user in", async (t) => {
    const auth = { token: cluster.token({ userId: fresh("ann"), username: "Ann" }) };
    await open(t, { auth }).ready();
  });

  test("a token in the Authorization header lets a user in", async (t) => {
    const token = cluster.token({ userId: fresh("ann"), username: "Ann" });
    await open(t, { extraHeaders: { Authorization: `Bearer ${token}` } }).ready();
  });

  for (const [kind, [token, message]] of Object.entries(BAD_TOKENS)) {
    test(`${kind} is answered with "${message}"`, async (t) => {
      assert.equal(await open(t, { auth: { token: token() } }).refusal(), message);
    });
  }
});

suite("tokens", () => {
  const open = (t, options) => cluster.open(t, cluster.nodes[0].url, options);

  test("auth comes before the header", async (t) => {
    const good = cluster.token({ userId: "u" });
    const client = open(t, { auth: { token: "bad" }, extraHeaders: { Authorization: `Bearer ${good}` } });
    assert.equal(await client.refusal(), "Invalid token");
  });

  test("a token signed with somebody else's secret is invalid", async (t) => {
    const [header, body] = cluster.token({ userId: "u" }).split(".");
    const [, , signature] = cluster.token({ userId: "other" }).split(".");
    assert.equal(await open(t, { auth: { token: `${header}.${body}.${signature}` } }).refusal(), "Invalid token");
  });

  test("the algorithm is never the token's choice: RS256 against an HS256 gateway is invalid", async (t) => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const { default: jwt } = await import("jsonwebtoken");
    const token = jwt.sign({ userId: "u", exp: now() + 60 }, privateKey, { algorithm: "RS256" });
    assert.equal(await open(t, { auth: { token } }).refusal(), "Invalid token");
  });

  for (const token of [7, true, {}, []]) {
    test(`the token ${JSON.stringify(token)} in auth is invalid`, async (t) => {
      assert.equal(await open(t, { auth: { token } }).refusal(), "Invalid token");
    });
  }

  test("an expired token with a wrong signature is invalid, not expired", async (t) => {
    const token = `${cluster.token({ userId: "u", exp: now() - 60 }).slice(0, -3)}AAA`;
    assert.equal(await open(t, { auth: { token } }).refusal(), "Invalid token");
  });

  test("sub and name stand in for userId and username", async (t) => {
    const [id, other] = [fresh("ann"), fresh("bob")];
    const ann = await open(t, { auth: { token: cluster.token({ sub: id, name: "Ann" }) } }).ready();
    const bob = await cluster.user(t, "bob", { id: other, node: 1 });
    await ann.ok("register", {});
    await bob.next("user-online", { userId: id, username: "Ann" });
  });

  test("a number as user id stands for its digits", async (t) => {
    const userId = Math.floor(Math.random() * 1e12);
    const ann = await open(t, { auth: { token: cluster.token({ userId, username: "Ann" }) } }).ready();
    const bob = await cluster.user(t, "bob", { node: 1 });
    await ann.ok("register", {});
    await bob.next("user-online", { userId: String(userId) });
  });

  test("an unknown namespace is refused as Socket.IO refuses it", async (t) => {
    const auth = { token: cluster.token({ userId: "u" }) };
    const client = cluster.open(t, `${cluster.nodes[0].url}/nowhere`, { auth });
    assert.equal(await client.refusal(), "Invalid namespace");
  });

  test("after a refusal the same client gets in with a better token", async (t) => {
    const auth = { token: "bad" };
    const client = open(t, { auth });
    await client.refusal();
    auth.token = cluster.token({ userId: fresh("ann") });
    client.socket.connect();
    await client.ready();
  });
});

test("whoever takes 25 s to find a token is let in, on every route", async (t) => {
  const token = cluster.token({ userId: fresh("slow") });
  const auth = (found) => setTimeout(() => found({ token }), 25_000);
  const slow = ROUTES.map((route) => cluster.open(t, route.address(cluster, 0), { transport: route.transport, auth }));
  for (const client of slow) await client.next("connect", undefined, 40_000);
});
