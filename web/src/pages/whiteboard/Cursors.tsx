import type { ReadonlySignal } from "@preact/signals";
import { hue } from "../../lib/ids";
import type { View } from "./painter";
import type { BoardSession } from "./session";

/** Where others point. They glide when they move, and stay on the paper when that is moved. */
export function Cursors({ session, view }: { session: BoardSession; view: ReadonlySignal<View> }) {
  const { x, y, scale } = view.value;
  return (
    <div class="cursors" aria-hidden="true">
      {[...session.cursors.value.values()].map((cursor) => (
        <div key={cursor.userId} class="cursor" style={{ "--hue": String(hue(cursor.userId)), left: `${-x * scale}px`, top: `${-y * scale}px`, transform: `translate(${cursor.x * scale}px, ${cursor.y * scale}px)` }}>
          <svg width="18" height="20" viewBox="0 0 18 20">
            <path d="M2 2l13.500 6.200-6 2.100-2.600 6z" />
          </svg>
          <span class="cut">{cursor.username}</span>
        </div>
      ))}
    </div>
  );
}
