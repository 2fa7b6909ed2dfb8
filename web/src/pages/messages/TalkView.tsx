import { Composer } from "../../conversation/Composer";
import { Conversation } from "../../conversation/Conversation";
import { hereTotal, joined, peer, talkOf, type Peer } from "../../lib/chat";
import { me } from "../../lib/identity";
import { plural } from "../../lib/format";
import { EVERYONE } from "../../lib/whispers";
import { address } from "../../router";
import { Empty, Icon, Skeleton, Time } from "../../ui";
import { Face } from "./TalkList";

export function TalkView({ talkKey }: { talkKey: string }) {
  const talk = talkOf(talkKey);
  const who = talkKey === EVERYONE ? null : peer(talkKey);
  return (
    <section class="room-view" aria-label={who ? `Conversation with ${who.username}` : "Everyone"}>
      <header class="room-head">
        <a class="icon-button back" href={address("messages")} aria-label="All conversations" title="All conversations">
          <Icon name="back" />
        </a>
        {who ? <Face who={who} /> : <Icon name="people" size={18} />}
        <h2 class="cut">{who ? who.username : "Everyone"}</h2>
        <span class="small muted cut">{who ? <How who={who} /> : hereTotal.value > 0 && `${plural(hereTotal.value, "person", "people")} here`}</span>
      </header>
      <Conversation talk={talk} line={who && who.reachable === false && <Absent who={who} />}>
        <Nothing who={who} />
      </Conversation>
      <Composer talk={talk} />
    </section>
  );
}

function How({ who: { userId, status, since } }: { who: Peer }) {
  if (userId === me.value?.userId) return <>You, on all your devices</>;
  if (status === "online") return <>Online</>;
  const away = status === "away";
  if (!since) return <>{away ? "Away" : "Offline"}</>;
  return (
    <>
      {away ? "Went away " : "Offline, last seen "}
      <Time at={since} />
    </>
  );
}

/** Whoever is not here receives nothing, and would not hear of it later. */
function Absent({ who: { username, status } }: { who: Peer }) {
  return (
    <span role="status">
      <bdi>{username}</bdi> is {status === "offline" ? "offline" : "online, but not in messages"}, and cannot be written to now.
    </span>
  );
}

function Nothing({ who }: { who: Peer | null }) {
  if (!joined.value) return <Skeleton rows={5} label="Loading the messages" />;
  if (!who) {
    return (
      <Empty icon="people" title="Nothing has been said yet">
        <p>What you write here is read by everybody who is signed in, on every node.</p>
      </Empty>
    );
  }
  return (
    <Empty icon="messages" title={`Write to ${who.username}`}>
      <p>It is seen by the two of you, on all your devices, and by nobody else.</p>
    </Empty>
  );
}
