import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  label: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** Floats below what opened it, its neighbour in the page. Esc, and anything done elsewhere, close it. */
export function Panel({ label, onClose, children }: Props) {
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const home = panel.current!.parentElement!;
    const opener = home.querySelector<HTMLElement>("[aria-expanded]");
    panel.current!.focus();
    const elsewhere = (event: Event) => home.contains(event.target as Node) || onClose();
    const key = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      onClose();
      opener?.focus();
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    // Wherever the focus is: what had it may be gone.
    document.addEventListener("keydown", key);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
      document.removeEventListener("keydown", key);
    };
  }, []);
  return (
    <div ref={panel} class="panel" role="dialog" aria-label={label} tabIndex={-1}>
      {children}
    </div>
  );
}
