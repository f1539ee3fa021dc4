import { Store, useStore } from "./store";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEPT_AS = "schleuse.theme";
const theme = new Store<Theme>(kept());
show(theme.value());

export function useTheme(): Theme {
  return useStore(theme);
}

const darkDevice = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
const device = new Store<boolean>(darkDevice?.matches ?? false);
darkDevice?.addEventListener("change", ({ matches }) => device.change(() => matches));

/** Whether the page is dark now, by choice or by the device. */
export function useIsDark(): boolean {
  const chosen = useStore(theme);
  const isDark = useStore(device);
  return chosen === "system" ? isDark : chosen === "dark";
}

/** Chooses a light; the choice stays in this browser. */
export function chooseTheme(chosen: Theme) {
  theme.change(() => chosen);
  show(chosen);
  try {
    localStorage.setItem(KEPT_AS, chosen);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function show(chosen: Theme) {
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

function kept(): Theme {
  try {
    const written = localStorage.getItem(KEPT_AS);
    return THEMES.find((name) => name === written) ?? "system";
  } catch {
    return "system";
  }
}
