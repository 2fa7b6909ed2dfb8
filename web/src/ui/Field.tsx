import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { ErrorNote } from "./ErrorNote";

interface Props extends Omit<JSX.IntrinsicElements["input"], "class" | "label"> {
  label: string;
  hint?: ComponentChildren;
  error?: string | null;
}

/** What is wrong stands below what it is about. */
export function Field({ label, hint, error, ...rest }: Props) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} aria-describedby={`${id}-hint`} aria-invalid={error ? true : undefined} {...rest} />
      <div id={`${id}-hint`}>
        {hint && <p class="hint">{hint}</p>}
        {error && <ErrorNote>{error}</ErrorNote>}
      </div>
    </div>
  );
}

export function Check({ label, hint, ...rest }: Omit<Props, "error">) {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" aria-describedby={hint ? `${id}-hint` : undefined} {...rest} />
      <label for={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
