// How many tests each official suite has, and which are known to fail.

export const TOTAL = { "engine.io-v4": 25, "socket.io-v5": 32 };

export const KNOWN_FAILING = { "engine.io-v4": [], "socket.io-v5": [] };
