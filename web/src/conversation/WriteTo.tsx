import type { Person } from "../lib/identity";
import { keyOf } from "../lib/whispers";
import { address } from "../router";
import { Icon } from "../ui";

/** To the conversation with somebody. */
export function WriteTo({ userId, username }: Person) {
  const label = `Write to ${username}`;
  return (
    <a class="icon-button" href={address("messages", keyOf(userId))} aria-label={label} title={label}>
      <Icon name="messages" size={18} />
    </a>
  );
}
