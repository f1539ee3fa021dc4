import type { Message, Passage, Refusal, Usage } from "../../lib/house";
import { join, type Label } from "../../lib/labels";

/** One question and what became of it. */
export interface Turn {
  id: number;
  question: string;
  model: string;
  /** The label that was sent. */
  label: Label;
  /** Everything that was sent, this question last. */
  messages: Message[];
  state: "waiting" | "streaming" | "finished" | "stopped" | "refused";
  answer: string;
  passage: Passage | undefined;
  answeredBy: string | undefined;
  usage: Usage | undefined;
  /** Whether the answer ended at its length limit. */
  cut: boolean;
  refusal: Refusal | undefined;
}

export type Change =
  | { kind: "asked"; turn: Turn }
  | { kind: "changed"; id: number; change: Partial<Omit<Turn, "id">> }
  | { kind: "grown"; id: number; text: string }
  | { kind: "cleared" };

export function reduce(turns: Turn[], change: Change): Turn[] {
  switch (change.kind) {
    case "asked":
      return [...turns, change.turn];
    case "changed":
      return turns.map((turn) => (turn.id === change.id ? { ...turn, ...change.change } : turn));
    case "grown":
      return turns.map((turn) =>
        turn.id === change.id ? { ...turn, state: "streaming", answer: turn.answer + change.text } : turn,
      );
    case "cleared":
      return [];
  }
}

/**
 * Whether a turn is sent along with the next question. A refused one is not: what was found in it would refuse every
 * question after it.
 */
export function isCarried(turn: Turn): boolean {
  return turn.state === "finished" || (turn.state === "stopped" && turn.answer !== "");
}

/** What is sent before the next question. */
export function history(turns: Turn[]): Message[] {
  return turns.filter(isCarried).flatMap((turn): Message[] => [
    { role: "user", content: turn.question },
    ...(turn.answer === "" ? [] : [{ role: "assistant" as const, content: turn.answer }]),
  ]);
}

/**
 * The label below which a conversation cannot go: the house joins headers and findings of one request only, so the
 * page remembers what earlier messages were declared or found to be.
 */
export function labelOf(turns: Turn[]): Label {
  return join(turns.filter(isCarried).flatMap((turn) => [turn.label, turn.passage?.label ?? turn.label]));
}
