import { useState } from "preact/hooks";
import { WriteTo } from "../../conversation/WriteTo";
import { number } from "../../lib/format";
import { me } from "../../lib/identity";
import { everybody, isMe, unlisted, type Presence, type Status } from "../../lib/people";
import { phase, signOutEverywhere } from "../../lib/session";
import { Avatar, Button, Dialog, Empty, ErrorNote, PresenceDot, Skeleton, Time } from "../../ui";
import "./people.css";

const SECTIONS: [Status, string][] = [
  ["online", "Online"],
  ["away", "Away"],
  ["offline", "Offline, seen since you came"],
];

export default function People() {
  const all = everybody.value;
  return (
    <div class="people-page">
      <div class="people-width">
        {all ? <Everybody all={all} /> : <Skeleton rows={6} label="Loading who is there" />}
        <Myself />
      </div>
    </div>
  );
}

function Everybody({ all }: { all: Presence[] }) {
  const others = all.some(({ userId }) => !isMe(userId));
  return (
    <>
      {SECTIONS.map(([status, title]) => (
        <Section key={status} title={title} people={all.filter((who) => who.status === status)} />
      ))}
      {unlisted.value > 0 && <p class="hint">And {number(unlisted.value)} more, when the list was made.</p>}
      {!others && (
        <Empty icon="people" title="Nobody else is here yet">
          <p>Open this page in another window and sign in there under another name: both show up here.</p>
        </Empty>
      )}
    </>
  );
}

function Section({ title, people }: { title: string; people: Presence[] }) {
  if (!people.length) return null;
  return (
    <section aria-label={title}>
      <h2>
        {title} <span class="muted figures">{number(people.length)}</span>
      </h2>
      <ul>
        {people.map((who) => (
          <Somebody key={who.userId} who={who} />
        ))}
      </ul>
    </section>
  );
}

function Somebody({ who: { userId, username, status, lastSeen } }: { who: Presence }) {
  return (
    <li class="somebody">
      <span class="with-dot">
        <Avatar userId={userId} username={username} />
        <PresenceDot status={status} />
      </span>
      <span class="somebody-name">
        <span class="cut" title={username}>
          {username}
        </span>
        {isMe(userId) && <span class="muted">· you</span>}
      </span>
      <span class="somebody-state small muted">
        {status === "online" ? "Online" : status === "away" ? "Went away " : "Last seen "}
        {status !== "online" && <Time at={lastSeen} />}
      </span>
      <span class="somebody-write">{!isMe(userId) && <WriteTo userId={userId} username={username} />}</span>
    </li>
  );
}

function Myself() {
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState(false);
  const out = async () => setFailed(!(await signOutEverywhere()));
  return (
    <section class="myself" aria-label="Your devices">
      <div>
        <h2>Your devices</h2>
        <p class="small muted">
          All windows and devices where you are {me.value?.username} count as one person: you are offline when the last one is gone.
        </p>
      </div>
      <Button kind="danger" icon="out" disabled={phase.value !== "ready"} onClick={() => setAsking(true)}>
        Sign out everywhere
      </Button>
      {asking && (
        <Dialog title="Sign out everywhere?" onClose={() => setAsking(false)}>
          <p>All your connections end at once, on every device, and you leave all rooms. Signing in again brings you back.</p>
          {failed && <ErrorNote>The server did not answer. Try again when the connection is back.</ErrorNote>}
          <div class="actions">
            <Button onClick={() => setAsking(false)}>Stay</Button>
            <Button kind="danger" onClick={() => void out()}>
              Sign out everywhere
            </Button>
          </div>
        </Dialog>
      )}
    </section>
  );
}
