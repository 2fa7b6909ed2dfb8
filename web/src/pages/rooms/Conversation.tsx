import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { day, plural } from "../../lib/format";
import { rows, type Row } from "../../lib/grouping";
import { me } from "../../lib/identity";
import { shown } from "../../lib/outbox";
import { markRead, outbox, type Room } from "../../lib/rooms";
import { Button, Empty, Icon, Skeleton, Time } from "../../ui";
import { Group } from "./Messages";

/** So close to the end is at the end. */
const SLACK = 48;
const NOBODY = { userId: "", username: "" };

export function Conversation({ room }: { room: Room }) {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useSignal(true);
  const seen = useSignal(room.entries.value.length);
  // Where one left off stays marked for as long as one is here.
  const leftOff = useRef(room.unread.value ? room.read.value : 0);
  const mine = me.value?.userId ?? "";
  const pending = useComputed(() => shown(outbox.value, room.name));
  const entries = room.entries.value;

  const toEnd = () => list.current?.scrollTo({ top: list.current.scrollHeight });
  const look = () => {
    const { scrollHeight, scrollTop, clientHeight } = list.current!;
    atEnd.value = scrollHeight - scrollTop - clientHeight < SLACK;
    if (atEnd.value) read();
  };
  const read = () => {
    seen.value = room.entries.value.length;
    if (!document.hidden) markRead(room);
  };

  useLayoutEffect(() => {
    const mark = list.current?.querySelector(".unread-line");
    if (mark) mark.scrollIntoView({ block: "center" });
    else toEnd();
    look();
  }, [room]);
  useLayoutEffect(() => {
    if (atEnd.value) (toEnd(), read());
  }, [entries, pending.value]);
  useEffect(() => follow(list.current!, () => atEnd.value && toEnd()), [room]);
  useEffect(() => onceVisible(() => atEnd.value && read()), [room]);
  useEffect(() => onEscape(toEnd), [room]);

  const fresh = entries.slice(seen.value).filter((entry) => entry.kind === "message" && entry.message.userId !== mine).length;
  return (
    <div class="conversation">
      <div ref={list} class="messages" role="log" aria-live="polite" aria-label={`Messages in ${room.name}`} tabIndex={0} onScroll={look}>
        <div class="messages-space" />
        {!entries.length && !pending.value.length && <Nothing room={room} />}
        {rows(entries, leftOff.current, me.value ?? NOBODY, pending.value).map((row) => (
          <RowView key={row.key} row={row} />
        ))}
      </div>
      {!atEnd.value && (
        <div class="newest">
          <Button icon="down" kind={fresh ? "primary" : "plain"} onClick={toEnd}>
            {fresh ? `${fresh} new` : "Newest"}
          </Button>
        </div>
      )}
      <Typing room={room} />
    </div>
  );
}

function Nothing({ room }: { room: Room }) {
  if (room.state.value !== "in") return <Skeleton rows={5} label="Loading the messages" />;
  return (
    <Empty icon="rooms" title="Nothing has been said yet">
      <p>Be the first. Whoever has the address of this page can come in{room.isPrivate ? ", once they are let in" : ""}.</p>
    </Empty>
  );
}

function RowView({ row }: { row: Row }) {
  switch (row.kind) {
    case "group":
      return <Group {...row} />;
    case "day":
      return (
        <div class="line">
          <span>{day(row.at)}</span>
        </div>
      );
    case "unread":
      return (
        <div class="line unread-line">
          <span>You left off here</span>
        </div>
      );
    case "gap":
      return (
        <p class="gap">
          <Icon name="alert" size={16} /> Some messages before this could not be recovered.
        </p>
      );
    case "notice":
      return (
        <p class="notice">
          <strong>{row.username}</strong> {row.came ? "came in" : "left"} · <Time at={row.at} clock />
        </p>
      );
  }
}

/** Its place is reserved: nothing moves when somebody types. */
function Typing({ room }: { room: Room }) {
  const names = [...room.typists.value.values()];
  const who = names.length > 2 ? plural(names.length, "person", "people") : names.join(" and ");
  return <p class="typing cut">{names.length > 0 && `${who} ${names.length === 1 ? "is" : "are"} typing…`}</p>;
}

/** The list gets another size when the keyboard comes up, a line is broken, a window is drawn. */
function follow(list: HTMLElement, act: () => void): () => void {
  const observer = new ResizeObserver(act);
  observer.observe(list);
  return () => observer.disconnect();
}

function onceVisible(act: () => void): () => void {
  const listen = () => document.hidden || act();
  document.addEventListener("visibilitychange", listen);
  return () => document.removeEventListener("visibilitychange", listen);
}

function onEscape(act: () => void): () => void {
  const listen = (event: KeyboardEvent) => event.key === "Escape" && !document.querySelector("dialog[open], .panel") && act();
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}
