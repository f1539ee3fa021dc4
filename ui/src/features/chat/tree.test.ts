import { describe, expect, it } from "vitest";
import type { Message } from "./message";
import { isComparison, pathOf, wayTo } from "./tree";

const REFUSAL = { code: "sensitive_data_detected", message: "m", next: "n", requestId: "r", findings: [], status: 403 };

/** `q2<a1` is question 2 below answer 1; a `!` is refused, a `~` is running. */
function messages(written: string): Message[] {
  return written.split(" ").map((one, index) => {
    const [, id = "", parent = null, mark] = /^(\w+)(?:<(\w+))?([!~])?$/u.exec(one) ?? [];
    return {
      id,
      parent,
      role: id.startsWith("q") ? "user" : "assistant",
      content: id,
      created: new Date(1_000_000 + index * 60_000).toISOString(),
      model: null,
      state: mark === "!" ? "failed" : mark === "~" ? "running" : "complete",
      passage: null,
      usage: null,
      cut: false,
      refusal: mark === "!" ? REFUSAL : null,
    };
  });
}

function check(written: string, chosen: Record<string, string>, expected: string) {
  const shown = pathOf(messages(written), chosen).map(({ question, answer, branches }) => {
    const place = branches ? `[${branches.at + 1}/${branches.ids.length}]` : "";
    return `${question.id}${place}-${answer?.id ?? ""}`;
  });
  expect(shown.join(" ")).toBe(expected);
}

describe("the way through a tree", () => {
  it("is the whole of a conversation without branches", () => check("q1 a1<q1 q2<a1 a2<q2", {}, "q1-a1 q2-a2"));

  it("goes where the newest message is", () => {
    check("q1 a1<q1 q2<a1 a2<q2 q3<a1 a3<q3", {}, "q1-a1 q3[2/2]-a3");
    check("q1 a1<q1 q2<a1 a2<q2 q3 a3<q3 q4<a2 a4<q4", {}, "q1[1/2]-a1 q2-a2 q4-a4");
    check("q1 a1<q1 b1<q1", {}, "q1-b1");
  });

  it("goes where somebody chose", () => {
    check("q1 a1<q1 q2<a1 a2<q2 q3<a1 a3<q3", { a1: "q2" }, "q1-a1 q2[1/2]-a2");
    check("q1 a1<q1 q2<a1 a2<q2 q3 a3<q3", { "": "q1" }, "q1[1/2]-a1 q2-a2");
    check("q1 a1<q1 b1<q1 q2<b1 a2<q2", { q1: "a1" }, "q1-a1");
  });

  it("passes what was refused and stands in front of what was asked instead", () => {
    check("q1 a1<q1! q2 a2<q2", {}, "q1-a1 q2-a2");
    check("q1 a1<q1 q2<a1 a2<q2! q3<a1 a3<q3! q4<a1 a4<q4", {}, "q1-a1 q2-a2 q3-a3 q4-a4");
    check("q1 a1<q1 q2<a1 a2<q2!", {}, "q1-a1 q2-a2");
  });

  it("shows a refused change of an old question as a branch", () => {
    check("q1 a1<q1 q2<a1 a2<q2 q3 a3<q3!", {}, "q3[2/2]-a3");
    check("q1 a1<q1 q2<a1 a2<q2 q3 a3<q3!", { "": "q1" }, "q1[1/2]-a1 q2-a2");
    check("q1 a1<q1 q3 a3<q3! q4 a4<q4", {}, "q3[2/2]-a3 q4-a4");
  });

  it("ends, whatever a house or a file says", () => {
    check("q1<a1 a1<q1", {}, "");
    check("q1 a1<q1 q2<nobody", {}, "q1-a1");
    check("q1", {}, "q1-");
  });

  it("leads to any message", () => {
    const tree = messages("q1 a1<q1 q2<a1 a2<q2 q3<a1 a3<q3");
    expect(wayTo(tree, "a2")).toEqual({ q2: "a2", a1: "q2", q1: "a1", "": "q1" });
    expect(wayTo(tree, "nobody")).toEqual({});
    expect(wayTo(messages("q1<a1 a1<q1"), "a1")).toEqual({ q1: "a1", a1: "q1" });
  });

  it("compares what was begun together by different models, until one is chosen or followed", () => {
    const compared = messages("q1 a1<q1 b1<q1").map((message) => ({ ...message, created: "2026-11-21T09:00:00.000Z", model: message.id }));
    const isCompared = (all: Message[], chosen: Record<string, string>) => pathOf(all, chosen).map((turn) => isComparison(turn))[0];
    expect(isCompared(compared, {})).toBe(true);
    expect(pathOf(compared, {})[0]?.answer?.id).toBe("a1");
    expect(isCompared(compared, { q1: "b1" })).toBe(false);
    expect(isCompared([...compared, ...messages("q2<b1 a2<q2")], {})).toBe(false);
    expect(pathOf([...compared, ...messages("q2<b1 a2<q2")], {})[0]?.answer?.id).toBe("b1");
    expect(isCompared(messages("q1 a1<q1 b1<q1"), {})).toBe(false);
  });
});
