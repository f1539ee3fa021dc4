import { expect, it } from "vitest";
import { joinWritten, namesOf, written } from "./labels";

function check(labels: (string | null)[], expected: string | null) {
  expect(joinWritten(labels)).toBe(expected);
  expect(joinWritten(labels.toReversed())).toBe(expected);
}

it("joins levels and compartments", () => {
  check([], null);
  check([null, "what"], null);
  check(["PUBLIC", "INTERNAL"], "INTERNAL");
  check(["CONFIDENTIAL//hr", "INTERNAL//patient"], "CONFIDENTIAL//hr,patient");
  check(["PUBLIC//hr", null, "PUBLIC//hr"], "PUBLIC//hr");
});

it("writes what it reads", () => {
  for (const label of ["PUBLIC", "SECRET//a,b"]) expect(written(label.split("//")[0] as "PUBLIC", namesOf(label))).toBe(label);
});
