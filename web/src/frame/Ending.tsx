import { useEffect, useState } from "preact/hooks";
import { me } from "../lib/identity";
import { ending, renew } from "../lib/session";
import { explain } from "../lib/words";
import { Button, Dialog } from "../ui";
import { TokenField } from "./TokenField";

/** Floats, so that nothing moves: it comes while one is in the middle of something. */
export function Ending() {
  const [asking, setAsking] = useState(false);
  // The button that asked is gone.
  useEffect(() => {
    if (!asking && !ending.value && document.activeElement === document.body) document.querySelector<HTMLElement>("main")?.focus();
  }, [asking, ending.value]);
  return (
    <>
      <div class="ending" role="status">
        {ending.value && (
          <div class="ending-note">
            <span>Your sign-in ends in less than half a minute.</span>
            <Button onClick={() => setAsking(true)}>Paste a new token</Button>
          </div>
        )}
      </div>
      {asking && <Renew onClose={() => setAsking(false)} />}
    </>
  );
}

function Renew({ onClose }: { onClose: () => void }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (!token.trim()) return setError("Paste a token first.");
    setBusy(true);
    const answer = await renew(token.trim());
    setBusy(false);
    if (answer.ok) return onClose();
    const { code, message } = answer.error;
    setError(code === "not_authorized" ? `${message}. It must be a new one, for the same user.` : explain(answer.error));
  };
  return (
    <Dialog title="Stay signed in" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <TokenField
          label="New token"
          token={token}
          onType={(token) => (setToken(token), setError(""))}
          error={error}
          hint={`One for ${me.value?.username ?? "the same user"}. You stay where you are, and nothing is lost.`}
        />
        <div class="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={busy}>
            Go on
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
