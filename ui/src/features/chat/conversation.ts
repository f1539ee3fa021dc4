import { readRefusal, record } from "../../lib/refusal";
import type { Message, SentMessage } from "./message";
import { isCarried, type Turn } from "./tree";

/** What the house sent, with its refusal read. */
export function readMessage(sent: SentMessage): Message {
  const refusal = sent.refusal ? readRefusal("error" in record(sent.refusal) ? sent.refusal : { error: sent.refusal }, 0) : null;
  return { ...sent, refusal };
}

/** The answer that the next question follows; a refused turn is passed over. */
export function nextParent(turns: Pick<Turn, "answer">[]): string | null {
  return turns.findLast(isCarried)?.answer?.id ?? null;
}

/** What was sent with a question: everything carried before it, and itself last. Findings point into this. */
export function requestOf(turns: Pick<Turn, "question" | "answer">[], index: number): { messages: { content: string }[] } {
  const before = turns.slice(0, index).filter(isCarried);
  const contents = before.flatMap(({ question, answer }) => [question.content, ...(answer?.content ? [answer.content] : [])]);
  return { messages: [...contents, turns[index]?.question.content ?? ""].map((content) => ({ content })) };
}
