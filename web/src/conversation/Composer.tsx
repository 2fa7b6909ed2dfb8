import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { number } from "../lib/format";
import { ways } from "../lib/identity";
import { phase } from "../lib/session";
import { Icon } from "../ui";
import type { Talk } from "./talk";

/** Characters left are shown from here on. */
const NEAR = 300;

export function Composer({ talk }: { talk: Talk }) {
  const [text, setText] = useState(() => talk.draft());
  const field = useRef<HTMLTextAreaElement>(null);
  const most = ways.value?.maxText ?? 4096;
  // As the server counts: characters, not halves of them.
  const left = most - [...text].length;
  useLayoutEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, [talk]);
  useLayoutEffect(() => fit(field.current!), [text]);

  const type = (next: string) => {
    setText(next);
    talk.keepDraft(next);
    if (next) talk.tellTyping();
    else talk.tellStopped();
  };
  const send = () => {
    if (!text.trim() || left < 0) return;
    talk.say(text.trim());
    type("");
    field.current?.focus();
  };
  const key = (event: KeyboardEvent) => {
    // While a word is being composed, Enter ends the word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      <label class="unseen" for="composer">
        Message to {talk.name}
      </label>
      <div class="composer-box">
        <textarea
          id="composer"
          ref={field}
          rows={1}
          value={text}
          placeholder={`Message ${talk.name}`}
          aria-describedby="composer-left"
          aria-invalid={left < 0 ? true : undefined}
          onInput={(event) => type(event.currentTarget.value)}
          onKeyDown={key}
        />
        <button class="send" type="submit" aria-label="Send" title="Send (Enter)" disabled={!text.trim() || left < 0}>
          <Icon name="send" />
        </button>
      </div>
      <p id="composer-left" class={`composer-foot small figures ${left < 0 ? "over" : ""}`}>
        {left < 0 && `${number(-left)} characters too many: shorten it, or send it in parts`}
        {left >= 0 && left <= NEAR && `${number(left)} characters left`}
        {left > NEAR && phase.value !== "ready" && "Not connected: what you send will go out later."}
      </p>
    </form>
  );
}

/** As high as its text, up to a limit of the style sheet. */
function fit(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
