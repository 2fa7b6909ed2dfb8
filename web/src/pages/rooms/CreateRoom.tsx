import { useState } from "preact/hooks";
import { create } from "../../lib/rooms";
import { explain } from "../../lib/words";
import { go } from "../../router";
import { Button, Check, Dialog, Field } from "../../ui";

const NAME = /^[A-Za-z0-9_.:-]{1,64}$/;

export function CreateRoom({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [isPrivate, setPrivate] = useState(false);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!NAME.test(name)) return setError("Use 1 to 64 letters, digits, or any of _ . : -");
    setBusy(true);
    const answer = await create(name, isPrivate);
    setBusy(false);
    if (!answer.ok) return setError(explain(answer.error));
    onClose();
    go("rooms", name);
  };
  return (
    <Dialog title="Create a room" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Field
          label="Name"
          value={name}
          autoFocus
          maxLength={64}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => (setName(event.currentTarget.value.replace(/\s/g, "-")), setError(""))}
          error={error}
          hint="Letters, digits, and _ . : -"
        />
        <Check
          label="Private"
          checked={isPrivate}
          onChange={(event) => setPrivate(event.currentTarget.checked)}
          hint="Only you, and those whose token names this room, can see and enter it."
        />
        <div class="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={busy}>
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
