import { Button } from "../components/Button";
import { useLanguage } from "../lib/language";
import { chooseTheme, THEMES, useTheme } from "../lib/theme";

/** Goes round: as the device, light, dark. */
export function ThemeButton() {
  const { words } = useLanguage();
  const theme = useTheme();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  return (
    <Button
      look="quiet"
      data-theme-next={next}
      aria-label={`${words.theme}: ${words.themes[theme]}`}
      title={`${words.theme}: ${words.themes[theme]}`}
      onClick={() => chooseTheme(next)}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true" className="size-4">
        <circle cx="12" cy="12" r="8" fill={theme === "dark" ? "currentColor" : "none"} stroke="currentColor" strokeWidth="1.8" />
        {theme === "system" ? <path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor" /> : null}
      </svg>
    </Button>
  );
}
