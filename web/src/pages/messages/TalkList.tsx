import { useState } from "preact/hooks";
import { hereTotal, others, refused, talked, talkOf, type Listed, type Peer } from "../../lib/chat";
import { me } from "../../lib/identity";
import { number, plural, startOfDay } from "../../lib/format";
import type { Said } from "../../lib/log";
import type { Pending } from "../../lib/outbox";
import { EVERYONE, lastSaid } from "../../lib/whispers";
import { address } from "../../router";
import { Avatar, ErrorNote, Icon, PresenceDot, Skeleton, Time } from "../../ui";

/** From here on one looks for a name rather than reading all. */
const MANY = 8;

/** Everyone, whom one has talked to, who else is there. */
export function TalkList({ current }: { current: string | undefined }) {
  const [sought, setSought] = useState("");
  const wanted = ({ username }: Peer) => username.toLowerCase().includes(sought.trim().toLowerCase());
  const known = talked.value;
  const rest = others.value;
  const many = known.length + (rest?.length ?? 0) > MANY;
  const here = rest?.filter(wanted);
  return (
    <section class="room-list" aria-label="Conversations">
      {refused.value?.value && <ErrorNote>{refused.value.value}. Trying again.</ErrorNote>}
      {many && (
        <input
          class="seek"
          type="search"
          placeholder="Find somebody"
          aria-label="Find somebody"
          value={sought}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
      )}
      <ul>
        <li>
          <Everyone current={current === EVERYONE} />
        </li>
        {known.filter(wanted).map((one) => (
          <li key={one.key}>
            <Somebody who={one} current={one.key === current} />
          </li>
        ))}
      </ul>
      {!(known.length && rest && !rest.length) && (
        <header>
          <h2>{known.length ? "Also here" : "Here now"}</h2>
        </header>
      )}
      {!here && <Skeleton rows={3} label="Loading who is here" />}
      {rest && !rest.length && !known.length && <p class="hint pad">Nobody else is here yet. Whoever comes shows up here, to be written to.</p>}
      {here && sought && !here.length && !known.some(wanted) && <p class="hint pad">Nobody here has this in their name.</p>}
      <ul>
        {here?.map((one) => (
          <li key={one.key}>
            <a class="room talk" href={address("messages", one.key)} aria-current={one.key === current ? "page" : undefined}>
              <Face who={one} />
              <span class="cut">{one.username}</span>
            </a>
          </li>
        ))}
      </ul>
      {rest && hereTotal.value > rest.length + known.length + 1 && (
        <p class="hint pad">{number(hereTotal.value - rest.length - known.length - 1)} more are here.</p>
      )}
    </section>
  );
}

function Everyone({ current }: { current: boolean }) {
  const talk = talkOf(EVERYONE);
  const unread = current ? 0 : talk.unread.value;
  return (
    <a class={`room talk kept ${unread ? "unread" : ""}`} href={address("messages", EVERYONE)} aria-current={current ? "page" : undefined}>
      <span class="everyone-face">
        <Icon name="people" size={18} />
      </span>
      <Lines name="Everyone" last={lastSaid(talk.entries.value)} unsaid={talk.pending.value.at(-1)} named empty={hereTotal.value ? `${plural(hereTotal.value, "person", "people")} here` : " "} />
      <Unread count={unread} />
    </a>
  );
}

function Somebody({ who, current }: { who: Listed; current: boolean }) {
  const unread = current ? 0 : who.unread;
  return (
    <a class={`room talk kept ${unread ? "unread" : ""}`} href={address("messages", who.key)} aria-current={current ? "page" : undefined}>
      <Face who={who} />
      <Lines name={who.username} last={who.last} unsaid={who.unsaid} empty=" " />
      <Unread count={unread} />
    </a>
  );
}

export function Face({ who: { userId, username, status } }: { who: Peer }) {
  return (
    <span class="with-dot">
      <Avatar userId={userId} username={username} size="small" />
      <PresenceDot status={status} />
    </span>
  );
}

interface LinesProps {
  name: string;
  last: Said | undefined;
  unsaid: Pending | undefined;
  /** Several speak here. */
  named?: boolean;
  empty: string;
}

/** The name, and the last that was said, or could not be. */
function Lines({ name, last, unsaid, named = false, empty }: LinesProps) {
  const who = last?.userId === me.value?.userId ? "You" : named ? last?.username : undefined;
  const failed = unsaid?.state === "failed";
  return (
    <span class="talk-lines">
      <span class="talk-first">
        <span class="cut">{name}</span>
        {last && (
          <span class="talk-time muted">
            <Time at={last.timestamp} clock={Date.parse(last.timestamp) > startOfDay(Date.now())} />
          </span>
        )}
      </span>
      <span class={`talk-last small cut ${failed ? "failed" : "muted"}`}>
        {unsaid ? `${failed ? "Not sent" : "You"}: ${unsaid.text}` : !last ? empty : who ? <><bdi>{who}</bdi>: {last.text}</> : last.text}
      </span>
    </span>
  );
}

function Unread({ count }: { count: number }) {
  if (!count) return null;
  return (
    <span class="badge figures" title={plural(count, "unread message")}>
      {count > 99 ? "99+" : count}
      <span class="unseen"> unread</span>
    </span>
  );
}
