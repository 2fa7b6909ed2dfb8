import type { Mark as Which } from "../../lib/tictactoe";

/** Told apart by shape as much as by colour. */
export const MarkX = () => (
  <svg class="mark-x" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
    <path d="M10 10l20 20M30 10l-20 20" />
  </svg>
);

export const MarkO = () => (
  <svg class="mark-o" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
    <circle cx="20" cy="20" r="11" />
  </svg>
);

export const Mark = ({ mark }: { mark: Which }) => (mark === "X" ? <MarkX /> : <MarkO />);
