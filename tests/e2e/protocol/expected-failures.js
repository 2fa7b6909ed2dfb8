// The rules that the published engineioxide 0.17.9 and socketioxide 0.18.9 break, file by file, with what
// they do instead. Our own transport has to keep them all. `sometimes`: whether it fails is a matter of
// time, so that passing is reported and no failure.

/** The same rule on both transports. */
const onBoth = (name, entry) => ({ [`${name} (polling)`]: entry, [`${name} (websocket)`]: entry });

const EARLY_PING = { why: "the first ping is sent at once", sometimes: true };
const PROBE_ENDS = { why: "a failed probe ends the session, and so does waiting for one" };
const ESCAPES = { why: "a name that has an escape in JSON closes the connection" };
const NOT_READ = { why: "what is no object is taken for no payload" };
const NOT_ENTERED = { why: "a packet for a namespace that was not entered is ignored" };
const ACK_NOT_READ = { why: "an acknowledgement that nobody waits for is not read" };

export const EXPECTED_FAILURES = {
  polling: {
    "beside another is a 400 and the end of the session, for a POST": { why: "POSTs wait for each other" },
    "that its client gave up is the end of the session": { why: "a poll that was given up is not noticed" },
  },
  heartbeat: onBoth("the first ping comes one interval after the handshake, not before", EARLY_PING),
  upgrade: {
    "but sends a bare ping leaves the session on polling": PROBE_ENDS,
    "but sends a ping with something else leaves the session on polling": PROBE_ENDS,
    "but sends a message leaves the session on polling": PROBE_ENDS,
    "but sends an upgrade leaves the session on polling": PROBE_ENDS,
    "but sends no packet at all leaves the session on polling": PROBE_ENDS,
    "but ends leaves the session on polling": { ...PROBE_ENDS, sometimes: true },
    "but is silent leaves the session on polling meanwhile": { ...PROBE_ENDS, sometimes: true },
    "leaves the session on polling when its websocket ends": { ...PROBE_ENDS, sometimes: true },
    "leaves the session on polling when another packet comes": PROBE_ENDS,
    "can be repeated on another websocket": PROBE_ENDS,
  },
  namespaces: {
    ...onBoth("an event for a namespace that was not entered before CONNECT closes the connection", NOT_ENTERED),
    ...onBoth("CONNECT with a payload that is a string closes the connection", NOT_READ),
    ...onBoth("CONNECT with a payload that is an array closes the connection", NOT_READ),
    ...onBoth("CONNECT with a payload that is a number closes the connection", NOT_READ),
    ...onBoth("CONNECT with a payload that is no JSON closes the connection", NOT_READ),
    ...onBoth("CONNECT twice closes the connection", { why: "a second CONNECT is ignored" }),
  },
  events: {
    ...onBoth("may spell its name with escapes", ESCAPES),
    ...onBoth('named "with \\"quotes\\"" is an unknown one, and the connection stays', ESCAPES),
    ...onBoth('named "back\\\\slash" is an unknown one, and the connection stays', ESCAPES),
    ...onBoth('named "new\\nline" is an unknown one, and the connection stays', ESCAPES),
    ...onBoth('named "\\u0000" is an unknown one, and the connection stays', ESCAPES),
    ...onBoth("with an event with something behind its JSON", { why: "only the beginning of the JSON is read" }),
    ...onBoth("with an event for a namespace that was not entered", NOT_ENTERED),
    ...onBoth("with an acknowledgement that is an object", ACK_NOT_READ),
    ...onBoth("with an acknowledgement that is no JSON", ACK_NOT_READ),
  },
};
