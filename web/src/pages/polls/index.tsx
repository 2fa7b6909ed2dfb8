import { useEffect, useRef } from "preact/hooks";
import "../../layout/split.css";
import { listenForSteps } from "../../layout/steps";
import { me } from "../../lib/identity";
import { NEW, connected, listed, loaded, open, refresh } from "../../lib/polls";
import { rooms } from "../../lib/rooms";
import { address } from "../../router";
import { Empty, Icon, Skeleton } from "../../ui";
import { MakePoll } from "./MakePoll";
import { PollList } from "./PollList";
import { PollView } from "./PollView";
import "./polls.css";

/** Of everybody, and of one's rooms. */
export default function Polls({ rest }: { rest: string[] }) {
  const [id] = rest;
  const known = me.value !== null;
  const before = useRef<string>();
  const asked = before.current === NEW;
  useEffect(() => void (before.current = id), [id]);
  useEffect(() => void (known && open()), [known]);
  // A room that one enters brings its polls, one that one leaves takes them along.
  const entered = [...rooms.value.values()].filter(({ state }) => state.value === "in").map(({ name }) => name).join();
  useEffect(() => void (connected.value && refresh()), [entered]);
  useEffect(() => listenForSteps("polls", id, () => listed.value.map(({ poll }) => poll.id)), [id]);
  return (
    <div class={`rooms polls-page ${id ? "with-room" : ""}`}>
      <PollList current={id} />
      {!id && <Nothing />}
      {/* Drafts and votes are somebody's. */}
      {id && !known && <Skeleton rows={6} label="Connecting" />}
      {id && known && (id === NEW ? <MakePoll /> : <PollView key={id} id={id} takesFocus={asked} />)}
    </div>
  );
}

function Nothing() {
  const none = loaded.value && !listed.value.length;
  return (
    <section class="nowhere" aria-label="No poll">
      <Empty icon="polls" title={none ? "Ask the first question" : "Choose a poll"}>
        <p>
          {none
            ? "Two options are enough. Everybody is counted once, on whatever device, and sees the bars grow at once."
            : "Pick one on the left, or ask something yourself. Everybody is counted once."}
        </p>
        <div class="actions">
          <a class="button primary" href={address("polls", NEW)}>
            <Icon name="plus" size={18} />
            <span>New poll</span>
          </a>
        </div>
      </Empty>
    </section>
  );
}
