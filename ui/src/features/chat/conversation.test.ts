import { describe, expect, it } from "vitest";
import { nextParent, readMessage, requestOf } from "./conversation";
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

function turn(id: string, answer: Partial<Message>) {
  return { question: message(`q${id}`, {}), answer: message(`a${id}`, { role: "assistant", parent: `q${id}`, ...answer }) };
}

describe("a conversation", () => {
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

  it("reads a refusal with or without its frame", () => {
    const error = { code: "access_denied", message: "m", findings: [] };
    for (const refusal of [error, { error }]) {
      expect(readMessage({ ...message("a", {}), refusal }).refusal).toMatchObject({ code: "access_denied", message: "m" });
    }
    expect(readMessage({ ...message("a", {}), refusal: null }).refusal).toBeNull();
  });
});
