// The game one plays or looks for. Open from when its page is first shown, and after a reload in mid-game.
import { batch, computed, effect, signal } from "@preact/signals";
import * as model from "./tictactoe";
import type { Game, Played, ToldFound, ToldOver, ToldState } from "./tictactoe";
import { ask as askOn, type Failure } from "./connection";
import { me } from "./identity";
import { openNamespace, type Namespace } from "./namespace";
import { pause } from "./pause";
import { phase, session } from "./session";
import { browser, tab } from "./storage";

const RETRY_MS = 700;
/** What is told after connecting has been told by then. */
const TOLD_WITHIN_MS = 1_500;
/** A match that was found meanwhile is told first. */
const LOOK_AFTER_MS = 300;
const KEPT_GAMES = 100;

let namespace: Namespace | null = null;
export const connected = signal(false);
export const refused = signal("");
/** Whether one has a game is known. */
export const told = signal(false);
export const game = signal<Game | null>(null);

/** Looking for an opponent; `leaving`: not any more, which the server does not know yet. */
export interface Seeking {
  since: number;
  state: "asking" | "waiting" | "leaving" | "failed";
  error?: Failure;
}
export const seeking = signal<Seeking | null>(null);
/** Of this device. */
export const played = signal<Played[]>([]);

/** How many games wait for oneself. */
export const myTurns = computed(() => (game.value && model.isMyTurn(game.value) ? 1 : 0));

const ofMine = (name: string) => `${name}.${me.value?.userId ?? ""}`;
interface Kept {
  game: Game | null;
  seeking: Seeking | null;
}

// ---- being there -------------------------------------------------------------------------------

export function open(): void {
  if (namespace || phase.value === "out" || !me.value) return;
  const own = openNamespace("/game");
  namespace = own;
  const { socket } = own;
  // What was known before a reload tells the last move, and what was on its way.
  const kept = tab.get<Kept | null>(ofMine("game"), null);
  batch(() => {
    played.value = browser.get<Played[]>(ofMine("games"), []);
    game.value = kept?.game ?? null;
    seeking.value = kept?.seeking ?? null;
  });
  socket.on("connect", () => void come());
  socket.on("disconnect", () =>
    batch(() => {
      connected.value = told.value = false;
      heard.clear();
      if (game.value) game.value = model.back(game.value);
    }),
  );
  socket.on("connect_error", (error: Error) => (refused.value = socket.active ? "" : error.message));
  socket.on("match-found", (what: ToldFound) =>
    batch(() => {
      heard.add(what.gameId);
      game.value = model.found(game.value, what);
    }),
  );
  socket.on("game-state", (what: ToldState) =>
    change(what.gameId, (one) => {
      const next = model.seen(one, what);
      // Only a game that goes on is what one looked for: on connecting one is told of the last one, too.
      if (model.running(next)) seeking.value = null;
      return next;
    }),
  );
  socket.on("game-over", (what: ToldOver) => change(what.gameId, (one) => model.ended(one, what)));
  socket.on("opponent-disconnected", ({ grace }: { grace: number }) => change(game.value?.id, (one) => model.away(one, grace, Date.now())));
  socket.on("opponent-reconnected", () => change(game.value?.id, model.back));
}

/** Games that this connection was told of. */
const heard = new Set<string>();

function change(id: string | undefined, to: (one: Game) => Game): void {
  if (game.value && game.value.id === id) batch(() => (game.value = to(game.value!)));
}

async function come(): Promise<void> {
  const socket = namespace!.socket;
  const life = socket.id;
  const goesOn = () => namespace?.socket === socket && socket.id === life && connected.value;
  const waited = game.value?.id;
  connected.value = true;
  refused.value = "";
  await pause(LOOK_AFTER_MS);
  if (!goesOn()) return;
  void look();
  if (game.value && model.unsent(game.value)) void send(game.value.id, game.value.pending!.cell);
  await pause(TOLD_WITHIN_MS - LOOK_AFTER_MS);
  if (!goesOn()) return;
  told.value = true;
  if (waited && !heard.has(waited)) change(waited, model.forgotten);
}

session.on("entered", () => {
  const kept = tab.get<Kept | null>(ofMine("game"), null);
  // Whatever page was loaded: who does not come back loses.
  if (!namespace && kept && (model.running(kept.game) || kept.seeking)) open();
});

effect(() => {
  const kept: Kept = { game: game.value, seeking: seeking.value };
  if (namespace) tab.set(ofMine("game"), kept);
});

effect(() => {
  const one = game.value;
  if (!one?.over || !namespace) return;
  // Another window may have written meanwhile.
  const before = browser.get<Played[]>(ofMine("games"), []);
  const after = model.entered(before, one, Date.now(), KEPT_GAMES);
  if (after !== before) browser.set(ofMine("games"), after);
  played.value = after;
});

const ask = <T,>(event: string, data?: unknown) => askOn<T>(namespace?.socket, event, data);

// ---- finding an opponent -----------------------------------------------------------------------

export function find(): void {
  seeking.value = { since: Date.now(), state: "asking" };
  void look();
}

export function cancel(): void {
  if (!seeking.value) return;
  if (seeking.value.state === "failed") return void (seeking.value = null);
  seeking.value = { ...seeking.value, state: "leaving" };
  void look();
}

let looking = false;

/** Asks until it is answered. Asking again changes nothing for who waits already. */
async function look(): Promise<void> {
  if (looking) return;
  looking = true;
  while (connected.value && seeking.value && seeking.value.state !== "failed") {
    const leaving = seeking.value.state === "leaving";
    const answer = await ask<{ waiting?: boolean }>(leaving ? "leave-match" : "find-match");
    // What is wanted, or has happened, meanwhile.
    const now = seeking.value as Seeking | null;
    if (!now) break;
    if ((now.state === "leaving") !== leaving) continue;
    if (answer.ok) {
      seeking.value = leaving ? null : { ...now, state: "waiting", error: undefined };
      break;
    }
    if (!answer.error.retryable) {
      seeking.value = { ...now, state: "failed", error: answer.error };
      break;
    }
    seeking.value = { ...now, error: answer.error };
    await pause(RETRY_MS);
  }
  looking = false;
}

/** Gives up the game. */
export const giveUp = (gameId: string) => ask("leave-match", { gameId });

// ---- moving ------------------------------------------------------------------------------------

/** Drawn at once, and sent. */
export function move(cell: number): void {
  const one = game.value;
  if (!one || model.hindrance(one, cell)) return;
  game.value = model.play(one, cell);
  void send(one.id, cell);
}

const sending = new Set<string>();

/** The same move, however often: the server takes a repeat for what it is. */
async function send(id: string, cell: number): Promise<void> {
  const isUnderWay = () => game.value?.id === id && game.value.pending?.cell === cell && model.unsent(game.value);
  const key = `${id} ${cell}`;
  if (sending.has(key)) return;
  sending.add(key);
  while (isUnderWay()) {
    const answer = await ask("move", { gameId: id, cell });
    change(id, (one) => model.answered(one, cell, answer.ok ? undefined : answer.error));
    if (!connected.value) break; // It goes out with the next connection.
    if (isUnderWay()) await pause(RETRY_MS);
  }
  sending.delete(key);
}

// ---- signing out -------------------------------------------------------------------------------

session.on("left", () => {
  namespace?.close();
  namespace = null;
  heard.clear();
  batch(() => {
    game.value = seeking.value = null;
    played.value = [];
    connected.value = told.value = false;
  });
});
