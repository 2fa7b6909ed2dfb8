import { createServer } from "node:http";
import { Server } from "socket.io";
import { adapter, serve } from "./app.js";

const http = createServer();
const io = new Server(http, { adapter: await adapter() });
serve(io);
http.listen(Number(process.env.PORT), "127.0.0.1");
