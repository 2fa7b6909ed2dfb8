import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "./Icon";

type Attributes = Omit<JSX.IntrinsicElements["button"], "size" | "icon" | "class">;
interface Props extends Attributes {
  kind?: "primary" | "plain" | "quiet" | "danger";
  icon?: IconName;
  children: ComponentChildren;
}

export function Button({ kind = "plain", icon, children, type = "button", ...rest }: Props) {
  return (
    <button class={`button ${kind}`} type={type} {...rest}>
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
