// The suites name localhost:3000. Loaded before them, this sends those connections to the gateway of the
// run instead, so that they stay as they are and no fixed port is needed.

import { Socket } from "node:net";

const PORT_OF_THE_SUITES = "3000";
const { connect } = Socket.prototype;

Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  if (String(options?.port) === PORT_OF_THE_SUITES) {
    Object.assign(options, { host: "127.0.0.1", port: Number(process.env.GATEWAY_PORT) });
  }
  return connect.apply(this, args);
};
