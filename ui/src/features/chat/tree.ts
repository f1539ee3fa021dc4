import type { Message } from "./message";

/** A question on the way that is shown, with its answers, of which one goes on. */
export interface Turn {
  question: Message;
  /** All answers to this very question, oldest first. */
  answers: Message[];
  /** The one that is shown and that the next question follows. */
  answer: Message | undefined;
  /** Whether somebody chose `answer`, or what follows it did. */
  isDecided: boolean;
  /** The other ways in which one could have gone on here, as the ids to choose; none for a question that stands in front of another. */
  branches: { at: number; ids: string[] } | undefined;
}

/** Whether an answer is sent along with what is asked after it. A refused one is not: what was found would refuse all that follows. */
export function isCarriedAnswer({ refusal, state, content }: Message): boolean {
  return refusal === null && (state === "complete" || (state === "stopped" && content !== ""));
}

/** Whether a turn is sent along with the next question. */
export function isCarried({ answer }: Pick<Turn, "answer">): boolean {
  return answer !== undefined && isCarriedAnswer(answer);
}

/**
 * The way through the tree of messages that is shown. Where nobody chose, it goes where the newest message is. A question that led
 * nowhere (refused, or stopped before its first word) is no branch: it stands in front of the question that was asked in its place.
 */
export function pathOf(messages: Message[], chosen: Readonly<Record<string, string>>): Turn[] {
  const tree = new Tree(messages);
  const turns: Turn[] = [];
  const seen = new Set<string>();
  for (let at: string | undefined = ""; at !== undefined && !seen.has(at); ) {
    seen.add(at);
    const groups = tree.groupsBelow(at);
    const picked = groups.findIndex((group) => group.some(({ id }) => id === chosen[at ?? ""]));
    const index = picked >= 0 ? picked : tree.newestOf(groups);
    const group = groups[index];
    if (!group) break;
    at = undefined;
    for (const question of group) {
      const answers = tree.below(question.id, "assistant");
      const wanted = answers.find(({ id }) => id === chosen[question.id]);
      const followed = answers.filter(({ id }) => tree.below(id, "user").length > 0);
      const answer = wanted ?? tree.newest(followed) ?? first(answers);
      const isFirst = question === group[0];
      const branches = isFirst && groups.length > 1 ? { at: index, ids: groups.flatMap((other) => other.at(-1)?.id ?? []) } : undefined;
      turns.push({ question, answers, answer, isDecided: wanted !== undefined || followed.length > 0, branches });
      at = answer?.id;
    }
  }
  return turns;
}

/** What has to be chosen so that a message is on the way that is shown. */
export function wayTo(messages: Message[], id: string): Record<string, string> {
  const known = new Map(messages.map((message) => [message.id, message]));
  const way: Record<string, string> = {};
  let at = known.get(id);
  while (at) {
    const above: string = at.parent ?? "";
    if (above in way) break;
    way[above] = at.id;
    at = known.get(above);
  }
  return way;
}

/** Several models were asked at once, and none of them was chosen to go on with. */
export function isComparison({ answers, isDecided }: Pick<Turn, "answers" | "isDecided">): boolean {
  return !isDecided && wereBegunTogether(answers);
}

/** Of answers that nobody chose among: of those begun together the first that may be followed, else the newest. */
function first(answers: Message[]): Message | undefined {
  return wereBegunTogether(answers) ? (answers.find(isCarriedAnswer) ?? answers[0]) : answers.at(-1);
}

function wereBegunTogether(answers: Message[]): boolean {
  const begun = answers.map(({ created }) => Date.parse(created));
  return answers.length > 1 && Math.max(...begun) - Math.min(...begun) < 3000 && new Set(answers.map(({ model }) => model)).size === answers.length;
}

class Tree {
  readonly #children = new Map<string, Message[]>();
  /** By id, the place of the newest message at or below it. */
  readonly #newest = new Map<string, number>();

  constructor(messages: Message[]) {
    for (const [index, message] of messages.entries()) {
      const siblings = this.#children.get(message.parent ?? "");
      if (siblings) siblings.push(message);
      else this.#children.set(message.parent ?? "", [message]);
      this.#newest.set(message.id, index);
    }
    // Children come after their parents, so one way back through all of them is enough.
    for (const { id, parent } of messages.toReversed()) {
      if (parent !== null) this.#newest.set(parent, Math.max(this.#newest.get(parent) ?? 0, this.#newest.get(id) ?? 0));
    }
  }

  below(id: string, role: Message["role"]): Message[] {
    return this.#children.get(id)?.filter((message) => message.role === role) ?? [];
  }

  newest(messages: Message[]): Message | undefined {
    return messages.toSorted((a, b) => this.#place(b) - this.#place(a))[0];
  }

  newestOf(groups: Message[][]): number {
    const places = groups.map((group) => Math.max(...group.map((message) => this.#place(message))));
    return places.indexOf(Math.max(...places));
  }

  /** The questions below a message, each that goes on with those in front of it that led nowhere. */
  groupsBelow(id: string): Message[][] {
    const groups: Message[][] = [];
    let waiting: Message[] = [];
    for (const question of this.below(id, "user")) {
      waiting.push(question);
      if (this.#isDead(question)) continue;
      groups.push(waiting);
      waiting = [];
    }
    return waiting.length > 0 ? [...groups, waiting] : groups;
  }

  #place({ id }: Message): number {
    return this.#newest.get(id) ?? 0;
  }

  #isDead({ id }: Message): boolean {
    const answers = this.below(id, "assistant");
    return answers.length > 0 && answers.every((answer) => answer.state !== "running" && !isCarriedAnswer(answer) && this.below(answer.id, "user").length === 0);
  }
}
