import { describe, expect, it } from "vitest";
import type { Label } from "../../lib/labels";
import { history, labelOf, reduce, type Turn } from "./conversation";

function turn(id: number, change: Partial<Turn>): Turn {
  return {
    id,
    question: `question ${id}`,
    model: "m",
    label: "INTERNAL",
    messages: [],
    state: "finished",
    answer: `answer ${id}`,
    passage: undefined,
    answeredBy: undefined,
    usage: undefined,
    cut: false,
    refusal: undefined,
    ...change,
  };
}

function passage(label: Label): Turn["passage"] {
  return { label, requestId: undefined, sensitivity: undefined, action: undefined, route: undefined };
}

describe("a conversation", () => {
  it("carries what was answered, and nothing that was refused", () => {
    const turns = [
      turn(1, {}),
      turn(2, { state: "refused", answer: "half" }),
      turn(3, { state: "stopped", answer: "part" }),
      turn(4, { state: "stopped", answer: "" }),
      turn(5, { state: "streaming" }),
    ];
    expect(history(turns).map(({ content }) => content)).toEqual(["question 1", "answer 1", "question 3", "part"]);
  });

  it("keeps the highest label of what it carries", () => {
    expect(labelOf([])).toBe("PUBLIC");
    expect(labelOf([turn(1, { label: "PUBLIC" }), turn(2, { label: "CONFIDENTIAL" }), turn(3, {})])).toBe("CONFIDENTIAL");
    expect(labelOf([turn(1, { passage: passage("CONFIDENTIAL") })])).toBe("CONFIDENTIAL");
    expect(labelOf([turn(1, { label: "SECRET", state: "refused" })])).toBe("PUBLIC");
  });

  it("grows only the turn that is named", () => {
    const turns = reduce([turn(1, {}), turn(2, { state: "waiting", answer: "" })], { kind: "grown", id: 2, text: "x" });
    expect(turns.map(({ answer, state }) => [answer, state])).toEqual([["answer 1", "finished"], ["x", "streaming"]]);
  });
});
