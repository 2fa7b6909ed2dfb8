import { useState } from "preact/hooks";
import { drop, linkEvents, node, roundTrips, transport } from "../../lib/connection";
import { atClock, plural } from "../../lib/format";
import { healings, moveElsewhere, moving, phase } from "../../lib/session";
import { HealingLine } from "../../frame/HealingLine";
import { Button, Pill, Sparkline } from "../../ui";
import "./lab.css";

const SLOTS = 60;

/** Break things, and watch them heal. */
export default function Lab() {
  return (
    <div class="lab">
      <div class="lab-width">
        <Now />
        <Trips />
        <Interruptions />
        <Events />
      </div>
    </div>
  );
}

function Now() {
  const [told, setTold] = useState("");
  const there = phase.value === "ready";
  return (
    <section aria-labelledby="now">
      <h2 id="now">The connection</h2>
      <dl class="figures-row">
        <div>
          <dt>Node</dt>
          <dd>{there ? node.value : "–"}</dd>
        </div>
        <div>
          <dt>Transport</dt>
          <dd>{there ? transport.value : "–"}</dd>
        </div>
        <div>
          <dt>State</dt>
          <dd>{there ? <Pill kind="good">Connected</Pill> : <Pill kind="warn">Reconnecting</Pill>}</dd>
        </div>
      </dl>
      <p class="muted small">
        Any gateway will do: after a lost connection the page goes on at the next one, and the rooms you are in notice nothing.
      </p>
      <div class="actions">
        <Button icon="bolt" busy={!there || moving.value} onClick={() => (setTold(""), drop())}>
          Drop the connection
        </Button>
        <Button icon="move" busy={moving.value} onClick={() => void moveElsewhere().then(setTold)}>
          {moving.value ? "Moving…" : "Move to another node"}
        </Button>
        <p class="small muted told" role="status">
          {told}
        </p>
      </div>
    </section>
  );
}

function Trips() {
  const trips = roundTrips.value;
  const last = trips.at(-1);
  const sorted = [...trips].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const words = trips.length ? `Round trips: last ${ms(last)}, median ${ms(median)}, worst ${ms(sorted.at(-1))}` : "No round trip measured yet";
  return (
    <section aria-labelledby="trips">
      <h2 id="trips">Round trip</h2>
      <dl class="figures-row">
        <div>
          <dt>Last</dt>
          <dd class="figures">{ms(last)}</dd>
        </div>
        <div>
          <dt>Median of {trips.length || "the last"}</dt>
          <dd class="figures">{ms(median)}</dd>
        </div>
        <div>
          <dt>Worst</dt>
          <dd class="figures">{ms(sorted.at(-1))}</dd>
        </div>
      </dl>
      <Sparkline values={trips} slots={SLOTS} label={words} />
      <p class="axis small muted">
        <span>2 minutes ago</span>
        <span>now</span>
      </p>
    </section>
  );
}

const ms = (value: number | undefined) => (value === undefined ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

function Interruptions() {
  const all = healings.value;
  return (
    <section aria-labelledby="healed">
      <h2 id="healed">Missed and recovered</h2>
      {!all.length && <p class="muted small">No interruption since the page was opened. Drop the connection to see one heal.</p>}
      <ul class="plain-list">
        {all.map((healing) => (
          <li key={healing.at}>
            <HealingLine healing={healing} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Events() {
  const all = linkEvents.value;
  return (
    <section aria-labelledby="events">
      <h2 id="events">
        What happened <span class="muted">{plural(all.length, "event")}</span>
      </h2>
      <ol class="plain-list events">
        {all.map(({ key, at, kind, text }) => (
          <li key={key} class={kind}>
            <span class="mark" aria-hidden="true" />
            <time class="figures muted">{atClock(at, true)}</time>
            <span>{text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
