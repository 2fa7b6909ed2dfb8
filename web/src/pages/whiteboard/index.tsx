import { me } from "../../lib/identity";
import { address, go } from "../../router";
import { Button, Empty, Skeleton } from "../../ui";
import { BoardView } from "./BoardView";
import "./whiteboard.css";

export const DEFAULT = "default";
export const NAME = /^[A-Za-z0-9_.:-]{1,64}$/;

/** The address names the board. */
export default function Whiteboard({ rest }: { rest: string[] }) {
  const name = rest[0] ?? DEFAULT;
  if (!NAME.test(name)) return <NoBoard />;
  // Whose lines are one's own is somebody's.
  if (!me.value) return <Skeleton rows={6} label="Connecting" />;
  return <BoardView key={`${name} ${me.value.userId}`} name={name} />;
}

function NoBoard() {
  return (
    <Empty icon="whiteboard" title="No board can have this name">
      <div role="alert">
        <p>Names are 1 to 64 letters, digits, or any of _ . : -</p>
      </div>
      <div class="actions">
        <Button kind="primary" onClick={() => go("whiteboard")}>
          Go to the board {DEFAULT}
        </Button>
      </div>
    </Empty>
  );
}

export const addressOf = (board: string) => address("whiteboard", board);
