import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pageKeys } from "../../frame/Keys";
import { extent } from "../../lib/board";
import { number, plural } from "../../lib/format";
import { INKS, WIDTHS } from "../../lib/ink";
import { presenceOf } from "../../lib/people";
import { go } from "../../router";
import { Button, Dialog, Empty, ErrorNote, IconButton } from "../../ui";
import { Cursors } from "./Cursors";
import { BoardHead } from "./BoardHead";
import { saveAsPng } from "./export";
import { Hand } from "./hand";
import { DEFAULT } from ".";
import { Painter, type View } from "./painter";
import { BoardSession } from "./session";
import { Toolbar } from "./Toolbar";
import { color, tool, width } from "./tools";

const ZOOM = 1.25;
const STEP_PX = 64;
const SLOW_MS = 500;
const NOT_AUTHORIZED = /not authorized/i;

/** For as long as the page shows this board. It is opened once the board before it is left. */
export function BoardView({ name }: { name: string }) {
  const [session, setSession] = useState<BoardSession | null>(null);
  useEffect(() => {
    const own = new BoardSession(name);
    setSession(own);
    return () => own.close();
  }, [name]);
  if (session && NOT_AUTHORIZED.test(session.refused.value)) return <Closed session={session} />;
  return (
    <section class="board" aria-label={`Board ${name}`}>
      <BoardHead name={name} session={session} onSave={() => (session ? saveAsPng(session.picture, name) : Promise.resolve(false))} />
      {session ? <Paper session={session} /> : <div class="paper" />}
    </section>
  );
}

/** It opens by itself as soon as one may be there: the connection keeps asking. */
function Closed({ session }: { session: BoardSession }) {
  const { waiting } = session.facts.value;
  return (
    <section class="board-closed" aria-label={`Board ${session.name}`}>
      <Empty icon="lock" title={`The board “${session.name}” is private`}>
        <div role="alert">
          <p>It belongs to a private room that you are not in. Ask the person who created the room to let you in; this page then opens the board by itself.</p>
          {waiting > 0 && <p>{plural(waiting, "stroke")} of yours could not be drawn there.</p>}
        </div>
        <div class="actions">
          {session.name !== DEFAULT && <Button onClick={() => go("whiteboard", DEFAULT)}>Go to the board {DEFAULT}</Button>}
          <Button kind="quiet" onClick={() => go("rooms", session.name)}>
            To the room {session.name}
          </Button>
        </div>
      </Empty>
    </section>
  );
}

function Paper({ session }: { session: BoardSession }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const sheet = useRef<HTMLDivElement>(null);
  const view = useSignal<View>({ x: 0, y: 0, scale: 1 });
  const hand = useRef<Hand | null>(null);
  const [clearing, setClearing] = useState(false);

  useLayoutEffect(() => {
    const element = canvas.current!;
    const root = document.documentElement;
    const isDark = () => root.dataset.theme === "dark";
    const painter = new Painter(element, session.board, isDark());
    const own = new Hand(element, painter, session);
    hand.current = own;
    painter.resize(element.clientWidth, element.clientHeight);
    session.onChange = (change) => painter.changed(change);
    own.onView = (next) => (view.value = next);
    own.covered = () => {
      const [paper, tools] = [sheet.current!, sheet.current!.querySelector(".tools")!].map((one) => one.getBoundingClientRect());
      const atTop = tools!.top - paper!.top < paper!.bottom - tools!.bottom;
      return atTop ? [tools!.bottom - paper!.top, 0] : [0, paper!.bottom - tools!.top];
    };
    // What is there is to be seen, unless it is already or one has begun to draw.
    session.onOpen = () => {
      const box = extent(session.board.lines);
      const whole = [0, 0, painter.width, painter.height] as const;
      const within = box && box[0] >= whole[0] - 2 && box[1] >= whole[1] - 2 && box[2] <= whole[2] && box[3] <= whole[3];
      if (box && !within && !own.drawing && !session.board.ops.length) own.fit(box);
    };
    if (session.opened.value) session.onOpen();
    const size = new ResizeObserver(() => painter.resize(element.clientWidth, element.clientHeight));
    size.observe(element);
    const theme = new MutationObserver(() => painter.setDark(isDark()));
    theme.observe(root, { attributeFilter: ["data-theme"] });
    const detach = own.attach();
    return () => {
      detach();
      session.onChange = session.onOpen = () => {};
      size.disconnect();
      theme.disconnect();
      painter.stop();
    };
  }, [session]);

  const fit = () => hand.current!.fit(extent(session.picture));
  useEffect(() => listen(session, hand, canvas, fit, () => setClearing(true)), [session]);

  const { scale, x, y } = view.value;
  const { strokes, waiting, canUndo, full } = session.facts.value;
  const connected = session.connected.value;
  const paper = { "--dots": `${dots(scale)}px`, "--x": `${-x * scale}px`, "--y": `${-y * scale}px` };
  return (
    <div class="paper" ref={sheet} style={paper} data-tool={full && tool.value !== "hand" ? "none" : tool.value}>
      <canvas
        ref={canvas}
        role="img"
        tabIndex={0}
        aria-label={`Drawing on the board ${session.name}`}
        aria-describedby="board-summary"
        data-strokes={strokes}
        data-waiting={waiting}
        data-open={connected}
      />
      <Cursors session={session} view={view} />
      <Summary session={session} />
      <div class="board-top">
        <Toolbar
          canUndo={canUndo}
          onUndo={() => session.undo()}
          canClear={connected && strokes > 0}
          onClear={() => setClearing(true)}
          onDone={() => canvas.current?.focus({ preventScroll: true })}
        />
        <Notes session={session} />
      </div>
      {strokes === 0 && session.opened.value && !hand.current?.drawing && <Blank />}
      <div class="zoom floating" role="group" aria-label="Zoom">
        <IconButton icon="minus" label="Zoom out" onClick={() => hand.current!.zoomBy(1 / ZOOM)} />
        <button class="zoom-scale small figures" type="button" title="Back to 100 %" aria-label={`${Math.round(scale * 100)} %, back to 100 %`} onClick={() => hand.current!.zoomTo(1)}>
          {Math.round(scale * 100)} %
        </button>
        <IconButton icon="plus" label="Zoom in" onClick={() => hand.current!.zoomBy(ZOOM)} />
        <IconButton icon="fit" label="Show everything" onClick={fit} />
      </div>
      {clearing && <ClearQuestion session={session} onClose={() => setClearing(false)} />}
    </div>
  );
}

/** Never too near to each other, nor too far apart. */
function dots(scale: number): number {
  let apart = 24 * scale;
  while (apart < 16) apart *= 2;
  while (apart > 48) apart /= 2;
  return apart;
}

function Blank() {
  return (
    <div class="blank">
      <p>
        <b>Draw anywhere.</b> Whoever has the address of this page sees it as you do.
      </p>
      <p class="small by-touch">Move the paper with two fingers.</p>
      <p class="small by-mouse">
        Move the paper with the wheel, or <kbd>Space</kbd> and the mouse. <kbd>?</kbd> lists the keys.
      </p>
    </div>
  );
}

/** What readers are told of the picture. */
function Summary({ session }: { session: BoardSession }) {
  const { strokes } = session.facts.value;
  const people = [...session.cursors.value.values()].map(({ username }) => username);
  return (
    <p id="board-summary" class="unseen">
      {strokes ? plural(strokes, "stroke") : "Nothing is drawn yet"}. {people.length ? `Pointing right now: ${people.join(", ")}.` : "Nobody else is pointing right now."}
    </p>
  );
}

/** What one has to know, next to the tools. */
function Notes({ session }: { session: BoardSession }) {
  const { waiting, total, limit, full, near } = session.facts.value;
  const [slow, setSlow] = useState(false);
  const connected = session.connected.value;
  useEffect(() => {
    if (connected) return setSlow(false);
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, [connected]);
  const refused = session.refused.value;
  return (
    <div class="board-notes">
      {refused && <ErrorNote>{refused}. Trying again.</ErrorNote>}
      {full && (
        <ErrorNote>
          The board is full{limit > 0 ? ` (${number(total)} of ${number(limit)})` : ""}: nothing more can be drawn. Clear it, or go to another board.
        </ErrorNote>
      )}
      <div role="status" class="board-notes">
        {!connected && slow && !refused && (
          <p class="board-note warn">
            <span class="mark" aria-hidden="true" />
            {session.opened.value ? "No connection" : "Opening the board"}
            {waiting > 0 ? `: ${plural(waiting, "stroke")} waiting` : session.opened.value ? ": go on drawing, it is sent when it is back" : ""}
          </p>
        )}
        {near && !full && (
          <p class="board-note warn figures">
            <span class="mark" aria-hidden="true" />
            {number(total)} of {number(limit)} lines used: the board is nearly full
          </p>
        )}
        {session.notice.value && <p class="board-note">{session.notice.value}</p>}
      </div>
    </div>
  );
}

function ClearQuestion({ session, onClose }: { session: BoardSession; onClose: () => void }) {
  const { strokes } = session.facts.value;
  const others = new Set(session.board.lines.filter(({ userId }) => userId !== session.board.me && presenceOf(userId)).map(({ userId }) => userId)).size;
  const connected = session.connected.value;
  return (
    <Dialog title="Clear the board?" onClose={onClose}>
      <p>
        {plural(strokes, "stroke")}, {others ? `also of ${plural(others, "other person", "other people")},` : "whoever drew them,"} will be gone for everybody. This cannot be undone.
      </p>
      {!connected && <ErrorNote>No connection: the board can be cleared when it is back.</ErrorNote>}
      <div class="actions">
        <Button onClick={onClose}>Keep it</Button>
        <Button kind="danger" disabled={!connected} onClick={() => (session.clear(), onClose())}>
          Clear for everybody
        </Button>
      </div>
    </Dialog>
  );
}

const KEYS: [string[], string][] = [
  [["P"], "Pen"],
  [["E"], "Eraser"],
  [["H"], "Move the paper; so does Space, held"],
  [["1", "–", String(INKS.length)], "Colour"],
  [["[", "]"], "Thinner, thicker"],
  [["Ctrl", "Z"], "Take back one's own last stroke"],
  [["+", "−", "0"], "Zoom in, out, back to 100 %"],
  [["F"], "Show everything"],
  [["↑", "←", "…"], "On the drawing: move the paper"],
];

/** Keys of the page: everywhere but where one types or is asked something. */
function listen(session: BoardSession, hand: { current: Hand | null }, canvas: { current: HTMLCanvasElement | null }, fit: () => void, clear: () => void) {
  pageKeys.value = KEYS;
  const elsewhere = (event: KeyboardEvent) => {
    const target = event.target as Element;
    return target.closest?.("input, textarea, select, dialog, [role=dialog]") || document.querySelector("dialog[open]");
  };
  const down = (event: KeyboardEvent) => {
    if (elsewhere(event)) return;
    const own = hand.current!;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" || event.shiftKey || event.altKey) return;
      event.preventDefault();
      return session.undo();
    }
    if (event.altKey) return;
    const onCanvas = document.activeElement === canvas.current;
    if (key === " ") {
      // On a button it presses that, unless the paper is moved before it is let go.
      if (!(event.target as Element).closest?.("button, a, [role=button]")) event.preventDefault();
      return own.grip(true);
    }
    const ink = INKS[Number(key) - 1];
    const arrow = { arrowup: [0, 1], arrowdown: [0, -1], arrowleft: [1, 0], arrowright: [-1, 0] }[key];
    if (arrow && onCanvas) own.panBy(arrow[0]! * STEP_PX, arrow[1]! * STEP_PX);
    else if (key === "p") tool.value = "pen";
    else if (key === "e") tool.value = "eraser";
    else if (key === "h") tool.value = "hand";
    else if (key === "f") fit();
    else if (key === "0") own.zoomTo(1);
    else if (key === "+" || key === "=") own.zoomBy(ZOOM);
    else if (key === "-") own.zoomBy(1 / ZOOM);
    else if (key === "[" || key === "]") thicker(key === "]" ? 1 : -1);
    else if ((key === "delete" || key === "backspace") && onCanvas) clear();
    else if (ink) {
      color.value = ink.color;
      if (tool.value !== "pen") tool.value = "pen";
    } else return;
    event.preventDefault();
  };
  const up = (event: KeyboardEvent) => event.key === " " && hand.current?.grip(false);
  const blur = () => hand.current?.grip(false);
  addEventListener("keydown", down);
  addEventListener("keyup", up);
  addEventListener("blur", blur);
  return () => {
    pageKeys.value = [];
    removeEventListener("keydown", down);
    removeEventListener("keyup", up);
    removeEventListener("blur", blur);
  };
}

function thicker(by: number): void {
  const at = WIDTHS.findIndex((one) => one.width === width.value);
  width.value = WIDTHS[Math.max(0, Math.min(WIDTHS.length - 1, at + by))]!.width;
}
