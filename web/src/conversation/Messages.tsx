import type { Said } from "../lib/log";
import type { Pending } from "../lib/outbox";
import { phase } from "../lib/session";
import { explain } from "../lib/words";
import { Avatar, Button, Icon, Time, type IconName } from "../ui";
import type { Talk } from "./talk";

interface GroupProps {
  talk: Talk;
  userId: string;
  username: string;
  at: number;
  messages: Said[];
  pending: Pending[];
}

/** What one person said within minutes. Text is text: markup in it is shown, never run. */
export function Group({ talk, userId, username, at, messages, pending }: GroupProps) {
  const mine = userId === talk.me.value?.userId;
  return (
    <article class={`group ${mine ? "mine" : ""}`}>
      <Avatar userId={userId} username={username} />
      <div class="group-body">
        <header>
          <strong class="cut">{username}</strong>
          <span class="small muted">
            <Time at={at} clock />
          </span>
        </header>
        {messages.map(({ id, text, timestamp }) => (
          <p key={id} class="text said" title={new Date(timestamp).toLocaleString()}>
            {text || <span class="muted">(nothing)</span>}
            {mine && <State icon="check" word="Sent" quiet />}
          </p>
        ))}
        {pending.map((one) => (
          <Unsaid key={one.clientId} talk={talk} pending={one} />
        ))}
      </div>
    </article>
  );
}

/** Stands there at once, and says honestly how far it is. */
function Unsaid({ talk, pending }: { talk: Talk; pending: Pending }) {
  const { state, text } = pending;
  return (
    <>
      <p class={`text ${state === "sent" ? "said" : "unsaid"}`}>
        {text}
        {state === "sent" && <State icon="check" word="Sent" quiet />}
        {(state === "queued" || state === "sending") && <State icon="clock" word={phase.value === "ready" ? "Sending" : "Waiting"} />}
      </p>
      {state === "failed" && <Failed talk={talk} pending={pending} />}
    </>
  );
}

function Failed({ talk, pending }: { talk: Talk; pending: Pending }) {
  return (
    <div class="failed-note" role="alert">
      <Icon name="alert" size={16} />
      <span>Not sent. {talk.explain?.(pending) ?? (pending.error && explain(pending.error))}</span>
      <Button kind="quiet" icon="refresh" onClick={() => talk.repeat(pending)}>
        Retry
      </Button>
      <Button kind="quiet" onClick={() => talk.discard(pending)}>
        Discard
      </Button>
    </div>
  );
}

function State({ icon, word, quiet = false }: { icon: IconName; word: string; quiet?: boolean }) {
  return (
    <span class={`state ${quiet ? "quiet" : ""}`} title={word}>
      <Icon name={icon} size={14} />
      <span class={quiet ? "unseen" : ""}>{word}</span>
    </span>
  );
}
