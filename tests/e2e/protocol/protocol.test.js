// The official protocol suites, as they are, against a gateway. What is known to fail is listed: a
// change in either direction is seen here. The table for readers is in README.md.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startGateway } from "../lib/gateway.js";
import { DISTURBED_BY_THE_FIRST_PING, KNOWN_FAILING, TOTAL } from "./known.js";
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
  test(`the ${suite} suite fails where it is known to, and nowhere else`, async (t) => {
    if (!(await served(suite))) return t.skip(`the feature conformance serves no /${suite.split("-")[0]}/ yet`);
    const { passed, failed, errors } = await runSuite(suite, gateway.port);
    t.diagnostic(`${passed.length} of ${TOTAL[suite]} pass`);
    for (const error of errors) t.diagnostic(error);
    assert.equal(passed.length + failed.length, TOTAL[suite]);
    const surprising = failed.filter((title) => !DISTURBED_BY_THE_FIRST_PING[suite].includes(title));
    assert.deepEqual(surprising, KNOWN_FAILING[suite].toSorted());
  });
}

/** Whether there is something at the suite's path. */
async function served(suite) {
  const path = suite.split("-")[0];
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/${path}/?EIO=4&transport=polling`);
  return answer.status !== 404;
}
