import type { ComponentChildren } from "preact";

/** A short word with a mark before it; the word alone says it all. */
export function Pill({ kind, children }: { kind: "good" | "warn" | "bad" | "plain"; children: ComponentChildren }) {
  return (
    <span class={`pill ${kind}`}>
      <span class="mark" aria-hidden="true" />
      {children}
    </span>
  );
}
