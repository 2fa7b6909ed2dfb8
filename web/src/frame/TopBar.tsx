import { useState } from "preact/hooks";
import { me } from "../lib/identity";
import { leave } from "../lib/session";
import { theme, type Theme } from "../lib/theme";
import type { Page } from "../pages";
import { Avatar, Button, IconButton, Panel, type IconName } from "../ui";
import { ConnectionPill } from "./ConnectionPill";
import { keysShown } from "./Keys";

export function TopBar({ page }: { page: Page | undefined }) {
  return (
    <header class="top">
      <h1 class="cut">{page?.title ?? "Starling"}</h1>
      <ConnectionPill />
      <Me />
    </header>
  );
}

function Me() {
  const [open, setOpen] = useState(false);
  const who = me.value;
  if (!who) return <span class="me-place" />;
  return (
    <div class="floats">
      <button class="me" type="button" aria-expanded={open} aria-haspopup="dialog" onClick={() => setOpen(!open)}>
        <Avatar {...who} size="small" />
        <span class="me-name cut">{who.username}</span>
        <span class="unseen">(you)</span>
      </button>
      {open && (
        <Panel label="You" onClose={() => setOpen(false)}>
          <div class="me-panel">
            <Avatar {...who} size="large" />
            <div class="cut">
              <strong class="cut">{who.username}</strong>
              <p class="muted small cut">{who.userId}</p>
            </div>
          </div>
          <ThemeChoice />
          <Button kind="quiet" icon="keys" onClick={() => (setOpen(false), (keysShown.value = true))}>
            Keys
          </Button>
          <Button kind="quiet" icon="out" onClick={() => leave("You are signed out on this device.")}>
            Sign out
          </Button>
        </Panel>
      )}
    </div>
  );
}

const THEMES: [Theme, string, IconName][] = [
  ["system", "As the system", "system"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
];

function ThemeChoice() {
  return (
    <div class="themes" role="group" aria-label="Colours">
      {THEMES.map(([name, label, icon]) => (
        <IconButton key={name} icon={icon} label={label} aria-pressed={theme.value === name} onClick={() => (theme.value = name)} />
      ))}
    </div>
  );
}
