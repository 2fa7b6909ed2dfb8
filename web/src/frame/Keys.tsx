import { signal } from "@preact/signals";
import { Dialog } from "../ui";

export const keysShown = signal(false);

type Key = [keys: string[], what: string];
/** Those of the page that is shown; they stand first. */
export const pageKeys = signal<Key[]>([]);

const KEYS: Key[] = [
  [["Enter"], "Send the message"],
  [["Shift", "Enter"], "Break the line"],
  [["Esc"], "Close what is open; in a conversation, go to the newest message"],
  [["Alt", "↑"], "The room or conversation above"],
  [["Alt", "↓"], "The room or conversation below"],
  [["←", "↑", "↓", "→"], "In a game: from cell to cell; Enter takes it"],
  [["?"], "This list"],
];

export function Keys() {
  return (
    <Dialog title="Keys" onClose={() => (keysShown.value = false)}>
      <dl class="keys">
        {[...pageKeys.value, ...KEYS].map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

/** `?` anywhere but where one types. */
export function listenForKeys(): () => void {
  const listen = (event: KeyboardEvent) => {
    const typing = (event.target as Element).closest?.("input, textarea");
    if (event.key !== "?" || typing) return;
    event.preventDefault();
    keysShown.value = true;
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}
