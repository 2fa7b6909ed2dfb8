import { useRef, useState } from "preact/hooks";
import { INKS, WIDTHS } from "../../lib/ink";
import { Icon, type IconName } from "../../ui";
import { color, tool, width, type Tool } from "./tools";

interface Props {
  canUndo: boolean;
  onUndo: () => void;
  canClear: boolean;
  onClear: () => void;
  /** Chosen by the mouse: the keys are the drawing's again. */
  onDone: () => void;
}

const TOOLS: [Tool, string, IconName, string][] = [
  ["pen", "Pen", "pen", "P"],
  ["eraser", "Eraser", "eraser", "E"],
  ["hand", "Move the paper", "hand", "H"],
];

/** One stop of the Tab key; the arrows go through it. */
export function Toolbar({ canUndo, onUndo, canClear, onClear, onDone }: Props) {
  const bar = useRef<HTMLDivElement>(null);
  const [stop, setStop] = useState("pen");
  const key = (event: KeyboardEvent) => {
    const buttons = [...bar.current!.querySelectorAll<HTMLButtonElement>("button")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(to + buttons.length) % buttons.length]!.focus();
  };
  const button = (id: string, label: string, keys: string, act: () => void, rest: Record<string, unknown>) => ({
    type: "button" as const,
    "aria-label": label,
    title: keys ? `${label} (${keys})` : label,
    tabIndex: stop === id ? 0 : -1,
    onFocus: () => setStop(id),
    onClick: (event: MouseEvent) => {
      act();
      if (event.detail > 0) onDone();
    },
    ...rest,
  });
  const erasing = tool.value === "eraser";
  return (
    <div ref={bar} class="tools floating" role="toolbar" aria-label="Drawing tools" onKeyDown={key}>
      <div class="tools-group">
        {TOOLS.map(([name, label, icon, keys]) => (
          <button key={name} class="icon-button tool" {...button(name, label, keys, () => (tool.value = name), { "aria-pressed": tool.value === name })}>
            <Icon name={icon} />
          </button>
        ))}
      </div>
      <div class="tools-group">
        {WIDTHS.map(({ name, width: wide }) => (
          <button key={name} class="icon-button tool width" {...button(name, `${name} ${erasing ? "eraser" : "line"}`, "[ ]", () => (width.value = wide), { "aria-pressed": width.value === wide })}>
            <span class="width-dot" style={{ "--size": `${4 + wide}px` }} />
          </button>
        ))}
      </div>
      <div class="tools-group inks">
        {INKS.map(({ name, color: ink, dark }, i) => (
          <button
            key={name}
            class="icon-button tool ink"
            {...button(name, name, String(i + 1), () => ((color.value = ink), (tool.value = "pen")), { "aria-pressed": color.value === ink })}
          >
            <span class="ink-dot" style={{ "--ink-light": ink, "--ink-dark": dark }} />
          </button>
        ))}
      </div>
      <div class="tools-group">
        <button class="icon-button tool" {...button("undo", "Undo my last stroke", "Ctrl+Z", () => canUndo && onUndo(), { "aria-disabled": !canUndo || undefined })}>
          <Icon name="undo" />
        </button>
        <button class="icon-button tool" {...button("clear", "Clear the board", "", () => canClear && onClear(), { "aria-disabled": !canClear || undefined })}>
          <Icon name="trash" />
        </button>
      </div>
    </div>
  );
}
