import { lexer, type Token } from "marked";

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

  read(written: string): Block[] {
    // What `lexer` does itself, done here so that lengths agree.
    const text = written.replaceAll(/\r\n?/gu, "\n");
    if (!text.startsWith(this.#text)) {
      this.#settled = [];
      this.#tail = 0;
    }
    this.#text = text;
    const open: Block[] = [];
    let at = this.#tail;
    for (const token of lexer(text.slice(this.#tail))) {
      open.push({ at, token });
      at += token.raw.length;
    }
    const blocks = open.filter(({ token }) => token.type !== "space");
    // A line that has only begun may still turn out to belong to the block before it: `3` becomes `3.`, the next of a list.
    const unsure = blocks.at(-1)?.token.raw.includes("\n") ? 1 : 2;
    const first = blocks.at(-unsure);
    // Lengths that do not add up (a tab that the lexer turned into blanks) mean that the place of the tail is unknown.
    if (first && blocks.length > unsure && at === text.length) {
      const settled = [...this.#settled, ...blocks.slice(0, -unsure)];
      const all = [...this.#settled, ...blocks];
      this.#settled = settled;
      this.#tail = first.at;
      return all;
    }
    return [...this.#settled, ...blocks];
  }
}
