import { useEffect, useState } from "preact/hooks";
import { refreshList, rooms, showing } from "../../lib/rooms";
import { phase } from "../../lib/session";
import { place } from "../../router";
import { Button, Empty, Skeleton } from "../../ui";
import { CreateRoom } from "./CreateRoom";
import { RoomList } from "./RoomList";
import { RoomView } from "./RoomView";
import "../../layout/split.css";
import { listenForSteps } from "../../layout/steps";
import "./rooms.css";

/** The server makes the list anew four times a second, for all who ask. */
const LIST_EVERY_MS = 2_000;

showing((name) => place.value.page === "rooms" && place.value.rest[0] === name);

export default function Rooms({ rest }: { rest: string[] }) {
  const [name] = rest;
  const [creating, setCreating] = useState(false);
  useEffect(() => {
    const refresh = () => document.hidden || void refreshList();
    refresh();
    const timer = setInterval(refresh, LIST_EVERY_MS);
    document.addEventListener("visibilitychange", refresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", refresh);
    };
  }, []);
  useEffect(() => listenForSteps("rooms", name, () => [...rooms.value.keys()].sort((a, b) => a.localeCompare(b))), [name]);
  return (
    <div class={`rooms ${name ? "with-room" : ""}`}>
      <RoomList current={name} onCreate={() => setCreating(true)} />
      {!name && <Nowhere onCreate={() => setCreating(true)} />}
      {/* Who one is must be known before a room can be entered. */}
      {name && (phase.value === "connecting" ? <Skeleton rows={6} label="Connecting" /> : <RoomView key={name} name={name} />)}
      {creating && <CreateRoom onClose={() => setCreating(false)} />}
    </div>
  );
}

function Nowhere({ onCreate }: { onCreate: () => void }) {
  return (
    <section class="nowhere" aria-label="No room">
      <Empty icon="rooms" title="Choose a room">
        <p>What is said in a room reaches everybody in it, on every node, in the same order. Pick one on the left, or begin one.</p>
        <div class="actions">
          <Button kind="primary" icon="plus" onClick={onCreate}>
            Create a room
          </Button>
        </div>
      </Empty>
    </section>
  );
}
