// Polls, of everybody and of one's rooms. Open from when the page is first shown.
import { batch, computed, signal } from "@preact/signals";
import { ANSWER_MS, ask as askOn, type Answer, type Failure } from "./connection";
import { me } from "./identity";
import { newId } from "./ids";
import { openNamespace, type Namespace } from "./namespace";
import { pause, pauseUntil } from "./pause";
import { rooms } from "./rooms";
import { phase, session } from "./session";
import { browser, tab } from "./storage";
import { change, order, outcome, tell, type Casting, type Poll, type Standing, type Standings } from "./standing";

const RETRY_MS = 700;
const LATER_MS = 2_000;
/** How many are asked for at once. */
const ASKED_AT_ONCE = 6;
export const PAGE = 40;
/** In the place of an id: a poll that is not asked yet. */
export const NEW = "new";

let namespace: Namespace | null = null;
const standings = signal<Standings>(new Map());
/** The lists are known. */
export const loaded = signal(false);
export const refused = signal("");
export const connected = signal(false);
/** Whether a poll is closed has to be asked of each: so many of the newest are shown. */
export const shownCount = signal(PAGE);
/** Why a poll cannot be seen. */
export const troubles = signal<ReadonlyMap<string, Failure>>(new Map());

/** Those of rooms that one has left are not shown any more. */
const mayBeShown = computed(() =>
  [...standings.value.values()]
    .filter(({ poll }) => !poll.roomName || rooms.value.has(poll.roomName))
    .sort((a, b) => Date.parse(b.poll.createdAt) - Date.parse(a.poll.createdAt)),
);
const newest = computed(() => mayBeShown.value.slice(0, shownCount.value));
export const listed = computed(() => order(new Map(newest.value.map((one) => [one.poll.id, one]))));
export const hidden = computed(() => Math.max(0, mayBeShown.value.length - shownCount.value));
export const standingOf = (id: string): Standing | undefined => standings.value.get(id);

export const isMine = ({ createdBy }: Poll) => createdBy === me.value?.userId;

// ---- being there -------------------------------------------------------------------------------

/** From the first time on, for as long as one is signed in. */
export function open(): void {
  if (namespace || phase.value === "out" || !me.value) return;
  const own = openNamespace("/polls");
  namespace = own;
  standings.value = new Map();
  const { socket } = own;
  socket.on("connect", () => {
    connected.value = true;
    refused.value = "";
    void refresh();
  });
  socket.on("disconnect", () => (connected.value = false));
  socket.on("connect_error", (error: Error) => (refused.value = socket.active ? "" : error.message));
  socket.on("poll-created", ({ poll }: { poll: Poll }) => heard(poll.id, { poll, counts: poll.options.map(() => 0), asked: { voted: null } }));
  socket.on("poll-results", ({ pollId, counts }: Results) => heard(pollId, { counts }));
  socket.on("poll-closed", ({ pollId, counts }: Results) => heard(pollId, { counts, closed: true }));
  // Something was missed for good: how all stand is asked once more.
  socket.on("poll-list", ({ polls }: { polls: Poll[] }) => void (take(polls), askAll()));
}

interface Results {
  pollId: string;
  counts: number[];
}

const heard = (id: string, told: Parameters<typeof tell>[2]) => (standings.value = tell(standings.value, id, told));

function take(polls: Poll[]): void {
  let next = standings.value;
  for (const poll of polls) next = tell(next, poll.id, { poll });
  standings.value = next;
}

const ask = <T,>(event: string, data?: unknown) => askOn<T>(namespace?.socket, event, data);

let refreshing: Promise<void> | null = null;
let again = false;
/** Something could not be answered right now. */
let unanswered = false;

/** What is listed, and how it stands; once more if it is wanted while it is under way. */
export function refresh(): Promise<void> {
  if (refreshing) {
    again = true;
    return refreshing;
  }
  const all = async () => {
    do {
      again = unanswered = false;
      await list();
      await askAll();
    } while (again);
    refreshing = null;
    if (unanswered && connected.value) setTimeout(() => connected.value && void refresh(), LATER_MS);
  };
  return (refreshing = all());
}

async function list(): Promise<void> {
  const own = [...rooms.value.values()].filter(({ state }) => state.value === "in").map(({ name }) => name);
  const answers = await Promise.all([undefined, ...own].map((roomName) => ask<{ polls: Poll[] }>("list-polls", roomName ? { roomName } : {})));
  batch(() => {
    for (const answer of answers) if (answer.ok) take(answer.polls);
    if (answers[0]!.ok) loaded.value = true;
    if (answers.some((answer) => !answer.ok && answer.error.retryable)) unanswered = true;
  });
}

/** How all that are shown stand, and what was to be sent. */
async function askAll(): Promise<void> {
  const wanted = new Set([...watched, ...Object.keys(keptVotes()), ...newest.value.map(({ poll }) => poll.id)]);
  const ids = [...wanted];
  const next = async (): Promise<void> => {
    const id = ids.shift();
    if (id === undefined) return;
    await get(id);
    return next();
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, next));
  for (const { poll, casting } of standings.value.values()) if (casting?.state === "waiting") void send(poll.id, casting);
  for (const [id, option] of Object.entries(keptVotes())) {
    if (troubles.value.has(id)) keepVote(id, null);
    else if (standingOf(id) && !standingOf(id)!.casting) void send(id, { option, state: "sending", again: true });
  }
}

export function showMore(): void {
  shownCount.value += PAGE;
  void refresh();
}

interface Got {
  poll: Poll;
  counts: number[];
  voted: number | null;
}

async function get(id: string): Promise<void> {
  const answer = await ask<Got>("get-poll", { pollId: id });
  const next = new Map(troubles.value);
  if (answer.ok) {
    next.delete(id);
    heard(id, { poll: answer.poll, counts: answer.counts, asked: { voted: answer.voted } });
  } else if (answer.error.retryable) unanswered = true;
  else next.set(id, answer.error);
  if (next.size !== troubles.value.size || next.get(id) !== troubles.value.get(id)) troubles.value = next;
}

/** Those whose addresses are open. */
const watched = new Set<string>();

/** Whatever is listed: this one is asked for, too. */
export function watch(id: string): () => void {
  watched.add(id);
  if (connected.value) void get(id);
  return () => watched.delete(id);
}

// ---- making one --------------------------------------------------------------------------------

export interface Draft {
  question: string;
  options: string[];
  roomName: string;
  /** The same however often it is sent: never two polls. */
  clientId: string;
}

export const emptyDraft = (): Draft => ({ question: "", options: ["", ""], roomName: "", clientId: newId() });
const draftKey = () => `poll-draft.${me.value?.userId ?? ""}`;
export const draft = () => browser.get<Draft | null>(draftKey(), null) ?? emptyDraft();
export const keepDraft = (next: Draft | null) => browser.set(draftKey(), next);

export async function create({ question, options, roomName, clientId }: Draft): Promise<Answer<{ poll: Poll }>> {
  // Whoever types fast asks before the page has entered.
  await pauseUntil(connected, ANSWER_MS);
  const answer = await ask<{ poll: Poll }>("create-poll", { question, options, clientId, ...(roomName && { roomName }) });
  if (answer.ok) {
    heard(answer.poll.id, { poll: answer.poll, counts: options.map(() => 0), asked: { voted: null } });
  }
  return answer;
}

// ---- voting and closing ------------------------------------------------------------------------

/** What is under way, for when the page is loaded again meanwhile. */
const votesKey = () => `votes.${me.value?.userId ?? ""}`;
const keptVotes = () => tab.get<Record<string, number>>(votesKey(), {});

function keepVote(id: string, option: number | null): void {
  const { [id]: _, ...others } = keptVotes();
  tab.set(votesKey(), option === null ? others : { ...others, [id]: option });
}

const put = (id: string, to: Partial<Standing>) => (standings.value = change(standings.value, id, to));

export function vote(id: string, option: number): void {
  const before = standingOf(id)?.casting;
  void send(id, { option, state: "sending", again: before?.again ?? false });
}

export const forgetVote = (id: string) => put(id, { casting: undefined });

async function send(id: string, casting: Casting): Promise<void> {
  put(id, { casting: { ...casting, state: "sending", error: undefined } });
  keepVote(id, casting.option);
  const answer = await ask<{ counts: number[] }>("vote", { pollId: id, option: casting.option });
  const became = outcome(answer.ok ? undefined : answer.error);
  if (became !== "wait") keepVote(id, null);
  switch (became) {
    case "counted":
      return batch(() => {
        if (answer.ok) heard(id, { counts: answer.counts, asked: { voted: casting.option } });
        put(id, { casting: undefined });
      });
    case "ask":
      return settle(id, casting, answer.ok ? undefined : answer.error);
    case "wait":
      put(id, { casting: { ...casting, state: "waiting", again: true } });
      if (!connected.value) return; // It goes out with the next connection.
      await pause(RETRY_MS);
      if (connected.value && standingOf(id)?.casting?.state === "waiting") return send(id, { ...casting, again: true });
      return;
    case "failed":
      put(id, { casting: { ...casting, state: "failed", error: answer.ok ? undefined : answer.error } });
      if (!answer.ok && answer.error.code === "poll_closed") await get(id);
  }
}

/** One has voted: which option is counted has to be asked. */
async function settle(id: string, casting: Casting, error: Failure | undefined): Promise<void> {
  await get(id);
  const counted = standingOf(id)?.voted === casting.option && casting.again;
  put(id, { casting: counted ? undefined : { ...casting, state: "failed", error } });
}

export async function close(id: string): Promise<Answer> {
  put(id, { closing: {} });
  const answer = await ask("close-poll", { pollId: id });
  if (answer.ok) heard(id, { closed: true });
  else put(id, { closing: { failed: answer.error } });
  return answer;
}

// ---- signing out -------------------------------------------------------------------------------

session.on("left", () =>
  batch(() => {
    namespace?.close();
    namespace = null;
    watched.clear();
    standings.value = new Map();
    troubles.value = new Map();
    loaded.value = connected.value = false;
    shownCount.value = PAGE;
  }),
);
