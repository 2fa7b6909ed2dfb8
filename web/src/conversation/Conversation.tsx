import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { day, plural } from "../lib/format";
import { rows, type Row } from "../lib/grouping";
import { Button, Icon, Time } from "../ui";
import "./conversation.css";
import { Group } from "./Messages";
import type { Talk } from "./talk";

/** So close to the end is at the end. */
const SLACK = 48;
const LOST = "The server no longer has what was said before this. Only pages that were open then still show it.";
const NOBODY = { userId: "", username: "" };

interface Props {
  talk: Talk;
  /** What stands there while nothing has been said. */
  children: ComponentChildren;
  /** What is said below it, where nobody types. */
  line?: ComponentChildren;
}

export function Conversation({ talk, children, line }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useSignal(true);
  /** The last entry that was seen. */
  const seen = useSignal(talk.entries.value.at(-1)?.key);
  // Where one left off stays marked for as long as one is here.
  const leftOff = useSignal(talk.unread.value ? talk.read.value : 0);
  const mine = talk.me.value?.userId ?? "";
  const pending = talk.pending.value;
  const entries = talk.entries.value;

  const toEnd = () => list.current?.scrollTo({ top: list.current.scrollHeight });
  const look = () => {
    const { scrollHeight, scrollTop, clientHeight } = list.current!;
    atEnd.value = scrollHeight - scrollTop - clientHeight < SLACK;
    if (atEnd.value) read();
  };
  const read = () => {
    seen.value = talk.entries.value.at(-1)?.key;
    if (!document.hidden) talk.markRead();
  };
  const comeBack = () => {
    if (talk.unread.value) leftOff.value = talk.read.value;
    if (atEnd.value) read();
  };

  useLayoutEffect(() => {
    const mark = list.current?.querySelector(".unread-line");
    if (mark) mark.scrollIntoView({ block: "center" });
    else toEnd();
    look();
  }, [talk]);
  useLayoutEffect(() => {
    if (atEnd.value) (toEnd(), read());
  }, [entries, pending]);
  useEffect(() => follow(list.current!, () => atEnd.value && toEnd()), [talk]);
  useEffect(() => onceVisible(comeBack), [talk]);
  useEffect(() => onEscape(toEnd), [talk]);

  const unseen = entries.slice(entries.findLastIndex(({ key }) => key === seen.value) + 1);
  const fresh = unseen.filter((entry) => entry.kind === "message" && entry.message.userId !== mine).length;
  return (
    <div class="conversation">
      <div ref={list} class="messages" role="log" aria-live="polite" aria-label={talk.title} tabIndex={0} onScroll={look}>
        <div class="messages-space" />
        {!entries.length && !pending.length && children}
        {rows(entries, leftOff.value, talk.me.value ?? NOBODY, pending).map((row) => (
          <RowView key={row.key} talk={talk} row={row} />
        ))}
      </div>
      {!atEnd.value && (
        <div class="newest">
          <Button icon="down" kind={fresh ? "primary" : "plain"} onClick={toEnd}>
            {fresh ? `${fresh} new` : "Newest"}
          </Button>
        </div>
      )}
      <Typing talk={talk} line={line} />
    </div>
  );
}

function RowView({ talk, row }: { talk: Talk; row: Row }) {
  switch (row.kind) {
    case "group":
      return <Group talk={talk} {...row} />;
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
          <Icon name="alert" size={16} /> {row.lost ? LOST : "Some messages before this could not be recovered."}
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
function Typing({ talk, line }: Pick<Props, "talk" | "line">) {
  const [one, other, ...more] = talk.typists.value.values();
  return (
    <p class="typing cut">
      {one === undefined && line}
      {one !== undefined && other === undefined && <><bdi>{one}</bdi> is typing…</>}
      {other !== undefined && !more.length && <><bdi>{one}</bdi> and <bdi>{other}</bdi> are typing…</>}
      {more.length > 0 && `${plural(more.length + 2, "person", "people")} are typing…`}
    </p>
  );
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
