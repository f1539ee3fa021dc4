import type { Token, Tokens } from "marked";
import { Fragment, type JSX, memo, type ReactNode, useState } from "react";
import { type Block, BlockReader } from "../lib/blocks";
import { useLanguage } from "../lib/language";
import type { MathToken } from "../lib/markdown";
import { CodeBlock } from "./CodeBlock";
import { Formula } from "./Formula";
import { reveal } from "./hidden";
import { TableView } from "./TableView";

interface Props {
  text: string;
  /** Words to mark, in lower case. */
  highlight?: string[];
  /** The level of the first heading; the text stands inside a page that has headings of its own. */
  headingLevel?: number;
  /** Whether more of it is still to come. */
  growing?: boolean;
  /** How its texts are drawn, if not as they are; must stay the same while they are to be drawn the same. */
  draw?: Draw | undefined;
}

export interface Draw {
  text: (text: string) => ReactNode;
  /** What is code, or taken out of the page, can have no marks in it. */
  code: (text: string) => string;
}

const NOTHING: string[] = [];

/**
 * Renders Markdown block by block, so that a growing text costs only its last one. It is done without ever making HTML
 * of it: each token becomes a React element, raw HTML is shown as the text
 * it is, images are named, and links are written out instead of being made clickable, so that nothing a model writes
 * can load or lead anywhere. Code gets its colours, and formulas their shape, from modules that come when they are first needed.
 */
export const Markdown = memo(function Markdown({ text, highlight = NOTHING, headingLevel = 3, growing = false, draw }: Props) {
  const [reader] = useState(() => new BlockReader());
  const blocksRead = reader.read(text, growing);
  const levels = levelsOf(blocksRead, headingLevel);
  return (
    <div className="prose">
      {blocksRead.map(({ at, token }, index) => (
        <Top key={at} token={token} highlight={highlight} headingLevel={levels[index] ?? headingLevel} growing={growing && index === blocksRead.length - 1} draw={draw} />
      ))}
    </div>
  );
});

const Top = memo(function Top({ token, ...context }: { token: Token } & Omit<Context, "depth">) {
  return block(token, 0, { ...context, depth: 0 });
});

/** The level of each block that is a heading, so that none is left out on the way down, whatever the model began with. */
function levelsOf(blocksRead: Block[], first: number): number[] {
  const above: { depth: number; level: number }[] = [];
  return blocksRead.map(({ token }) => {
    if (token.type !== "heading") return Math.min(6, (above.at(-1)?.level ?? first - 1) + 1);
    const { depth } = token as Tokens.Heading;
    while ((above.at(-1)?.depth ?? 0) >= depth) above.pop();
    const level = Math.min(6, (above.at(-1)?.level ?? first - 1) + 1);
    above.push({ depth, level });
    return level;
  });
}

interface Context {
  highlight: string[];
  /** Of a heading that is this block or stands in it. */
  headingLevel: number;
  /** Whether this block may still change. */
  growing: boolean;
  draw: Draw | undefined;
  depth: number;
}

/** Deeper than this nothing is nested on the page, whatever somebody wrote. */
const DEPTH_MOST = 24;

function block(token: Token, key: number, context: Context): ReactNode {
  if (context.depth > DEPTH_MOST) return <p key={key}>{plain(token.raw.slice(0, 2000), context)}</p>;
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "hr":
      return <hr key={key} />;
    case "heading": {
      const Heading = `h${context.headingLevel}` as keyof JSX.IntrinsicElements;
      return <Heading key={key}>{inline(token.tokens, context)}</Heading>;
    }
    case "code":
      return <CodeBlock key={key} code={rewritten((token as Tokens.Code).text, context)} name={languageOf(token as Tokens.Code)} growing={context.growing} />;
    case "math":
      return <Formula key={key} tex={rewritten((token as unknown as MathToken).text, context)} display />;
    case "blockquote":
      return <blockquote key={key}>{blocks(token.tokens, context)}</blockquote>;
    case "list": {
      const list = token as Tokens.List;
      const items = list.items.map((item, index) => <Item key={index} item={item} context={context} />);
      return list.ordered ? (
        <ol key={key} start={list.start === "" ? 1 : list.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
    case "checkbox":
      return null;
    case "table":
      return <TableView key={key} table={token as Tokens.Table} cell={(tokens) => inline(tokens, context)} write={context.draw?.code} />;
    case "paragraph":
      return <p key={key}>{inline(token.tokens, context)}</p>;
    case "text":
      return <Fragment key={key}>{token.tokens ? inline(token.tokens, context) : plain(token.text, context)}</Fragment>;
    case "plain":
      return (
        <p key={key} className="whitespace-break-spaces">
          {plain(token.raw, context)}
        </p>
      );
    default:
      return <p key={key}>{plain(token.raw, context)}</p>;
  }
}

/** A growing list is read anew with each item; the items that say the same as before are not drawn again. */
const Item = memo(
  function Item({ item, context }: { item: Tokens.ListItem; context: Context }) {
    return (
      <li className={item.task ? "task" : undefined}>
        {item.task ? <Task done={item.checked === true} /> : null}
        {blocks(item.tokens, context)}
      </li>
    );
  },
  (before, after) =>
    before.item.raw === after.item.raw &&
    before.item.loose === after.item.loose &&
    before.context.growing === after.context.growing &&
    before.context.highlight === after.context.highlight &&
    before.context.draw === after.context.draw &&
    before.context.headingLevel === after.context.headingLevel &&
    before.context.depth === after.context.depth,
);

function blocks(tokens: Token[] | undefined, context: Context): ReactNode {
  const deeper = { ...context, depth: context.depth + 1 };
  return tokens?.map((token, index) => block(token, index, deeper));
}

function inline(tokens: Token[] | undefined, outer: Context): ReactNode {
  const context = { ...outer, depth: outer.depth + 1 };
  if (context.depth > DEPTH_MOST) return plain(tokens?.map(({ raw }) => raw).join("") ?? "", context);
  return tokens?.map((token, key) => {
    switch (token.type) {
      case "strong":
        return <strong key={key}>{inline(token.tokens, context)}</strong>;
      case "em":
        return <em key={key}>{inline(token.tokens, context)}</em>;
      case "del":
        return <del key={key}>{inline(token.tokens, context)}</del>;
      case "codespan":
        return <code key={key}>{plain(token.text, context)}</code>;
      case "math":
        return <Formula key={key} tex={rewritten((token as unknown as MathToken).text, context)} display={false} />;
      case "br":
        return <br key={key} />;
      case "checkbox":
        return null;
      case "link": {
        const { href, text } = token as Tokens.Link;
        const written = href.replace(/^mailto:/u, "");
        return (
          <Fragment key={key}>
            {inline(token.tokens, context)}
            {written === text ? null : <> ({plain(href, context)})</>}
          </Fragment>
        );
      }
      case "image":
        return <Fragment key={key}>[{plain((token as Tokens.Image).text, context)}]</Fragment>;
      case "text":
      case "escape":
        return (
          <Fragment key={key}>
            {"tokens" in token && token.tokens ? inline(token.tokens, context) : plain(token.text, context)}
          </Fragment>
        );
      default:
        return <Fragment key={key}>{plain(token.raw, context)}</Fragment>;
    }
  });
}

/** Text as it stands there; what cannot be seen in it is shown, and what was looked for is marked. */
function plain(text: string, { highlight, draw }: Context): ReactNode {
  const words = highlight.filter((word) => word !== "");
  if (words.length === 0) return draw ? draw.text(text) : reveal(text);
  const escaped = words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`));
  const pattern = new RegExp(`(${escaped.join("|")})`, "giu");
  return text.split(pattern).map((part, index) => (index % 2 === 1 ? <mark key={index}>{part}</mark> : part));
}

function rewritten(text: string, { draw }: Context): string {
  return draw ? draw.code(text) : text;
}

/** Whether something in a list is done. */
function Task({ done }: { done: boolean }) {
  const { words } = useLanguage();
  return (
    <>
      <span aria-hidden="true">{done ? "☑ " : "☐ "}</span>
      <span className="sr-only">{done ? words.done : words.open}: </span>
    </>
  );
}

/** The first word behind the fence, if it looks like the name of a language. */
function languageOf({ lang = "" }: Tokens.Code): string {
  return /^[\w+#.-]{1,20}/u.exec(lang)?.[0] ?? "";
}
