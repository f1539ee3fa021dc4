import { expect, it } from "vitest";
import type { Decision } from "../../lib/contract";
import { passes } from "./useLiveDecisions";

const DECISION = { action: "BLOCKED", label: "INTERNAL", event: "llm.refuse", user: "p:1", route: null, model: "m", request_id: "r", rules: ["a", "b"] } as unknown as Decision;

it("a decision passes the filters that it fits", () => {
  const check = (chosen: Record<string, string>, expected: boolean) => expect(passes(DECISION, chosen)).toBe(expected);
  check({}, true);
  check({ action: "BLOCKED", label: "INTERNAL", event: "llm.refuse", user: "p:1", model: "m", request_id: "r" }, true);
  check({ rule: "b" }, true);
  check({ rule: "c" }, false);
  check({ action: "ALLOWED" }, false);
  check({ route: "engine" }, false);
});
