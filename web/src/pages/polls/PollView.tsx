import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Failure } from "../../lib/connection";
import { number, plural } from "../../lib/format";
import { close, connected, forgetVote, isMine, standingOf, troubles, vote, watch } from "../../lib/polls";
import { leaders, shares, sum, type Standing } from "../../lib/standing";
import { explain } from "../../lib/words";
import { address, go } from "../../router";
import { Avatar, Button, Dialog, Empty, ErrorNote, Icon, Pill, Skeleton, Time } from "../../ui";

/** Results are read out this often at most. */
const READ_OUT_MS = 5_000;

/** `takesFocus`: one has just asked it, and the form that had the focus is gone. */
export function PollView({ id, takesFocus }: { id: string; takesFocus: boolean }) {
  useEffect(() => watch(id), [id]);
  const standing = standingOf(id);
  const trouble = troubles.value.get(id);
  if (standing?.asked && !trouble) return <Shown standing={standing} takesFocus={takesFocus} />;
  if (!trouble) return <Skeleton rows={5} label="Loading the poll" />;
  const foreign = trouble.code === "not_a_member";
  return (
    <section class="closed" aria-label="Poll">
      <Empty icon={foreign ? "lock" : "polls"} title={foreign ? "This poll is a room's" : "This poll cannot be shown"}>
        <div role="alert">
          <p>{foreign ? "You are not in its room, or the room has ended. Enter the room, then come back." : missing(trouble)}</p>
        </div>
        <div class="actions">
          {foreign && <Button onClick={() => go("rooms")}>All rooms</Button>}
          <Button kind="quiet" onClick={() => go("polls")}>
            All polls
          </Button>
        </div>
      </Empty>
    </section>
  );
}

/** What no poll can have as its id is no poll's either. */
const missing = (trouble: Failure) => explain(trouble.code === "invalid_payload" ? { ...trouble, code: "poll_not_found" } : trouble);

function Shown({ standing, takesFocus }: { standing: Standing; takesFocus: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => void (takesFocus && document.activeElement === document.body && heading.current!.focus()), []);
  const { poll, counts } = standing;
  const total = sum(counts);
  return (
    <section class="room-view poll-view" aria-label="Poll">
      <header class="room-head">
        <a class="icon-button back" href={address("polls")} aria-label="All polls" title="All polls">
          <Icon name="back" />
        </a>
        <Avatar userId={poll.createdBy} username={poll.username} size="small" />
        <span class="cut">
          <strong>{poll.username}</strong>{" "}
          <span class="small muted">
            <Time at={poll.createdAt} />
          </span>
        </span>
        {poll.roomName && <span class="tag cut"># {poll.roomName}</span>}
        {poll.closed && <span class="tag">Closed</span>}
        <span class="grow" />
        <CopyLink />
        {isMine(poll) && !poll.closed && <ClosePoll standing={standing} />}
      </header>
      <div class="poll-scroll">
        <div class="poll-body">
          <div>
            <h2 id="poll-question" ref={heading} tabIndex={-1}>
              {poll.question}
            </h2>
            <p class="muted small figures">
              {plural(total, "vote")}
              {poll.roomName ? `, of the members of ${poll.roomName}` : ""}
            </p>
          </div>
          <Options standing={standing} />
          <ReadOut standing={standing} />
        </div>
      </div>
    </section>
  );
}

function Options({ standing }: { standing: Standing }) {
  const { poll, counts, voted, casting } = standing;
  const [chosen, setChosen] = useState<number | null>(null);
  const may = !poll.closed && voted === null && (!casting || casting.state === "failed");
  const marked = voted ?? (casting && casting.state !== "failed" ? casting.option : null);
  const all = counts ?? poll.options.map(() => 0);
  const parts = shares(all);
  const first = leaders(counts);
  const total = Math.max(1, sum(all));
  const submit = (event: Event) => {
    event.preventDefault();
    if (chosen !== null && may) vote(poll.id, chosen);
  };
  return (
    <form class="poll-form" onSubmit={submit}>
      <div role={may ? "radiogroup" : "list"} aria-labelledby="poll-question" class="options">
        {poll.options.map((text, i) => {
          const body = (
            <>
              <span class="option-mark">
                {may ? (
                  <input type="radio" name="option" value={i} checked={chosen === i} onChange={() => setChosen(i)} />
                ) : (
                  marked === i && <Icon name={voted === i ? "check" : "clock"} size={18} />
                )}
              </span>
              <span class="option-text">
                {text}{" "}
                {marked === i && <span class="tag">{voted === i ? "Your vote" : casting?.state === "waiting" ? "Waiting" : "Sending"}</span>}
              </span>
              <span class="option-count figures">
                <b>{number(all[i] ?? 0)}</b>
                <span class="unseen"> {all[i] === 1 ? "vote" : "votes"},</span> <span class="muted">{parts[i]} %</span>
              </span>
              <span class="bar" aria-hidden="true">
                <span style={{ "--share": String((all[i] ?? 0) / total) }} />
              </span>
            </>
          );
          const kind = `option ${marked === i ? "own" : ""} ${first.includes(i) ? "first" : ""}`;
          if (may) {
            return (
              <label key={i} class={kind}>
                {body}
              </label>
            );
          }
          return (
            <div key={i} class={kind} role="listitem">
              {body}
            </div>
          );
        })}
      </div>
      <Foot standing={standing} chosen={chosen} may={may} />
    </form>
  );
}

/** What one can do now, or what became of it. Its place is as high in each state. */
function Foot({ standing, chosen, may }: { standing: Standing; chosen: number | null; may: boolean }) {
  const { poll, voted, casting } = standing;
  const state = useRef<HTMLParagraphElement>(null);
  // The button that had the focus is gone: it goes to what it led to.
  useLayoutEffect(() => {
    if (casting && document.activeElement === document.body) state.current?.focus();
  }, [casting?.state]);
  return (
    <div class="poll-foot">
      {casting?.state === "failed" && <Failed standing={standing} />}
      {may && casting?.state !== "failed" && (
        <>
          <Button kind="primary" type="submit" disabled={chosen === null}>
            Vote
          </Button>
          <span class="small muted">{chosen === null ? "Choose one. You are counted once." : "A vote cannot be changed."}</span>
        </>
      )}
      <p class="poll-state" role="status" tabIndex={-1} ref={state}>
        {casting?.state === "sending" && <Pill kind="plain">Sending your vote</Pill>}
        {casting?.state === "waiting" && <Pill kind="warn">{connected.value ? "No answer yet: trying again" : "No connection: your vote goes out when it is back"}</Pill>}
        {!casting && poll.closed && (
          <Pill kind="plain">{voted === null ? "Closed: it takes no more votes" : "Closed. Your vote was counted."}</Pill>
        )}
        {!casting && !poll.closed && voted !== null && <Pill kind="good">Your vote is counted</Pill>}
      </p>
    </div>
  );
}

function Failed({ standing: { poll, voted, casting } }: { standing: Standing }) {
  const { error, option } = casting!;
  const before = error?.code === "already_voted";
  const words = before
    ? `Already voted${voted === null ? "" : `, for “${poll.options[voted]}”`}, on another device or in another window. Everybody is counted once.`
    : `Not counted. ${error ? explain(error) : ""}`;
  const over = before || poll.closed;
  return (
    <ErrorNote
      action={
        <>
          {!over && (
            <Button kind="quiet" icon="refresh" onClick={() => vote(poll.id, option)}>
              Retry
            </Button>
          )}
          <Button kind="quiet" onClick={() => forgetVote(poll.id)}>
            {over ? "All right" : "Discard"}
          </Button>
        </>
      }
    >
      {words}
    </ErrorNote>
  );
}

/** For readers: how it stands, from time to time rather than at each vote. */
function ReadOut({ standing: { poll, counts } }: { standing: Standing }) {
  const [said, setSaid] = useState("");
  const parts = shares(counts ?? []);
  const words = `${plural(sum(counts), "vote")}. ${poll.options.map((text, i) => `${text}: ${parts[i] ?? 0} percent`).join(", ")}`;
  const newest = useRef(words);
  newest.current = words;
  useEffect(() => {
    let last = newest.current;
    const timer = setInterval(() => {
      if (newest.current === last) return;
      last = newest.current;
      setSaid(last);
    }, READ_OUT_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="unseen" role="status">
      {said}
    </p>
  );
}

function CopyLink() {
  const [told, setTold] = useState<"" | "copied" | "by hand">("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      setTold("copied");
      setTimeout(() => setTold(""), 2_500);
    } catch {
      setTold("by hand");
    }
  };
  return (
    <>
      <span class="copy-link">
        <Button kind="quiet" icon={told === "copied" ? "check" : "link"} title="Copy link" onClick={() => void copy()}>
          {told === "copied" ? "Copied" : "Copy link"}
        </Button>
      </span>
      {told === "by hand" && (
        <Dialog title="Link to this poll" onClose={() => setTold("")}>
          <div class="field">
            <label for="poll-link">Copy it from here</label>
            <input id="poll-link" readOnly autoFocus value={location.href} onFocus={(event) => event.currentTarget.select()} />
          </div>
        </Dialog>
      )}
    </>
  );
}

function ClosePoll({ standing: { poll, closing } }: { standing: Standing }) {
  const [asking, setAsking] = useState(false);
  const failed = closing?.failed;
  const end = async () => {
    if ((await close(poll.id)).ok) setAsking(false);
  };
  return (
    <>
      <Button onClick={() => setAsking(true)}>Close poll</Button>
      {asking && (
        <Dialog title="Close this poll?" onClose={() => setAsking(false)}>
          <p>Nobody can vote after that, and it cannot be opened again. The result stays to be read.</p>
          {failed && <ErrorNote>{failed.code === "not_authorized" ? `${failed.message}.` : explain(failed)}</ErrorNote>}
          <div class="actions">
            <Button onClick={() => setAsking(false)}>Keep it open</Button>
            <Button kind="danger" disabled={closing !== undefined && !failed} onClick={() => void end()}>
              Close poll
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
