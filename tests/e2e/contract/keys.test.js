// EVENTS.md, "Connecting", keys: HS256, RS256, ES256, EdDSA or a JWKS file; issuer and audience.

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import { Client } from "../lib/client.js";
import { startGateway } from "../lib/gateway.js";
import { now } from "../lib/token.js";

const SIGNERS = {
  RS256: (key, data) => sign("sha256", data, key),
  ES256: (key, data) => sign("sha256", data, { key, dsaEncoding: "ieee-p1363" }),
  EdDSA: (key, data) => sign(null, data, key),
  HS256: (secret, data) => createHmac("sha256", secret).update(data).digest(),
};
const PAIRS = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};

function token(alg, key, claims = {}, header = {}) {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const body = { userId: "ann", iat: now(), exp: now() + 60, ...claims };
  const data = `${encode({ alg, typ: "JWT", ...header })}.${encode(body)}`;
  return `${data}.${SIGNERS[alg](key, Buffer.from(data)).toString("base64url")}`;
}

const pem = (key) => key.export({ type: "spki", format: "pem" });

/** A gateway for this suite, with `files` (name → text) beside it and `env` of their paths. */
function gatewayWith(files, env) {
  const state = {};
  before(async () => {
    state.dir = mkdtempSync(join(tmpdir(), "starling-keys-"));
    const path = (name) => join(state.dir, name);
    for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text);
    state.gateway = await startGateway({ env: env(path) });
  });
  after(async () => {
    await state.gateway?.stop();
    rmSync(state.dir, { recursive: true });
  });
  return async (t, token) => {
    const client = new Client(`http://127.0.0.1:${state.gateway.port}`, { auth: { token } });
    t.after(() => client.close());
    return client.ready().then(() => "welcome", ({ message }) => message);
  };
}

for (const alg of Object.keys(PAIRS)) {
  suite(`a gateway with an ${alg} public key`, () => {
    const [good, bad] = [PAIRS[alg](), PAIRS[alg]()];
    const connect = gatewayWith({ "key.pem": pem(good.publicKey) }, (path) => ({
      STARLING_JWT_PUBLIC_KEY: path("key.pem"),
      STARLING_JWT_ALGORITHM: alg,
    }));

    test("lets in whoever holds a token of that key", async (t) => {
      assert.equal(await connect(t, token(alg, good.privateKey)), "welcome");
    });

    test("takes no token of another key", async (t) => {
      assert.equal(await connect(t, token(alg, bad.privateKey)), "Invalid token");
    });

    test("does not take the public key for an HS256 secret", async (t) => {
      assert.equal(await connect(t, token("HS256", pem(good.publicKey))), "Invalid token");
    });

    test("still tells an expired token from an invalid one", async (t) => {
      assert.equal(await connect(t, token(alg, good.privateKey, { exp: now() - 1 })), "Token expired");
    });
  });
}

suite("a gateway with a JWKS file", () => {
  const pairs = Object.fromEntries(Object.entries(PAIRS).map(([alg, make]) => [alg, make()]));
  const keys = Object.entries(pairs).map(([alg, { publicKey }]) => ({ ...publicKey.export({ format: "jwk" }), kid: `key-${alg}`, alg, use: "sig" }));
  const connect = gatewayWith({ "jwks.json": JSON.stringify({ keys }) }, (path) => ({ STARLING_JWT_JWKS: path("jwks.json") }));

  for (const [alg, { privateKey }] of Object.entries(pairs)) {
    test(`lets in a token of its ${alg} key`, async (t) => {
      assert.equal(await connect(t, token(alg, privateKey, {}, { kid: `key-${alg}` })), "welcome");
    });
  }

  test("takes no token with an unknown kid, or with another key's", async (t) => {
    const { privateKey } = pairs.ES256;
    assert.equal(await connect(t, token("ES256", privateKey, {}, { kid: "nobody" })), "Invalid token");
    assert.equal(await connect(t, token("ES256", privateKey, {}, { kid: "key-RS256" })), "Invalid token");
  });
});

suite("a gateway with an issuer and an audience", () => {
  const secret = "an honest secret of forty and some bytes";
  const connect = gatewayWith({}, () => ({
    STARLING_JWT_SECRET: secret,
    STARLING_JWT_ISSUER: "login",
    STARLING_JWT_AUDIENCE: "chat",
  }));
  const tries = [
    [{ iss: "login", aud: "chat" }, "welcome"],
    [{ iss: "login", aud: ["mail", "chat"] }, "welcome"],
    [{ iss: "login" }, "Invalid token"],
    [{ aud: "chat" }, "Invalid token"],
    [{ iss: "other", aud: "chat" }, "Invalid token"],
    [{ iss: "login", aud: "mail" }, "Invalid token"],
    [{ iss: "login", aud: [] }, "Invalid token"],
  ];
  for (const [claims, answer] of tries) {
    test(`says "${answer}" to ${JSON.stringify(claims)}`, async (t) => {
      assert.equal(await connect(t, token("HS256", secret, claims)), answer);
    });
  }
});
