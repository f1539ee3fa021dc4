import type { Token } from "marked";
import { settled } from "./growing";
import { tokensOf } from "./markdown";

/** One block of a Markdown text; the same object for as long as it cannot change any more. */
export interface Block {
  /** Where it begins, in UTF-16 units of the normalized text. */
  at: number;
  token: Token;
}

/**
 * Cuts a Markdown text into blocks. When the next text only continues the last one, as it does while an answer streams,
 * everything but the last block or two is kept as it is and only the tail is read again: text that is appended can change the
 * last block (a paragraph goes on, a fence closes, a line of `===` makes a heading of it) but none before it. The one
 * exception is a link whose address is defined further down; links are written out here, so nothing is lost with it.
 */
export class BlockReader {
  #text = "";
  #settled: Block[] = [];
  /** Where the tail begins. */
  #tail = 0;

  /** `growing`: more of it will come, so its end is shown as far as it cannot be taken back. */
  read(written: string, growing = false): Block[] {
    // What `lexer` does itself, done here so that lengths agree.
    const text = written.replaceAll(/\r\n?/gu, "\n");
    if (!text.startsWith(this.#text)) {
      this.#settled = [];
      this.#tail = 0;
    }
    this.#text = text;
    const open: Block[] = [];
    let at = this.#tail;
    for (const token of tokensOf(text.slice(this.#tail))) {
      open.push({ at, token });
      at += token.raw.length;
    }
    const blocks = open.filter(({ token }) => token.type !== "space");
    // A line that has only begun may still turn out to belong to the block before it: `3` becomes `3.`, the next of a list.
    const unsure = blocks.at(-1)?.token.raw.includes("\n") ? 1 : 2;
    const first = blocks.at(-unsure);
    // Lengths that do not add up (a tab that the lexer turned into blanks) mean that the place of the tail is unknown.
    if (first && blocks.length > unsure && at === text.length) {
      this.#settled = [...this.#settled, ...blocks.slice(0, -unsure)];
      this.#tail = first.at;
      blocks.splice(0, blocks.length - unsure);
    }
    return [...this.#settled, ...(growing ? this.#shown(blocks) : blocks)];
  }

  /** The open blocks as they can be shown. */
  #shown(blocks: Block[]): Block[] {
    const tail = this.#text.slice(this.#tail);
    const end = settled(tail);
    if (end === tail) return blocks;
    let at = this.#tail;
    return tokensOf(end).flatMap((token) => {
      const block = { at, token };
      at += token.raw.length;
      return token.type === "space" ? [] : [block];
    });
  }
}
