import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { unreadTalks } from "../lib/chat";
import { unreadRooms } from "../lib/rooms";
import { pages } from "../pages";
import { place } from "../router";
import { Empty } from "../ui";
import { Ending } from "./Ending";
import { Keys, keysShown, listenForKeys } from "./Keys";
import { Loaded } from "./Loaded";
import { Nav } from "./Nav";
import { TopBar } from "./TopBar";
import "./frame.css";

/** What stands around each page. */
export function Frame() {
  const { page: name, rest } = place.value;
  const page = pages.find((one) => one.name === name);
  const main = useSignal<HTMLElement | null>(null);
  useEffect(listenForKeys, []);
  const [id] = rest;
  const shown = id && (page?.nameOf ? page.nameOf(id) : id);
  const waiting = unreadRooms.value + unreadTalks.value;
  const title = (waiting ? `(${waiting}) ` : "") + [shown, page?.title, "Starling"].filter(Boolean).join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <div class="frame">
      <button class="skip" type="button" onClick={() => main.value?.focus()}>
        Skip to the page
      </button>
      <Nav current={name} />
      <TopBar page={page} />
      <Ending />
      <main class="page" tabIndex={-1} ref={(element) => void (main.value = element)}>
        {page ? (
          <Loaded key={page.name} page={page} rest={rest} />
        ) : (
          <Empty icon="alert" title="There is no such page">
            <p>The address may be mistyped. The pages are in the bar.</p>
          </Empty>
        )}
      </main>
      {keysShown.value && <Keys />}
    </div>
  );
}
