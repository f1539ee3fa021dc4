import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Painter } from "./painter";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("shows what came in one go, and nothing that is shown already", () => {
  const shown: string[] = [];
  const painter = new Painter("The water", (text) => shown.push(text));
  for (const piece of ["The", " wat"]) painter.add(piece);
  vi.advanceTimersByTime(1000);
  expect(shown).toEqual([]);
  for (const piece of ["er", " rose"]) painter.add(piece);
  vi.advanceTimersByTime(1000);
  expect(shown).toEqual(["The water rose"]);
});

it("shows all there is at the end, also where it is less", () => {
  const shown: string[] = [];
  const painter = new Painter("The water", (text) => shown.push(text));
  painter.add("The");
  painter.end();
  expect(shown).toEqual(["The"]);
});
