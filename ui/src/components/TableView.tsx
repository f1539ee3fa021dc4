import type { Token, Tokens } from "marked";
import { memo, type ReactNode } from "react";
import { confirmDone } from "../lib/announce";
import { offerFile } from "../lib/download";
import { useLanguage } from "../lib/language";
import { Icon, type IconName } from "./icons";

interface Props {
  table: Tokens.Table;
  /** Draws what stands in a cell. */
  cell: (tokens: Token[]) => ReactNode;
  /** How a cell's text is written into a file. */
  write?: ((text: string) => string) | undefined;
}

const same = (text: string) => text;
const ALIGN = { left: "text-left", center: "text-center", right: "text-right" } as const;

/** A table that a model wrote, and the ways to take it into a spreadsheet. */
export function TableView({ table, cell, write = same }: Props) {
  const { words, language } = useLanguage();
  const rowsOf = () => [table.header, ...table.rows].map((row) => row.map(({ tokens }) => write(textOf(tokens))));

  async function copy() {
    const { csv } = await import("../lib/sheet");
    await navigator.clipboard.writeText(csv(rowsOf(), language));
    confirmDone(words.copied);
  }

  async function save(kind: "csv" | "xlsx") {
    const { csv, workbook } = await import("../lib/sheet");
    const name = `${words.table.file}.${kind}`;
    // Excel takes a file for UTF-8 only behind this mark.
    if (kind === "csv") offerFile(name, "text/csv;charset=utf-8", `\uFEFF${csv(rowsOf(), language)}`);
    else offerFile(name, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", workbook(rowsOf(), words.table.file, language));
  }

  return (
    <div data-table>
      {/* A wide table scrolls, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div tabIndex={0} role="group" aria-label={words.table.name} className="overflow-x-auto -outline-offset-2">
        <table>
          <thead>
            <tr>
              {table.header.map((one, index) => (
                <th key={index} scope="col" className={ALIGN[one.align ?? "left"]}>
                  {cell(one.tokens)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, index) => (
              <Row key={index} row={row} cell={cell} draws={write} />
            ))}
          </tbody>
        </table>
      </div>
      <div className="mt-1 -ml-1.5 flex flex-wrap gap-x-1 text-xs text-soft">
        {"clipboard" in navigator ? <Act icon="copy" kind="copy-csv" name={words.table.copy} onClick={() => void copy()} /> : null}
        <Act icon="download" kind="csv" name={words.table.csv} onClick={() => void save("csv")} />
        <Act icon="table" kind="xlsx" name={words.table.xlsx} onClick={() => void save("xlsx")} />
      </div>
    </div>
  );
}

/** A growing table is read anew with each row; the rows that say the same as before are not drawn again. */
const Row = memo(
  function Row({ row, cell }: { row: Tokens.TableCell[]; cell: Props["cell"]; draws: Props["write"] }) {
    return (
      <tr>
        {row.map((one, column) => (
          <td key={column} className={ALIGN[one.align ?? "left"]}>
            {cell(one.tokens)}
          </td>
        ))}
      </tr>
    );
  },
  (before, after) => before.draws === after.draws && before.row.length === after.row.length && before.row.every(({ text, align }, index) => text === after.row[index]?.text && align === after.row[index]?.align),
);

function Act({ icon, kind, name, onClick }: { icon: IconName; kind: string; name: string; onClick: () => void }) {
  return (
    <button type="button" {...{ [`data-${kind}`]: "" }} onClick={onClick} className="inline-flex min-h-7 items-center gap-1.5 rounded-md px-1.5 hover:bg-sunken hover:text-ink">
      <Icon name={icon} className="size-3.5" />
      {name}
    </button>
  );
}

/** What stands in a cell, without its marks. */
function textOf(tokens: Token[]): string {
  return tokens.map((token) => ("tokens" in token && token.tokens ? textOf(token.tokens) : token.type === "br" ? "\n" : ((token as { text?: string }).text ?? token.raw))).join("").trim();
}
