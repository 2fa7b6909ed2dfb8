import { useEffect, useMemo, useState } from "preact/hooks";
import { Composer } from "../../conversation/Composer";
import { Conversation } from "../../conversation/Conversation";
import { plural } from "../../lib/format";
import { create, forget, join, leaveRoom, rooms, type Room } from "../../lib/rooms";
import { explain } from "../../lib/words";
import { address, go } from "../../router";
import { Button, Dialog, Empty, ErrorNote, Icon, IconButton, Skeleton } from "../../ui";
import { Members } from "./Members";
import { talkIn } from "./talk";

/** Whoever comes to a room's address enters it. */
export function RoomView({ name }: { name: string }) {
  const room = rooms.value.get(name);
  useEffect(() => {
    if (!room) void join(name);
    // What could not be entered is not one of mine when I go on.
    return () => void (rooms.value.get(name)?.state.value === "out" && forget(name));
  }, [name]);
  if (!room) return <Left name={name} />;
  if (room.state.value === "out") return <Closed room={room} />;
  return <Open room={room} />;
}

/** Left here or on another device, or about to be entered. */
function Left({ name }: { name: string }) {
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(true), 300);
    return () => clearTimeout(timer);
  }, []);
  if (!asked) return <Skeleton rows={6} label={`Entering ${name}`} />;
  return (
    <Empty icon="rooms" title={`You are not in “${name}”`}>
      <p>You have left it, here or on another device.</p>
      <div class="actions">
        <Button kind="primary" onClick={() => void join(name)}>
          Join {name}
        </Button>
      </div>
    </Empty>
  );
}

function Closed({ room }: { room: Room }) {
  const [error, setError] = useState("");
  const trouble = room.trouble.value!;
  const missing = trouble.code === "room_not_found";
  const build = async () => {
    const answer = await create(room.name, false);
    if (!answer.ok) setError(explain(answer.error));
  };
  return (
    <section class="closed" aria-label={room.name}>
      <Empty icon={missing ? "rooms" : "lock"} title={missing ? `There is no room “${room.name}”` : `“${room.name}” cannot be entered`}>
        <div role="alert">
          <p>{missing ? "A room ends when the last one leaves it. You can begin it anew." : explain(trouble)}</p>
        </div>
        <div class="actions">
          {missing ? (
            <Button kind="primary" icon="plus" onClick={() => void build()}>
              Create {room.name}
            </Button>
          ) : (
            <Button icon="refresh" onClick={() => void join(room.name)}>
              Try again
            </Button>
          )}
          <Button kind="quiet" onClick={() => go("rooms")}>
            All rooms
          </Button>
        </div>
        {error && <ErrorNote>{error}</ErrorNote>}
      </Empty>
    </section>
  );
}

function Open({ room }: { room: Room }) {
  const [people, setPeople] = useState(false);
  const talk = useMemo(() => talkIn(room), [room]);
  return (
    <>
      <section class="room-view" aria-label={`Room ${room.name}`}>
        <header class="room-head">
          <a class="icon-button back" href={address("rooms")} aria-label="All rooms" title="All rooms">
            <Icon name="back" />
          </a>
          <Icon name={room.isPrivate ? "lock" : "hash"} size={18} />
          <h2 class="cut">{room.name}</h2>
          {room.isPrivate && <span class="tag">Private</span>}
          <span class="grow" />
          <button class="people-toggle" type="button" aria-expanded={people} onClick={() => setPeople(!people)}>
            <Icon name="people" size={18} />
            <span class="figures">{room.total.value || "–"}</span>
            <span class="unseen">{room.total.value === 1 ? "member" : "members"}, show them</span>
          </button>
          <Leave room={room} />
        </header>
        <Conversation talk={talk}>
          <Nothing room={room} />
        </Conversation>
        <Composer talk={talk} />
      </section>
      <Members room={room} />
      {people && (
        <Dialog title={plural(room.total.value, "member")} onClose={() => setPeople(false)}>
          <Members room={room} inDialog />
        </Dialog>
      )}
    </>
  );
}

function Nothing({ room }: { room: Room }) {
  if (room.state.value !== "in") return <Skeleton rows={5} label="Loading the messages" />;
  return (
    <Empty icon="rooms" title="Nothing has been said yet">
      <p>
        Be the first. {room.isPrivate ? "Only its creator, and those whose token names this room, can come in." : "Whoever has the address of this page can come in."}
      </p>
    </Empty>
  );
}

function Leave({ room }: { room: Room }) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState("");
  const leave = async () => {
    const answer = await leaveRoom(room);
    if (answer.ok) go("rooms");
    else setError(explain(answer.error));
  };
  // The last one takes the room along: that is worth a question.
  const last = room.total.value === 1 && room.entries.value.some(({ kind }) => kind === "message");
  return (
    <>
      <IconButton icon="out" label={`Leave ${room.name}`} onClick={() => (last ? setAsking(true) : void leave())} />
      {(asking || error) && (
        <Dialog title={`Leave ${room.name}?`} onClose={() => (setAsking(false), setError(""))}>
          {asking && <p>You are the last one here: the room and what was said in it end with you.</p>}
          {error && <ErrorNote>{error}</ErrorNote>}
          <div class="actions">
            <Button onClick={() => (setAsking(false), setError(""))}>Stay</Button>
            <Button kind="danger" onClick={() => void leave()}>
              Leave
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
