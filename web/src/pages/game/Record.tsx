import { tally } from "../../lib/tictactoe";
import { number } from "../../lib/format";
import { played } from "../../lib/game";
import { Avatar, Time } from "../../ui";

const SHOWN = 6;
const WORDS = { won: "Won", lost: "Lost", draw: "Draw" };

/** What this device remembers. */
export function Record() {
  const all = played.value;
  const sum = tally(all);
  return (
    <aside class="record" aria-label="Your games on this device">
      <h2>Your games on this device</h2>
      <dl class="record-sum">
        {(["won", "lost", "draw"] as const).map((what) => (
          <div key={what}>
            <dt>{what === "draw" ? "Draws" : WORDS[what]}</dt>
            <dd class="figures">{number(sum[what])}</dd>
          </div>
        ))}
      </dl>
      {!all.length && <p class="hint">None yet. How each one ended will stand here.</p>}
      <ul>
        {all.slice(0, SHOWN).map(({ id, opponent, result, forfeit, at }) => (
          <li key={id}>
            <Avatar {...opponent} size="small" />
            <span class="cut">{opponent.username}</span>
            <span class={`outcome ${result}`}>
              {WORDS[result]}
              {forfeit && <span class="muted"> by forfeit</span>}
            </span>
            <span class="record-when small muted">
              <Time at={at} />
            </span>
          </li>
        ))}
      </ul>
    </aside>
  );
}
