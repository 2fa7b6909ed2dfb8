import { useRef, useState } from "preact/hooks";
import logo from "../icon.svg";
import { asGuest, become, signIn, ways, withToken, type Identity, type Ways } from "../lib/identity";
import { ended, start } from "../lib/session";
import { browser } from "../lib/storage";
import { Button, Field, Skeleton } from "../ui";
import { TokenField } from "./TokenField";
import "./signin.css";

const NAME_LENGTH = 64;

/** Shows those ways in that the gateway has. */
export function SignIn() {
  const has = ways.value;
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <img src={logo} width="44" height="44" alt="" />
        <h1>Sign in to Starling</h1>
        {ended.value && (
          <p class="ended" role="status">
            {ended.value}
          </p>
        )}
        {has ? <Forms has={has} /> : <Skeleton rows={2} label="Asking the gateway how to sign in" />}
      </div>
    </main>
  );
}

function Forms({ has }: { has: Ways }) {
  const byName = has.signIn || has.guest;
  const [token, setToken] = useState(!byName);
  return (
    <>
      {token ? <TokenForm /> : <NameForm has={has} />}
      {byName && !has.signIn && (
        <Button kind="quiet" onClick={() => setToken(!token)}>
          {token ? "Continue as a guest instead" : "Sign in with a token instead"}
        </Button>
      )}
    </>
  );
}

function enter(who: Identity): void {
  become(who);
  start();
}

/** What is wrong stands there already at the second time: where to mend it is shown each time. */
const toField = (form: HTMLFormElement | null) => form?.querySelector("input")?.focus();

function NameForm({ has }: { has: Ways }) {
  const [name, setName] = useState(browser.get("name", ""));
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const go = async (asWhom: (name: string) => Identity | Promise<Identity>) => {
    const said = name.trim();
    if (!said) {
      setError("Type a name first: others see it beside what you write.");
      return toField(form.current);
    }
    setBusy(true);
    try {
      const who = await asWhom(said);
      browser.set("name", said);
      enter(who);
    } catch (trouble) {
      setError((trouble as Error).message);
    }
    setBusy(false);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    void go(has.signIn ? signIn : asGuest);
  };
  return (
    <form ref={form} onSubmit={submit} noValidate>
      <Field
        label="Your name"
        autocomplete="nickname"
        autoFocus
        maxLength={NAME_LENGTH}
        value={name}
        onInput={(event) => (setName(event.currentTarget.value), setError(""))}
        error={error}
        hint={has.signIn ? "Any name will do: this gateway runs for development." : "Others see it beside what you write."}
      />
      <Button kind="primary" type="submit" disabled={busy}>
        {has.signIn ? "Sign in" : "Continue as a guest"}
      </Button>
      {has.signIn && has.guest && (
        <Button kind="quiet" disabled={busy} onClick={() => void go(asGuest)}>
          Continue as a guest
        </Button>
      )}
    </form>
  );
}

function TokenForm() {
  const [token, setToken] = useState("");
  const [error, setError] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim()) return enter(withToken(token.trim()));
    setError("Paste a token first.");
    toField(form.current);
  };
  return (
    <form ref={form} onSubmit={submit} noValidate>
      <TokenField
        label="Token"
        token={token}
        onType={(token) => (setToken(token), setError(""))}
        error={error}
        hint={
          <>
            Your application gives you one. To try it out, make one with <code>gen-token</code>, as the README shows.
          </>
        }
      />
      <Button kind="primary" type="submit">
        Sign in
      </Button>
    </form>
  );
}

