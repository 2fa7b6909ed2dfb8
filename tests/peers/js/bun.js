import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { adapter, serve } from "./app.js";

const engine = new Engine({ path: "/socket.io/" });
const io = new Server({ adapter: await adapter() });
io.bind(engine);
serve(io);
Bun.serve({ ...engine.handler(), hostname: "127.0.0.1", port: Number(process.env.PORT) });
