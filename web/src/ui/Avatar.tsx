import { hue, initials } from "../lib/ids";

interface Props {
  userId: string;
  username: string;
  size?: "small" | "large";
}

/** A colour and initials, the same wherever this person is. The name stands beside it. */
export function Avatar({ userId, username, size }: Props) {
  return (
    <span class={`avatar ${size ?? ""}`} style={{ "--hue": String(hue(userId)) }} aria-hidden="true">
      {initials(username)}
    </span>
  );
}
