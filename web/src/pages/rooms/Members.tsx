import { WriteTo } from "../../conversation/WriteTo";
import { number } from "../../lib/format";
import { isMe, presenceOf } from "../../lib/people";
import type { Room } from "../../lib/rooms";
import { Avatar, PresenceDot, Skeleton } from "../../ui";

/** Who hears what is said here. */
export function Members({ room, inDialog = false }: { room: Room; inDialog?: boolean }) {
  const people = room.people.value;
  const list = people && (
    <ul>
      {people.map(({ userId, username }) => (
        <li key={userId} class="member">
          <span class="with-dot">
            <Avatar userId={userId} username={username} size="small" />
            <PresenceDot status={presenceOf(userId)?.status ?? "online"} />
          </span>
          <span class="member-name cut">{username}</span>
          {isMe(userId) ? <span class="muted small">you</span> : <WriteTo userId={userId} username={username} />}
        </li>
      ))}
    </ul>
  );
  const more = people && room.total.value > people.length && (
    <p class="hint pad">… and {number(room.total.value - people.length)} more</p>
  );
  if (inDialog) return <div class="members-in-dialog">{list}{more}</div>;
  return (
    <aside class="members" aria-label="Members">
      <h2>
        Members <span class="muted figures">{room.total.value || ""}</span>
      </h2>
      {list ?? <Skeleton rows={3} label="Loading the members" />}
      {more}
    </aside>
  );
}
