import { go } from "../router";

/** Alt and the arrows go through a list. */
export function listenForSteps(page: string, current: string | undefined, list: () => string[]): () => void {
  const listen = (event: KeyboardEvent) => {
    const step = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined;
    const names = list();
    if (!step || !names.length) return;
    event.preventDefault();
    const at = current === undefined ? -1 : names.indexOf(current);
    go(page, names[(at + step + names.length) % names.length]!);
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}
