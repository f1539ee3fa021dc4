import { join, levelOf, type Label } from "../../lib/labels";
import { readRefusal, record } from "../../lib/refusal";
import type { Message, SentMessage } from "./message";

/** A question and what became of it. */
export interface Turn {
  question: Message;
  answer: Message | undefined;
}

/** What the house sent, with its refusal read. */
export function readMessage(sent: SentMessage): Message {
  const refusal = sent.refusal ? readRefusal("error" in record(sent.refusal) ? sent.refusal : { error: sent.refusal }, 0) : null;
  return { ...sent, refusal };
}

/** Questions with their answers, in the order in which they were asked. Of several answers the last is shown. */
export function turnsOf(messages: Message[]): Turn[] {
  const answers = new Map<string, Message>();
  for (const message of messages) {
    if (message.role === "assistant" && message.parent !== null) answers.set(message.parent, message);
  }
  return messages.filter(({ role }) => role === "user").map((question) => ({ question, answer: answers.get(question.id) }));
}

/**
 * Whether a turn is sent along with the next question. A refused one is not: what was found in it would refuse every
 * question after it.
 */
export function isCarried({ answer }: Turn): boolean {
  return answer !== undefined && answer.refusal === null && (answer.state === "complete" || (answer.state === "stopped" && answer.content !== ""));
}

/** The answer that the next question follows; a refused turn is passed over. */
export function nextParent(turns: Turn[]): string | null {
  return turns.findLast(isCarried)?.answer?.id ?? null;
}

/** What was sent with a question: everything carried before it, and itself last. Findings point into this. */
export function requestOf(turns: Turn[], index: number): { messages: { content: string }[] } {
  const before = turns.slice(0, index).filter(isCarried);
  const contents = before.flatMap(({ question, answer }) => [question.content, ...(answer?.content ? [answer.content] : [])]);
  return { messages: [...contents, turns[index]?.question.content ?? ""].map((content) => ({ content })) };
}

/** The level below which a conversation cannot go: the highest of what it carries. Its compartments are the server's to keep. */
export function lowestLabelOf(turns: Turn[]): Label {
  return join(turns.filter(isCarried).flatMap(({ answer }) => levelOf(answer?.passage?.label) ?? []));
}
