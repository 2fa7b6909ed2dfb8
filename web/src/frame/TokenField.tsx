import type { ComponentProps } from "preact";
import { Field } from "../ui";

interface Props extends Pick<ComponentProps<typeof Field>, "label" | "error" | "hint"> {
  token: string;
  onType: (token: string) => void;
}

/** Pasted, and not shown. */
export const TokenField = ({ token, onType, ...rest }: Props) => (
  <Field type="password" autocomplete="off" spellcheck={false} autoFocus value={token} onInput={(event) => onType(event.currentTarget.value)} {...rest} />
);
