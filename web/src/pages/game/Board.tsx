import { useRef, useState } from "preact/hooks";
import { drawn, hindrance, label, winningLine, type Game } from "../../lib/tictactoe";
import { Mark } from "./marks";

const STEPS: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const ROWS = [0, 1, 2];

/** Nine buttons: one of them is reached by Tab, the others by the arrows. */
export function Board({ game, onTake }: { game: Game; onTake: (cell: number) => void }) {
  const [current, setCurrent] = useState(4);
  const grid = useRef<HTMLDivElement>(null);
  const line = game.over ? winningLine(game.board) : null;

  const key = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const within = (n: number) => Math.min(2, Math.max(0, n));
    const next = within(Math.floor(current / 3) + step[0]) * 3 + within((current % 3) + step[1]);
    setCurrent(next);
    grid.current!.querySelectorAll("button")[next]!.focus();
  };
  return (
    <div class={`cells ${line ? "has-line" : ""}`} role="grid" aria-label="Board" ref={grid} onKeyDown={key}>
      {ROWS.map((row) => (
        <div key={row} class="cells-row" role="row">
          {ROWS.map((column) => {
            const cell = row * 3 + column;
            const mark = drawn(game, cell);
            const pending = game.pending?.cell === cell && game.pending.state !== "made";
            const kind = ["cell", pending && "pending", game.last === cell && "last", line?.includes(cell) && "in-line", !hindrance(game, cell) && "free"];
            return (
              <div key={column} role="gridcell">
                <button
                  type="button"
                  class={kind.filter(Boolean).join(" ")}
                  aria-label={label(game, cell)}
                  aria-disabled={hindrance(game, cell) ? true : undefined}
                  tabIndex={current === cell ? 0 : -1}
                  onFocus={() => setCurrent(cell)}
                  onClick={() => onTake(cell)}
                >
                  {mark ? <Mark mark={mark} /> : !hindrance(game, cell) && <span class="ghost"><Mark mark={game.mine} /></span>}
                </button>
              </div>
            );
          })}
        </div>
      ))}
      {line && <Stroke line={line} />}
    </div>
  );
}

/** Through the three that won. */
function Stroke({ line }: { line: number[] }) {
  const centre = (cell: number) => [(cell % 3) * 100 + 50, Math.floor(cell / 3) * 100 + 50] as const;
  const [ax, ay] = centre(line[0]!);
  const [bx, by] = centre(line[2]!);
  const reach = (a: number, b: number) => Math.sign(b - a) * 34;
  return (
    <svg class="stroke" viewBox="0 0 300 300" aria-hidden="true" focusable="false">
      <line x1={ax - reach(ax, bx)} y1={ay - reach(ay, by)} x2={bx + reach(ax, bx)} y2={by + reach(ay, by)} />
    </svg>
  );
}
