// The demo page: one connection, one room at a time. Whatever others wrote is shown as text only.
import { io } from "/socket.io/socket.io.esm.min.js";

const TYPING_PAUSE = 1000;
const SHOWN_MESSAGES = 500;

const $ = (id) => document.getElementById(id);

// A guest's id is a secret of its own: whoever knows it can come back as this guest. The id that
// others see is another.
const secret = sessionStorage.getItem("secret") ?? newSecret();
const state = { socket: null, registered: false, room: null, seq: 0, typists: new Map(), typed: 0 };

function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem("secret", text);
  return text;
}

// ---- connecting --------------------------------------------------------------------------------

function connect() {
  state.socket?.disconnect();
  forgetRoom();
  state.registered = false;
  const [username, token] = [$("name").value, $("token").value];
  const socket = io({ auth: token ? { token } : { username } });
  state.socket = socket;
  $("disconnect").disabled = false;

  socket.on("connect", () => welcome(socket, username));
  socket.on("connect_error", (error) => showStatus(`Not connected: ${error.message}`));
  socket.on("disconnect", (reason) => {
    $("room-actions").disabled = true;
    showStatus(`Connection lost: ${reason}`);
  });
  socket.on("error", ({ message }) => showProblem(message));
  listen(socket);
}

// After a lost connection the session is taken up again, on whatever node that is now. When it was
// away for too long there is none, and everything begins anew.
async function welcome(socket, username) {
  const lastSeq = state.room ? { [state.room]: state.seq } : {};
  const back = state.registered && (await ask("reconnect-session", { userId: secret, lastSeq }));
  if (!back?.ok) {
    const registered = await ask("register", { userId: secret, username });
    state.registered = registered.ok;
    if (state.room) await enter("join-room", state.room);
  }
  // Sessions that were opened by polling carry their node in front of their id.
  const node = socket.io.engine.id.split("-")[0];
  showStatus(`Connected to node ${node} by ${socket.io.engine.transport.name}`);
  socket.io.engine.once("upgrade", () => showStatus(`Connected to node ${node} by websocket`));
  $("room-actions").disabled = false;
}

function ask(event, data) {
  return new Promise((answer) => {
    state.socket.timeout(10_000).emit(event, data, (error, reply) => {
      const failed = { ok: false, error: { code: "timeout", message: "No answer" } };
      answer(error ? failed : reply);
    });
  });
}

// ---- rooms -------------------------------------------------------------------------------------

async function enter(action, roomName) {
  showProblem("");
  if (action !== "leave-room" && state.room && state.room !== roomName) {
    await ask("leave-room", { roomName: state.room });
    forgetRoom();
  }
  const reply = await ask(action, { roomName });
  if (!reply.ok) return showProblem(reply.error.message);
  if (action === "leave-room") forgetRoom();
}

function listen(socket) {
  const here = (handle) => (data) => data.roomName === state.room && handle(data);

  socket.on("joined-room", ({ roomName }) => {
    if (state.room !== roomName) forgetRoom();
    state.room = roomName;
    $("conversation-title").textContent = `Room ${roomName}`;
    $("conversation").hidden = $("people").hidden = false;
  });
  socket.on("room-history", ({ roomName, messages, recovered }) => {
    if (state.room !== roomName) forgetRoom();
    if (recovered === false) beginAnew();
    messages.forEach(showMessage);
  });
  socket.on("missed-messages", ({ roomName, messages }) => {
    if (roomName === state.room) messages.forEach(showMessage);
  });
  socket.on("session-restored", ({ rooms, missed, recovered }) => {
    if (!rooms.includes(state.room)) return forgetRoom();
    if (recovered[state.room] === false) beginAnew();
    (missed[state.room] ?? []).forEach(showMessage);
  });
  socket.on("room-message", here(showMessage));
  socket.on("room-members", here(showMembers));
  socket.on("user-joined-room", here(({ username }) => showLine(`${username} came in`)));
  socket.on("user-left-room", here(({ username }) => showLine(`${username} left`)));
  socket.on("user-typing", here(({ userId, username }) => showTyping(userId, username)));
  socket.on("user-stop-typing", here(({ userId }) => showTyping(userId, null)));
}

/** The history has a hole, or begins anew: what follows replaces what is shown. */
function beginAnew() {
  $("messages").replaceChildren();
  showLine("Some messages could not be recovered.");
  state.seq = 0;
}

function forgetRoom() {
  Object.assign(state, { room: null, seq: 0, typists: new Map() });
  $("conversation").hidden = $("people").hidden = true;
  $("messages").replaceChildren();
  $("members").replaceChildren();
  $("typing").textContent = "";
}

// ---- showing -----------------------------------------------------------------------------------

function showStatus(text) {
  $("status").textContent = text;
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function showMessage({ seq, username, text, timestamp }) {
  if (seq <= state.seq) return;
  state.seq = seq;
  const time = document.createElement("time");
  time.dateTime = timestamp;
  time.textContent = `${new Date(timestamp).toLocaleTimeString()} `;
  const who = document.createElement("strong");
  who.textContent = `${username}: `;
  showLine(time, who, text);
}

function showLine(...content) {
  const list = $("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const line = document.createElement("li");
  line.append(...content);
  list.append(line);
  while (list.childElementCount > SHOWN_MESSAGES) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function showMembers({ users, total, truncated }) {
  const names = users.map(({ username }) => username);
  if (truncated) names.push(`… and ${total - users.length} more`);
  const lines = names.map((name) => {
    const line = document.createElement("li");
    line.textContent = name;
    return line;
  });
  $("members").replaceChildren(...lines);
}

function showTyping(userId, username) {
  if (username) state.typists.set(userId, username);
  else state.typists.delete(userId);
  const names = [...state.typists.values()];
  $("typing").textContent = names.length ? `${names.join(", ")} typing …` : "";
}

// ---- doing -------------------------------------------------------------------------------------

async function send() {
  const text = $("text").value;
  // The same message sent twice, after a lost answer, is one message.
  const clientId = newClientId();
  const reply = await ask("room-message", { roomName: state.room, text, clientId });
  if (!reply.ok) return showProblem(reply.error.message);
  showProblem("");
  if ($("text").value === text) $("text").value = "";
  state.socket.emit("stop-typing", { roomName: state.room });
  state.typed = 0;
}

function newClientId() {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");
}

function tellTyping() {
  const now = Date.now();
  if (!state.room || now - state.typed < TYPING_PAUSE) return;
  state.typed = now;
  state.socket.volatile.emit("typing", { roomName: state.room });
}

const onSubmit = (id, act) =>
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act(event);
  });

onSubmit("connect", connect);
onSubmit("enter", (event) => enter(event.submitter?.value ?? "join-room", $("room").value));
onSubmit("send", send);
$("text").addEventListener("input", tellTyping);
$("disconnect").addEventListener("click", () => {
  state.socket?.disconnect();
  state.registered = false;
  forgetRoom();
  $("disconnect").disabled = true;
  $("room-actions").disabled = true;
  showStatus("Not connected");
});
