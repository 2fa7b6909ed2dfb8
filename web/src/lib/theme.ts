// Light or dark: as the system says, unless it is said here.
import { effect, signal } from "@preact/signals";
import { browser } from "./storage";

export type Theme = "system" | "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", () => (systemIsDark.value = system.matches));

export const theme = signal<Theme>(browser.get<Theme>("theme", "system"));

effect(() => {
  browser.set("theme", theme.value);
  const dark = theme.value === "dark" || (theme.value === "system" && systemIsDark.value);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
});
