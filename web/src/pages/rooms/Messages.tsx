import { me } from "../../lib/identity";
import { isMe } from "../../lib/people";
import type { Said } from "../../lib/log";
import type { Pending } from "../../lib/outbox";
import { discard, repeat } from "../../lib/rooms";
import { explain } from "../../lib/words";
import { Avatar, Button, Icon, Time, type IconName } from "../../ui";

interface GroupProps {
  userId: string;
  username: string;
  at: number;
  messages: Said[];
}

/** What one person said within minutes. Text is text: markup in it is shown, never run. */
export function Group({ userId, username, at, messages }: GroupProps) {
  return (
    <article class="group">
      <Avatar userId={userId} username={username} />
      <div class="group-body">
        <header>
          <strong class="cut">{username}</strong>
          <span class="small muted">
            <Time at={at} clock />
          </span>
        </header>
        {messages.map(({ id, text, timestamp }) => (
          <p key={id} class="text" title={new Date(timestamp).toLocaleString()}>
            {text || <span class="muted">(nothing)</span>}
            {isMe(userId) && <State icon="check" word="Sent" quiet />}
          </p>
        ))}
      </div>
    </article>
  );
}

/** Stands there at once, and says honestly how far it is. */
export function Unsaid({ pending, ready }: { pending: Pending; ready: boolean }) {
  const who = me.value ?? { userId: "", username: "" };
  const { state, text, at, error } = pending;
  return (
    <article class={`group unsaid ${state}`}>
      <Avatar {...who} />
      <div class="group-body">
        <header>
          <strong class="cut">{who.username}</strong>
          <span class="small muted">
            <Time at={at} clock />
          </span>
        </header>
        <p class="text">
          {text}
          {state === "sent" && <State icon="check" word="Sent" quiet />}
          {state !== "sent" && state !== "failed" && <State icon="clock" word={ready ? "Sending" : "Waiting"} />}
        </p>
        {state === "failed" && (
          <div class="failed-note" role="alert">
            <Icon name="alert" size={16} />
            <span>Not sent. {error && explain(error)}</span>
            <Button kind="quiet" icon="refresh" onClick={() => repeat(pending)}>
              Retry
            </Button>
            <Button kind="quiet" onClick={() => discard(pending)}>
              Discard
            </Button>
          </div>
        )}
      </div>
    </article>
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
