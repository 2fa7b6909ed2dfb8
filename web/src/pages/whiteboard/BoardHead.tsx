import { useState } from "preact/hooks";
import "../../layout/split.css";
import { plural } from "../../lib/format";
import { rooms } from "../../lib/rooms";
import { go } from "../../router";
import { Avatar, Button, Field, Icon, IconButton, Panel } from "../../ui";
import { DEFAULT, NAME, addressOf } from ".";
import type { BoardSession } from "./session";

const SHOWN = 4;

export function BoardHead({ name, session, onSave }: { name: string; session: BoardSession | null; onSave: () => Promise<boolean> }) {
  const [choosing, setChoosing] = useState(false);
  const people = [...(session?.cursors.value.values() ?? [])];
  const strokes = session?.facts.value.strokes ?? 0;
  const save = async () => {
    if (!(await onSave())) session?.say("Nothing is drawn yet that could be saved.");
  };
  return (
    <header class="board-head">
      <div class="floats">
        <button class="board-name" type="button" aria-expanded={choosing} aria-haspopup="dialog" onClick={() => setChoosing(!choosing)}>
          <Icon name="whiteboard" size={18} />
          <h2 class="cut">{name}</h2>
          <span class="unseen">(go to another board)</span>
          <Icon name="chevron" size={14} />
        </button>
        {choosing && (
          <Panel label="Another board" onClose={() => setChoosing(false)}>
            <Choose current={name} onDone={() => setChoosing(false)} />
          </Panel>
        )}
      </div>
      <span class="muted small figures board-count">{session?.opened.value ? plural(strokes, "stroke") : ""}</span>
      <span class="grow" />
      <ul class="board-people" aria-label="Pointing right now">
        {people.slice(0, SHOWN).map((who) => (
          <li key={who.userId} title={who.username}>
            <Avatar {...who} size="small" />
            <span class="unseen">{who.username}</span>
          </li>
        ))}
        {people.length > SHOWN && <li class="small muted">+{people.length - SHOWN}</li>}
      </ul>
      <CopyLink />
      <IconButton icon="save" label="Save as a picture (PNG)" onClick={() => void save()} />
    </header>
  );
}

function CopyLink() {
  const [told, setTold] = useState("");
  const copy = async () => {
    const done = await navigator.clipboard?.writeText(location.href).then(
      () => true,
      () => false,
    );
    setTold(done ? "Link copied" : "Copy the link from the address bar");
    setTimeout(() => setTold(""), 4_000);
  };
  return (
    <>
      <span class="small muted cut" role="status">
        {told}
      </span>
      <IconButton icon="link" label="Copy the link to this board" onClick={() => void copy()} />
    </>
  );
}

function Choose({ current, onDone }: { current: string; onDone: () => void }) {
  const [name, setName] = useState("");
  const [error, setError] = useState("");
  const own = [...rooms.value.values()].filter(({ state }) => state.value === "in").map((room) => room.name);
  const others = [...new Set([DEFAULT, ...own])].filter((one) => one !== current).sort();
  const submit = (event: Event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (!NAME.test(wanted)) return setError("Use 1 to 64 letters, digits, or any of _ . : -");
    onDone();
    go("whiteboard", wanted);
  };
  return (
    <div class="board-choose">
      <form onSubmit={submit} noValidate>
        <Field
          label="Go to a board"
          hint="A new name begins a new board."
          value={name}
          error={error}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          autoFocus
          onInput={(event) => (setName(event.currentTarget.value), setError(""))}
        />
        <Button kind="primary" type="submit">
          Go
        </Button>
      </form>
      {others.length > 0 && (
        <>
          <h3>{own.length ? "Of your rooms" : "For everybody"}</h3>
          <ul>
            {others.map((one) => (
              <li key={one}>
                <a class="room" href={addressOf(one)} onClick={onDone}>
                  <Icon name={one === DEFAULT ? "whiteboard" : rooms.value.get(one)?.isPrivate ? "lock" : "hash"} size={18} />
                  <span class="cut">{one}</span>
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
