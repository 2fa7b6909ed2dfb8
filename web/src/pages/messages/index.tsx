import { useEffect } from "preact/hooks";
import "../../layout/split.css";
import { listenForSteps } from "../../layout/steps";
import { known, others, talked } from "../../lib/chat";
import { EVERYONE } from "../../lib/whispers";
import { address } from "../../router";
import { Empty, Icon, Skeleton } from "../../ui";
import "./messages.css";
import { TalkList } from "./TalkList";
import { TalkView } from "./TalkView";

/** With everyone, and with one at a time. */
export default function Messages({ rest }: { rest: string[] }) {
  const [key] = rest;
  useEffect(() => listenForSteps("messages", key, all), [key]);
  return (
    <div class={`rooms messages-page ${key ? "with-room" : ""}`}>
      <TalkList current={key} />
      {!key && <Nowhere />}
      {/* Who one is must be known before one's own words can be told from others'. */}
      {key && (known.value ? <TalkView key={key} talkKey={key} /> : <Skeleton rows={6} label="Connecting" />)}
    </div>
  );
}

const all = () => [EVERYONE, ...talked.value.map(({ key }) => key), ...(others.value ?? []).map(({ key }) => key)];

function Nowhere() {
  return (
    <section class="nowhere" aria-label="No conversation">
      <Empty icon="messages" title="Choose a conversation">
        <p>Pick somebody on the left: what you write is seen by the two of you, on all your devices. Or say something to everyone.</p>
        <div class="actions">
          <a class="button primary" href={address("messages", EVERYONE)}>
            <Icon name="people" size={18} />
            <span>Write to everyone</span>
          </a>
        </div>
      </Empty>
    </section>
  );
}
