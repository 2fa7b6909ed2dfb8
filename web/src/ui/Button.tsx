import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "./Icon";

type Attributes = Omit<JSX.IntrinsicElements["button"], "size" | "icon" | "class">;
interface Props extends Attributes {
  kind?: "primary" | "plain" | "quiet" | "danger";
  icon?: IconName;
  /** Cannot be used right now, and keeps the focus. */
  busy?: boolean;
  children: ComponentChildren;
}

export function Button({ kind = "plain", icon, busy, children, type = "button", onClick, ...rest }: Props) {
  return (
    <button class={`button ${kind}`} type={type} aria-disabled={busy || undefined} onClick={busy ? undefined : onClick} {...rest}>
      {icon && <Icon name={icon} size={18} />}
      <span>{children}</span>
    </button>
  );
}

/** `label` is said to readers and shown on hover. */
export function IconButton({ icon, label, ...rest }: Attributes & { icon: IconName; label: string }) {
  return (
    <button class="icon-button" type="button" aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
