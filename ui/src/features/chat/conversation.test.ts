import { describe, expect, it } from "vitest";
import { lowestLabelOf, nextParent, readMessage, requestOf, type Turn, turnsOf } from "./conversation";
import type { Message } from "./message";

function message(id: string, change: Partial<Message>): Message {
  return {
    id,
    parent: null,
    role: "user",
    content: `text ${id}`,
    created: "2026-11-21T09:00:00.000Z",
    model: null,
    state: "complete",
    passage: null,
    usage: null,
    cut: false,
    refusal: null,
    ...change,
  };
}

const REFUSAL = { code: "sensitive_data_detected", message: "m", next: "n", requestId: "r", findings: [], status: 403 };

function turn(id: string, answer: Partial<Message>): Turn {
  return { question: message(`q${id}`, {}), answer: message(`a${id}`, { role: "assistant", parent: `q${id}`, ...answer }) };
}

function passage(label: string) {
  return { request_id: "r", label, sensitivity: 0, action: "ALLOWED", route: null };
}

describe("a conversation", () => {
  it("pairs questions and answers, in order, the last of several answers", () => {
    const messages = [
      message("q1", {}),
      message("a1", { role: "assistant", parent: "q1" }),
      message("q2", { parent: "a1" }),
      message("a1b", { role: "assistant", parent: "q1" }),
    ];
    expect(turnsOf(messages).map(({ question, answer }) => [question.id, answer?.id])).toEqual([["q1", "a1b"], ["q2", undefined]]);
  });

  it("goes on behind the last turn that is carried", () => {
    const turns = [turn("1", {}), turn("2", { state: "failed", refusal: REFUSAL }), turn("3", { state: "stopped", content: "" })];
    expect(nextParent(turns)).toBe("a1");
    expect(nextParent([])).toBeNull();
    expect(nextParent([turn("1", { state: "stopped", content: "part" })])).toBe("a1");
  });

  it("knows what was sent, so that findings can be marked in it", () => {
    const turns = [turn("1", {}), turn("2", { state: "failed", refusal: REFUSAL }), turn("3", {})];
    expect(requestOf(turns, 2).messages.map(({ content }) => content)).toEqual(["text q1", "text a1", "text q3"]);
  });

  it("keeps the highest label of what it carries", () => {
    expect(lowestLabelOf([])).toBe("PUBLIC");
    expect(lowestLabelOf([turn("1", { passage: passage("INTERNAL") }), turn("2", { passage: passage("CONFIDENTIAL") })])).toBe("CONFIDENTIAL");
    expect(lowestLabelOf([turn("1", { passage: passage("CONFIDENTIAL//hr,patient") })])).toBe("CONFIDENTIAL");
    expect(lowestLabelOf([turn("1", { passage: passage("CONFIDENTIAL"), refusal: REFUSAL, state: "failed" })])).toBe("PUBLIC");
  });

  it("reads a refusal with or without its frame", () => {
    const error = { code: "access_denied", message: "m", findings: [] };
    for (const refusal of [error, { error }]) {
      expect(readMessage({ ...message("a", {}), refusal }).refusal).toMatchObject({ code: "access_denied", message: "m" });
    }
    expect(readMessage({ ...message("a", {}), refusal: null }).refusal).toBeNull();
  });
});
