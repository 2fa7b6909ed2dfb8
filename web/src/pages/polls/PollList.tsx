import { number, plural } from "../../lib/format";
import { NEW, hidden, listed, loaded, refused, showMore } from "../../lib/polls";
import { sum, type Standing } from "../../lib/standing";
import { address } from "../../router";
import { Button, ErrorNote, Icon, Skeleton } from "../../ui";

export function PollList({ current }: { current: string | undefined }) {
  const all = listed.value;
  const open = all.filter(({ poll }) => !poll.closed);
  const closed = all.filter(({ poll }) => poll.closed);
  return (
    <section class="room-list" aria-label="Polls">
      {refused.value && <ErrorNote>{refused.value}. Trying again.</ErrorNote>}
      <header>
        <h2>Open</h2>
        <a class="icon-button" href={address("polls", NEW)} aria-label="New poll" title="New poll" aria-current={current === NEW ? "page" : undefined}>
          <Icon name="plus" />
        </a>
      </header>
      {!loaded.value && !all.length && <Skeleton rows={3} label="Loading the polls" />}
      {loaded.value && !open.length && <p class="hint pad">None. What somebody asks shows up here.</p>}
      <Items all={open} current={current} />
      {closed.length > 0 && (
        <>
          <header>
            <h2>Closed</h2>
          </header>
          <Items all={closed} current={current} />
        </>
      )}
      {hidden.value > 0 && (
        <Button kind="quiet" onClick={showMore}>
          {number(hidden.value)} older
        </Button>
      )}
      <div class="room-list-end">
        <a class="button" href={address("polls", NEW)}>
          <Icon name="plus" size={18} />
          <span>New poll</span>
        </a>
      </div>
    </section>
  );
}

function Items({ all, current }: { all: Standing[]; current: string | undefined }) {
  return (
    <ul>
      {all.map((one) => (
        <li key={one.poll.id}>
          <Item standing={one} current={one.poll.id === current} />
        </li>
      ))}
    </ul>
  );
}

function Item({ standing: { poll, counts, voted }, current }: { standing: Standing; current: boolean }) {
  return (
    <a class={`room poll-item ${poll.closed ? "over" : ""}`} href={address("polls", poll.id)} aria-current={current ? "page" : undefined}>
      <span class="poll-question">{poll.question}</span>
      <span class="poll-facts small muted">
        <span class="cut">{poll.username}</span>
        {poll.roomName && <span class="cut">· # {poll.roomName}</span>}
        <span class="figures">· {counts ? plural(sum(counts), "vote") : "…"}</span>
        {voted !== null && (
          <span class="poll-voted" title="You have voted">
            <Icon name="check" size={14} />
            <span class="unseen">(you have voted)</span>
          </span>
        )}
      </span>
    </a>
  );
}
