// EVENTS.md, "Connecting", expiry: warned 30 s before, disconnected at exp, prolonged by auth-refresh.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { useCluster } from "../lib/cluster.js";
import { DIRECT, ROUTES } from "../lib/routes.js";
import { now } from "../lib/token.js";
import { holds } from "../lib/until.js";

const cluster = useCluster();
/** Long enough for several users to connect at once on a busy machine. */
const SOON = 6;
/** How long to wait for what is due within `SOON`, or little later. */
const LATE = 20_000;
const expiring = (t, exp, options = {}) => cluster.user(t, "ann", { claims: { exp }, ...options });
/** Connected until `seconds` of the clock. */
const connectedUntil = (user, seconds) => holds(() => user.connected, "still connected", seconds * 1_000 - Date.now());

// At the same time: they wait for the clock, not for each other.
suite("a token", { concurrency: true }, () => {
  for (const route of ROUTES) {
    test(`is the end of the connection at exp (${route.name})`, async (t) => {
      const exp = now() + SOON;
      const ann = await expiring(t, exp, { route });
      await ann.next("error", { code: "token_expired" });
      await ann.next("disconnect", undefined, LATE);
      const late = Date.now() / 1000 - exp;
      assert.ok(late >= 0, `${-late} s before exp`);
    });
  }

  test("is warned about 30 s before exp, not at once", async (t) => {
    const exp = now() + 30 + SOON;
    const ann = await expiring(t, exp);
    const [warning] = await ann.next("error", { code: "token_expired" }, LATE);
    const left = exp - Date.now() / 1000;
    assert.ok(left > 0 && left <= 30, `${left} s before exp`);
    assert.equal(typeof warning.message, "string");
    assert.ok(ann.connected);
  });

  test("for a day is not warned about", async (t) => {
    const ann = await expiring(t, now() + 86_400);
    await holds(() => ann.all("error").length === 0 && ann.connected, "silence");
  });

  test("that ends in a thousand years lets a user in and keeps them", async (t) => {
    const ann = await expiring(t, now() + 1_000 * 365 * 86_400);
    await holds(() => ann.all("error").length === 0 && ann.connected, "silence");
  });

  suite("auth-refresh", { concurrency: true }, () => {
    const fresher = (user, claims = {}) => ({ token: cluster.token({ userId: user.id, username: "ann", ...claims }) });

    test("prolongs the connection beyond the first exp", async (t) => {
      const exp = now() + SOON;
      const ann = await expiring(t, exp);
      await ann.ok("auth-refresh", fresher(ann));
      await connectedUntil(ann, exp + 1.5);
      await ann.ok("ping");
    });

    for (const namespace of ["/chat", "/game", "/polls", "/whiteboard"]) {
      test(`prolongs the connection to ${namespace}`, async (t) => {
        const exp = now() + SOON;
        const ann = await expiring(t, exp, { namespace });
        await ann.ok("auth-refresh", fresher(ann));
        await connectedUntil(ann, exp + 1.5);
      });
    }

    test("with a token that expires as well only prolongs until then", async (t) => {
      const exp = now() + SOON;
      const ann = await expiring(t, exp);
      await ann.ok("auth-refresh", fresher(ann, { exp: exp + 3 }));
      await connectedUntil(ann, exp + 1.5);
      await ann.next("disconnect", undefined, LATE);
      assert.ok(Date.now() / 1000 >= exp + 3, "not before the second exp");
    });

    test("brings the new token's grants with it", async (t) => {
      const [ann, bob] = await cluster.users(t, DIRECT, "ann", "bob");
      const roomName = `granted-later-${now()}`;
      await bob.ok("create-room", { roomName, private: true });
      assert.equal((await ann.refused("join-room", { roomName })).code, "not_authorized");
      await ann.ok("auth-refresh", fresher(ann, { rooms: ["granted-*"] }));
      await ann.ok("join-room", { roomName });
    });

    const useless = {
      "another user's token": (ann) => fresher({ id: `${ann.id}-not` }),
      "an expired token": (ann) => fresher(ann, { exp: now() - 1 }),
      "a token without exp": (ann) => fresher(ann, { exp: undefined }),
      "no token at all": () => ({ token: "bad" }),
    };
    for (const [kind, payload] of Object.entries(useless)) {
      test(`with ${kind} is refused and prolongs nothing`, async (t) => {
        const ann = await expiring(t, now() + SOON);
        await ann.refused("auth-refresh", payload(ann));
        await ann.next("disconnect", undefined, LATE);
      });
    }
  });
});
