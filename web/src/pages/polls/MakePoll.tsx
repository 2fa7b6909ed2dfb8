import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { number } from "../../lib/format";
import { newId } from "../../lib/ids";
import { create, draft, emptyDraft, keepDraft, type Draft } from "../../lib/polls";
import { rooms } from "../../lib/rooms";
import { explain } from "../../lib/words";
import { address, go } from "../../router";
import { Button, ErrorNote, Icon, IconButton } from "../../ui";

const QUESTION = 300;
const OPTION = 100;
const MOST = 20;
const LEAST = 2;
/** Characters left are shown from here on. */
const NEAR = 30;

/** As the server counts: characters, not halves of them. */
const left = (text: string, most: number) => most - [...text.trim()].length;

export function MakePoll() {
  const [poll, setPoll] = useState(draft);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const question = useRef<HTMLInputElement>(null);
  const wanted = useRef<number | null>(null);
  const fields = () => [...form.current!.querySelectorAll<HTMLInputElement>("[data-option]")];
  useLayoutEffect(() => question.current!.focus(), []);
  useLayoutEffect(() => {
    if (wanted.current !== null) fields()[wanted.current]?.focus();
    wanted.current = null;
  }, [poll.options.length]);

  const edit = (to: Partial<Draft>) => {
    // What may have been sent already is another poll from now on.
    const next = { ...poll, ...to, ...(tried && { clientId: newId() }) };
    setTried(false);
    setError("");
    setPoll(next);
    keepDraft(next);
  };
  const setOption = (i: number, text: string) => edit({ options: poll.options.map((one, at) => (at === i ? text : one)) });
  const add = (at: number, ...texts: string[]) => {
    wanted.current = Math.min(at + texts.length - 1, MOST - 1);
    edit({ options: poll.options.toSpliced(at, 0, ...texts).slice(0, MOST) });
  };
  const remove = (i: number) => {
    wanted.current = Math.max(0, i - 1);
    edit({ options: poll.options.toSpliced(i, 1) });
  };
  /** Enter goes on: to the next field, to a new one, to the button. */
  const goOn = (i: number) => {
    const next = fields()[i + 1];
    if (next) next.focus();
    else if (poll.options[i]?.trim() && poll.options.length < MOST) add(i + 1, "");
    else form.current!.querySelector<HTMLButtonElement>("[type=submit]")!.focus();
  };
  const key = (i: number) => (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) (event.preventDefault(), goOn(i));
    const empty = i >= 0 && !poll.options[i];
    if (event.key === "Backspace" && empty && poll.options.length > LEAST) (event.preventDefault(), remove(i));
  };
  /** A list that is pasted is a list. */
  const paste = (i: number) => (event: ClipboardEvent) => {
    const lines = event.clipboardData?.getData("text").split(/\r?\n/).map((line) => line.trim()).filter(Boolean) ?? [];
    if (lines.length < 2) return;
    event.preventDefault();
    const options = poll.options.toSpliced(i, poll.options[i] ? 0 : 1, ...lines).filter((text, at) => text || at < LEAST);
    edit({ options: options.slice(0, MOST) });
  };

  const submit = async (event: Event) => {
    event.preventDefault();
    const options = poll.options.map((text) => text.trim()).filter(Boolean);
    const asked = poll.question.trim();
    const wrong = whatIsWrong(asked, options);
    if (wrong) return setError(wrong);
    setBusy(true);
    const answer = await create({ ...poll, question: asked, options });
    setBusy(false);
    if (!answer.ok) {
      setTried(true);
      return setError(answer.error.code === "invalid_payload" ? `${answer.error.message}.` : explain(answer.error));
    }
    keepDraft(null);
    go("polls", answer.poll.id);
  };
  const own = [...rooms.value.values()].filter(({ state, name }) => state.value !== "out" || name === poll.roomName).map(({ name }) => name);
  const many = poll.options.length >= MOST;
  return (
    <section class="room-view poll-view" aria-label="New poll">
      <header class="room-head">
        <a class="icon-button back" href={address("polls")} aria-label="All polls" title="All polls">
          <Icon name="back" />
        </a>
        <h2>New poll</h2>
      </header>
      <div class="poll-scroll">
        <form
          ref={form}
          class="poll-body make"
          noValidate
          onSubmit={(event) => void submit(event)}
          onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.current!.requestSubmit()}
        >
          <div class="field">
            <label for="question">Question</label>
            <input
              id="question"
              ref={question}
              autocomplete="off"
              value={poll.question}
              aria-describedby="question-left"
              aria-invalid={left(poll.question, QUESTION) < 0 || undefined}
              onInput={(event) => edit({ question: event.currentTarget.value })}
              onKeyDown={key(-1)}
            />
            <Left id="question-left" text={poll.question} most={QUESTION} />
          </div>
          <fieldset class="make-options">
            <legend>Options</legend>
            {poll.options.map((text, i) => (
              <div key={i} class="make-option field">
                <input
                  data-option
                  autocomplete="off"
                  value={text}
                  placeholder={`Option ${i + 1}`}
                  aria-label={`Option ${i + 1}`}
                  aria-describedby={`option-left-${i}`}
                  aria-invalid={left(text, OPTION) < 0 || undefined}
                  onInput={(event) => setOption(i, event.currentTarget.value)}
                  onKeyDown={key(i)}
                  onPaste={paste(i)}
                />
                <IconButton icon="close" label={`Remove option ${i + 1}`} disabled={poll.options.length <= LEAST} onClick={() => remove(i)} />
                <Left id={`option-left-${i}`} text={text} most={OPTION} />
              </div>
            ))}
            <div class="make-more">
              <Button kind="quiet" icon="plus" disabled={many} onClick={() => add(poll.options.length, "")}>
                Add an option
              </Button>
              <span class="hint">{many ? `${MOST} is the most` : "Enter adds one, too"}</span>
            </div>
          </fieldset>
          <div class="field">
            <label for="audience">Who may vote</label>
            <select id="audience" value={poll.roomName} onChange={(event) => edit({ roomName: event.currentTarget.value })}>
              <option value="">Everybody</option>
              {own.map((name) => (
                <option key={name} value={name}>
                  Members of {name}
                </option>
              ))}
            </select>
          </div>
          {error && <ErrorNote>{error}</ErrorNote>}
          <div class="actions">
            <Button kind="quiet" onClick={() => (keepDraft(null), setPoll(emptyDraft()), go("polls"))}>
              Discard
            </Button>
            <Button kind="primary" type="submit" disabled={busy}>
              {busy ? "Asking…" : "Ask"}
            </Button>
          </div>
        </form>
      </div>
    </section>
  );
}

function whatIsWrong(question: string, options: string[]): string {
  if (!question) return "Write the question first.";
  if (left(question, QUESTION) < 0) return `The question is too long: ${QUESTION} characters are the most.`;
  if (options.length < LEAST) return "Give at least two options to choose from.";
  if (options.some((text) => left(text, OPTION) < 0)) return `An option is too long: ${OPTION} characters are the most.`;
  const twice = options.find((text, i) => options.indexOf(text) !== i);
  return twice ? `“${twice}” is there twice.` : "";
}

/** Said before the limit is hit. */
function Left({ id, text, most }: { id: string; text: string; most: number }) {
  const n = left(text, most);
  return (
    <p id={id} class={`make-left small figures ${n < 0 ? "over" : ""}`}>
      {n < 0 ? `${number(-n)} too many` : n <= NEAR ? `${number(n)} left` : ""}
    </p>
  );
}
