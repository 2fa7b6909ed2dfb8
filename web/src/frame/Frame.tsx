import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
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
  useEffect(() => {
    const where = [rest[0], page?.title, "Starling"].filter(Boolean).join(" · ");
    document.title = unreadRooms.value ? `(${unreadRooms.value}) ${where}` : where;
  }, [rest[0], page, unreadRooms.value]);
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
