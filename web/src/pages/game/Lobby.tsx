import { useEffect, useRef, useState } from "preact/hooks";
import { cancel, connected, find, seeking } from "../../lib/game";
import { explain } from "../../lib/words";
import { Button, ErrorNote, Pill } from "../../ui";
import { MarkO, MarkX } from "./marks";

export function Lobby() {
  const looking = seeking.value;
  const waits = looking !== null && looking.state !== "failed";
  const button = useRef<HTMLDivElement>(null);
  const before = useRef(false);
  // The button that had the focus is gone: it goes to the one in its place.
  useEffect(() => {
    if (before.current !== waits && document.activeElement === document.body) button.current?.querySelector("button")?.focus();
    before.current = waits;
  }, [waits]);
  return (
    <section class="lobby" aria-label="Find an opponent">
      <div class={`lobby-marks ${waits ? "waits" : ""}`} aria-hidden="true">
        <MarkX />
        <MarkO />
      </div>
      <h2>{waits ? "Looking for an opponent" : "Tic-tac-toe"}</h2>
      <p class="lobby-text">
        {waits
          ? "The game begins by itself as soon as somebody else looks for one. You may go to other pages meanwhile."
          : "Play whoever else wants to, on whatever node they are. Three in a row win. Who waited longer begins, with X."}
      </p>
      <div ref={button}>
        {waits ? (
          <Button busy={looking.state === "leaving"} onClick={cancel}>
            {looking.state === "leaving" ? "Cancelling…" : "Cancel"}
          </Button>
        ) : (
          <Button kind="primary" onClick={find}>
            Find an opponent
          </Button>
        )}
      </div>
      <div class="lobby-state">
        <p role="status">{waits && <State since={looking.since} error={looking.error !== undefined} asking={looking.state === "asking"} />}</p>
        {looking?.state === "failed" && looking.error && <ErrorNote>{explain(looking.error)}</ErrorNote>}
      </div>
    </section>
  );
}

function State({ since, error, asking }: { since: number; error: boolean; asking: boolean }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  if (!connected.value) return <Pill kind="warn">No connection: the search goes on when it is back</Pill>;
  if (error) return <Pill kind="warn">No answer yet: trying again</Pill>;
  if (asking) return <Pill kind="plain">Asking the server</Pill>;
  const seconds = Math.max(0, Math.floor((now - since) / 1_000));
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return (
    <Pill kind="good">
      Waiting
      <span class="figures" aria-hidden="true">
        {time}
      </span>
    </Pill>
  );
}
