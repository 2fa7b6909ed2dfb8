// The official protocol suites, as they are, against a gateway. What is known to fail is listed: a
// change in either direction is seen here. The table for readers is in README.md.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startGateway } from "../lib/gateway.js";
import { KNOWN_FAILING, TOTAL } from "./known.js";
import { runSuite } from "./suite.js";

/** What the suites take for granted; the rest is guest mode on the embedded backend. */
const EXPECTED_BY_THE_SUITES = {
  STARLING_GUEST: "true",
  STARLING_PING_INTERVAL_MS: "300",
  STARLING_PING_TIMEOUT_MS: "200",
  STARLING_MAX_PACKET: "1000000",
};

let gateway;
before(async () => (gateway = await startGateway({ features: ["conformance"], env: EXPECTED_BY_THE_SUITES })));
after(() => gateway?.stop());

for (const suite of Object.keys(TOTAL)) {
  test(`the ${suite} suite passes ${TOTAL[suite] - KNOWN_FAILING[suite].length} of ${TOTAL[suite]}`, async (t) => {
    const { passed, failed, errors } = await runSuite(suite, gateway.port);
    for (const error of errors) t.diagnostic(error);
    assert.equal(passed.length + failed.length, TOTAL[suite]);
    assert.deepEqual(failed, KNOWN_FAILING[suite].toSorted());
  });
}
