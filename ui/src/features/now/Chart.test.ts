import { expect, it } from "vitest";
import { lineOf, niceCeiling } from "./Chart";

it("axes end at round numbers that are not below the data", () => {
  const check = (value: number, expected: number) => expect(niceCeiling(value)).toBe(expected);
  check(0, 2);
  check(1, 2);
  check(3, 4);
  check(11, 20);
  check(41, 50);
  check(100, 100);
  check(101, 200);
  check(7340, 8000);
});

it("a line leaves a gap where nothing was measured", () => {
  expect(lineOf([0, 10], 10)).toBe("M0.0 150.0h0L600.0 0.0");
  expect(lineOf([10, null, 10], 10)).toBe("M0.0 0.0h0M600.0 0.0h0");
  expect(lineOf([null, null], 10)).toBe("");
  expect(lineOf([], 10)).toBe("");
});
