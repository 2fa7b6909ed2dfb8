// One message from one gateway to another, through nginx, by two users with
// tokens and the official client. URL and JWT_SECRET come from the environment, and
// so does PROMETHEUS_URL: with it, all three gateways must be scraped. The page must be there.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { io } from "socket.io-client";

const { URL: url = "http://127.0.0.1:8080", JWT_SECRET: secret, PROMETHEUS_URL: prometheus } = process.env;
assert(secret, "JWT_SECRET is missing");
const PATIENCE = 10_000;

function token(userId) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ userId, username: userId, iat: now, exp: now + 300 })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}: nothing within ${PATIENCE} ms`)), PATIENCE).unref()),
  ]);

const once = (socket, event) => within(new Promise((resolve) => socket.once(event, resolve)), event);

async function connect(userId) {
  const socket = io(url, { auth: { token: token(userId) }, forceNew: true });
  await within(
    new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", (error) => reject(new Error(`connect_error: ${error.message}`)));
    }),
    "connect",
  );
  return socket;
}

/** The page was taken into the image, with what it is made of. */
async function servesThePage() {
  const page = await (await fetch(url)).text();
  const [script] = page.match(/\/assets\/[^"]+\.js/) ?? assert.fail(`no page: ${page.slice(0, 200)}`);
  assert.equal((await fetch(new URL(script, url))).status, 200, script);
}

const node = (socket) => socket.io.engine.id.split("-")[0];

/** A user on any gateway but this one: nginx spreads, so a few tries will do. */
async function connectElsewhere(userId, here) {
  for (let tries = 0; tries < 20; tries += 1) {
    const socket = await connect(userId);
    if (node(socket) !== here) return socket;
    socket.close();
  }
  throw new Error(`every connection went to ${here}`);
}

async function ask(socket, event, payload) {
  const answer = await within(socket.emitWithAck(event, payload), `ack of ${event}`);
  assert.equal(answer.ok, true, `${event}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Tries until `attempt` gives something; connection refused is nothing yet. */
async function eventually(attempt, what) {
  for (let tries = 0; tries < 60; tries += 1) {
    const result = await attempt().catch(() => undefined);
    if (result) return result;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${what}: not within 30 s`);
}

async function scrapedGateways() {
  const query = new URL(`/api/v1/query?query=${encodeURIComponent('sum(up{job="starling"})')}`, prometheus);
  const { data } = await (await fetch(query)).json();
  return Number(data.result[0].value[1]);
}

await eventually(async () => (await fetch(new URL("/socket.io/?EIO=4&transport=polling", url))).ok, "nginx");
const alice = await connect("smoke-alice");
const bob = await connectElsewhere("smoke-bob", node(alice));
const roomName = `smoke-${process.pid}`;
await ask(alice, "create-room", { roomName });
await ask(bob, "join-room", { roomName });

const received = once(bob, "room-message");
const sent = await ask(alice, "room-message", { roomName, text: "hello over there" });
const message = await received;
assert.equal(message.text, "hello over there");
assert.equal(message.userId, "smoke-alice");
assert.equal(message.id, sent.id);
console.log(`smoke: alice on ${node(alice)}, bob on ${node(bob)}: message ${message.id} arrived with seq ${message.seq}`);

for (const path of ["/metrics", "/health/ready", "/v1/rooms"]) {
  const { status } = await fetch(new URL(path, url));
  assert.equal(status, 404, `${path} is reachable through nginx`);
}
console.log("smoke: the operator's paths are not reachable through nginx");
await servesThePage();
console.log("smoke: the page is there");
if (prometheus) {
  await eventually(async () => (await scrapedGateways()) === 3, "Prometheus scraping three gateways");
  console.log("smoke: Prometheus scrapes all three gateways");
}
alice.close();
bob.close();
