import type { Token, Tokens } from "marked";
import { Fragment, type JSX, memo, type ReactNode, useState } from "react";
import { BlockReader } from "../lib/blocks";
import { Code } from "./Code";

interface Props {
  text: string;
  /** Words to mark, in lower case. */
  highlight?: string[];
  /** The level of a `#` heading; the text stands inside a page that has headings of its own. */
  headingLevel?: number;
  /** Whether more of it is still to come. */
  growing?: boolean;
}

const NOTHING: string[] = [];

/**
 * Renders Markdown block by block, so that a growing text costs only its last one. It is done without ever making HTML
 * of it: each token becomes a React element, raw HTML is shown as the text
 * it is, images are named, and links are written out instead of being made clickable, so that nothing a model writes
 * can load or lead anywhere.
 */
export const Markdown = memo(function Markdown({ text, highlight = NOTHING, headingLevel = 4 }: Props) {
  const [reader] = useState(() => new BlockReader());
  return (
    <div className="prose">
      {reader.read(text).map(({ at, token }) => (
        <Top key={at} token={token} highlight={highlight} headingLevel={headingLevel} />
      ))}
    </div>
  );
});

const Top = memo(function Top({ token, ...context }: { token: Token } & Context) {
  return block(token, 0, context);
});

interface Context {
  highlight: string[];
  headingLevel: number;
}

function block(token: Token, key: number, context: Context): ReactNode {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "hr":
      return <hr key={key} />;
    case "heading": {
      const level = Math.min(6, context.headingLevel + (token as Tokens.Heading).depth - 1);
      const Heading = `h${level}` as keyof JSX.IntrinsicElements;
      return <Heading key={key}>{inline(token.tokens, context)}</Heading>;
    }
    case "code":
      return <Code key={key} code={(token as Tokens.Code).text} name={languageOf(token as Tokens.Code)} />;
    case "blockquote":
      return <blockquote key={key}>{blocks(token.tokens, context)}</blockquote>;
    case "list": {
      const list = token as Tokens.List;
      const items = list.items.map((item, index) => <li key={index}>{blocks(item.tokens, context)}</li>);
      return list.ordered ? (
        <ol key={key} start={list.start === "" ? 1 : list.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
    case "table":
      return <Table key={key} table={token as Tokens.Table} context={context} />;
    case "paragraph":
      return <p key={key}>{inline(token.tokens, context)}</p>;
    case "text":
      return <Fragment key={key}>{token.tokens ? inline(token.tokens, context) : plain(token.text, context)}</Fragment>;
    default:
      return <p key={key}>{plain(token.raw, context)}</p>;
  }
}

function blocks(tokens: Token[] | undefined, context: Context): ReactNode {
  return tokens?.map((token, index) => block(token, index, context));
}

function inline(tokens: Token[] | undefined, context: Context): ReactNode {
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
      case "br":
        return <br key={key} />;
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
        return <Fragment key={key}>[{(token as Tokens.Image).text}]</Fragment>;
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

function plain(text: string, { highlight }: Context): ReactNode {
  const words = highlight.filter((word) => word !== "");
  if (words.length === 0) return text;
  const escaped = words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`));
  const pattern = new RegExp(`(${escaped.join("|")})`, "giu");
  return text.split(pattern).map((part, index) => (index % 2 === 1 ? <mark key={index}>{part}</mark> : part));
}

function Table({ table, context }: { table: Tokens.Table; context: Context }) {
  return (
    <div className="overflow-x-auto">
      <table>
        <thead>
          <tr>
            {table.header.map((cell, index) => (
              <th key={index} scope="col">
                {inline(cell.tokens, context)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{inline(cell.tokens, context)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The first word behind the fence, if it looks like the name of a language. */
function languageOf({ lang = "" }: Tokens.Code): string {
  return /^[\w+#.-]{1,20}/u.exec(lang)?.[0] ?? "";
}
