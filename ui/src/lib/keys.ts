import type { KeyboardEvent } from "react";

/** Arrow keys, Home and End walk through the links and buttons of a list that carry `data-step`. */
export function walkWithArrows(event: KeyboardEvent<HTMLElement>) {
  if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  const steps = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-step]")].filter((step) => step.offsetParent !== null);
  const index = steps.indexOf(document.activeElement as HTMLElement);
  if (index < 0) return;
  event.preventDefault();
  const targets: Record<string, number> = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: steps.length - 1 };
  steps[Math.max(0, Math.min(steps.length - 1, targets[event.key] ?? index))]?.focus();
}
