import { useState } from "preact/hooks";
import { drop, node, roundTrips, transport } from "../lib/connection";
import { plural } from "../lib/format";
import { sender as toTalks } from "../lib/chat";
import { sender as toRooms } from "../lib/rooms";
import { lastHealing, moveElsewhere, moving, phase } from "../lib/session";
import { Button, Panel, Pill } from "../ui";
import { HealingLine } from "./HealingLine";

/** The one place that says how the connection is. */
export function ConnectionPill() {
  const [open, setOpen] = useState(false);
  return (
    <div class="floats">
      <button class="connection" type="button" aria-expanded={open} aria-haspopup="dialog" onClick={() => setOpen(!open)}>
        <span class="unseen">Connection: </span>
        {phase.value === "ready" ? <Here /> : <Pill kind="warn">{goneWords()}</Pill>}
      </button>
      <span class="unseen" role="status">
        {phase.value === "away" ? goneWords() : phase.value === "ready" && lastHealing.value ? "Connected again" : ""}
      </span>
      {open && (
        <Panel label="Connection" onClose={() => setOpen(false)}>
          <ConnectionPanel />
        </Panel>
      )}
    </div>
  );
}

function goneWords(): string {
  const word = phase.value === "connecting" ? "Connecting" : "Reconnecting";
  const waiting = toRooms.waiting.value + toTalks.waiting.value;
  return waiting ? `${word}, ${plural(waiting, "message")} waiting` : word;
}

function Here() {
  const trip = roundTrips.value.at(-1);
  return (
    <Pill kind="good">
      <b data-node={node.value}>{node.value}</b>
      <span class="wide">{transport.value}</span>
      <span class="figures trip">{trip === undefined ? "–" : Math.max(1, Math.round(trip))} ms</span>
    </Pill>
  );
}

export function ConnectionPanel() {
  const [told, setTold] = useState("");
  const there = phase.value === "ready";
  const healing = lastHealing.value;
  return (
    <div class="connection-panel">
      <dl class="facts">
        <dt>Node</dt>
        <dd>{there ? node.value : "none right now"}</dd>
        <dt>Transport</dt>
        <dd>{there ? transport.value : "–"}</dd>
        <dt>Round trip</dt>
        <dd class="figures">{there && roundTrips.value.length ? `${roundTrips.value.at(-1)!.toFixed(1)} ms` : "–"}</dd>
        <dt>Last interruption</dt>
        <dd>{healing ? <HealingLine healing={healing} /> : "none since the page was opened"}</dd>
      </dl>
      <div class="actions">
        <Button icon="bolt" busy={!there || moving.value} onClick={drop}>
          Drop the connection
        </Button>
        <Button icon="move" busy={moving.value} onClick={() => void moveElsewhere().then(setTold)}>
          {moving.value ? "Moving…" : "Move to another node"}
        </Button>
      </div>
      <p class="small muted told" role="status">
        {told}
      </p>
    </div>
  );
}
