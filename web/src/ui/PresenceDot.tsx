import type { Status } from "../lib/people";

const WORDS: Record<Status, string> = { online: "Online", away: "Away", offline: "Offline" };

/** A dot, and a word on hover and for readers. */
export function PresenceDot({ status }: { status: Status }) {
  return (
    <span class={`presence-dot ${status}`} title={WORDS[status]}>
      <span class="unseen">{WORDS[status]}</span>
    </span>
  );
}
