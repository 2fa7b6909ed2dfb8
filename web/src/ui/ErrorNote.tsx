import type { ComponentChildren } from "preact";
import { Icon } from "./Icon";

/** What happened and what one can do; said to readers at once. */
export function ErrorNote({ children, action }: { children: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="error-note" role="alert">
      <Icon name="alert" size={16} />
      <span>{children}</span>
      {action}
    </div>
  );
}
