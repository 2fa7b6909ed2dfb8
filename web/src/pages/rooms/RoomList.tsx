import { number, plural } from "../../lib/format";
import { listed, listedTotal, rooms, type Room } from "../../lib/rooms";
import { address } from "../../router";
import { Button, Icon, IconButton, Skeleton } from "../../ui";

/** One's own rooms, then those that one could enter. */
export function RoomList({ current, onCreate }: { current: string | undefined; onCreate: () => void }) {
  const mine = [...rooms.value.values()].filter(({ state }) => state.value !== "out").sort((a, b) => a.name.localeCompare(b.name));
  const counts = new Map(listed.value?.map(({ name, memberCount }) => [name, memberCount]));
  const others = listed.value?.filter(({ name }) => !mine.some((room) => room.name === name));
  return (
    <section class="room-list" aria-label="Rooms">
      <header>
        <h2>Your rooms</h2>
        <IconButton icon="plus" label="Create a room" onClick={onCreate} />
      </header>
      <ul>
        {mine.map((room) => (
          <Mine key={room.name} room={room} count={room.total.value || counts.get(room.name)} current={room.name === current} />
        ))}
      </ul>
      {!mine.length && <p class="hint pad">None yet. {others?.length ? "Enter one below, or create one." : "Create the first one."}</p>}
      <header>
        <h2>Others</h2>
      </header>
      {!others && <Skeleton rows={3} label="Loading the rooms" />}
      {others && !others.length && <p class="hint pad">None. What others create shows up here.</p>}
      <ul>
        {others?.map(({ name, memberCount }) => (
          <li key={name}>
            <a class="room" href={address("rooms", name)} aria-current={name === current ? "page" : undefined}>
              <Icon name="hash" size={16} />
              <span class="cut">{name}</span>
              <Members count={memberCount} />
            </a>
          </li>
        ))}
      </ul>
      {listed.value && listedTotal.value > listed.value.length && (
        <p class="hint pad">{number(listedTotal.value - listed.value.length)} more; open them by their address.</p>
      )}
      <div class="room-list-end">
        <Button icon="plus" onClick={onCreate}>
          Create a room
        </Button>
      </div>
    </section>
  );
}

function Mine({ room, count, current }: { room: Room; count: number | undefined; current: boolean }) {
  const unread = current ? 0 : room.unread.value;
  return (
    <li>
      <a class={`room ${unread ? "unread" : ""}`} href={address("rooms", room.name)} aria-current={current ? "page" : undefined}>
        <Icon name={room.isPrivate ? "lock" : "hash"} size={16} />
        <span class="cut">{room.name}</span>
        {room.isPrivate && <span class="unseen">(private)</span>}
        {unread > 0 && (
          <span class="badge figures" title={plural(unread, "unread message")}>
            {unread > 99 ? "99+" : unread}
            <span class="unseen"> unread</span>
          </span>
        )}
        <Members count={count} />
      </a>
    </li>
  );
}

function Members({ count }: { count: number | undefined }) {
  if (count === undefined) return <span class="members-count" />;
  return (
    <span class="members-count figures" title={plural(count, "member")}>
      <Icon name="people" size={14} />
      {number(count)}
      <span class="unseen"> {count === 1 ? "member" : "members"}</span>
    </span>
  );
}
