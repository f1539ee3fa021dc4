import { Store, useStore } from "./store";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEPT_AS = "schleuse.theme";
const theme = new Store<Theme>(kept());
show(theme.value());

export function useTheme(): Theme {
  return useStore(theme);
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
