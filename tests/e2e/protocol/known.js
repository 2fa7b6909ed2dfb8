// How many tests each official suite has, which of them fail, and which may.

export const TOTAL = { "engine.io-v4": 25, "socket.io-v5": 32 };

/** Fail every time. */
export const KNOWN_FAILING = {
  "engine.io-v4": [],
  "socket.io-v5": ["Engine.IO protocol close HTTP long-polling should forcefully close the session"],
};

/**
 * Fail now and then: the published engineioxide sends its first ping at once instead of after the
 * interval, and a test that is waiting for another packet takes it for that.
 */
export const DISTURBED_BY_THE_FIRST_PING = {
  "engine.io-v4": [
    "Engine.IO protocol close HTTP long-polling forcefully closes the session",
    "Engine.IO protocol message HTTP long-polling closes the session upon cancelled polling request",
    "Engine.IO protocol message HTTP long-polling closes the session upon duplicate poll requests",
    "Engine.IO protocol message HTTP long-polling sends and receives a payload containing one plain text packet",
    "Engine.IO protocol message HTTP long-polling sends and receives a payload containing plain text and binary packets",
    "Engine.IO protocol message HTTP long-polling sends and receives a payload containing several plain text packets",
    "Engine.IO protocol message WebSocket sends and receives a binary packet",
    "Engine.IO protocol message WebSocket sends and receives a plain text packet",
    "Engine.IO protocol upgrade ignores HTTP requests with same sid after upgrade",
    "Engine.IO protocol upgrade ignores WebSocket connection with same sid after upgrade",
    "Engine.IO protocol upgrade successfully upgrades from HTTP long-polling to WebSocket",
  ],
  "socket.io-v5": [
    "Engine.IO protocol upgrade should ignore HTTP requests with same sid after upgrade",
    "Socket.IO protocol connect should allow connection to the main namespace",
    "Socket.IO protocol connect should allow connection to the main namespace with a payload",
    "Socket.IO protocol connect should allow connection to a custom namespace",
    "Socket.IO protocol connect should allow connection to a custom namespace with a payload",
    "Socket.IO protocol connect should disallow connection to an unknown namespace",
    "Socket.IO protocol disconnect should connect then disconnect from a custom namespace",
    "Socket.IO protocol disconnect should disconnect from the main namespace",
    "Socket.IO protocol message should send a packet with binary attachments",
    "Socket.IO protocol message should send a packet with binary attachments and an ack",
    "Socket.IO protocol message should send a plain-text packet",
    "Socket.IO protocol message should send a plain-text packet with an ack",
  ],
};
