import type { ReactNode } from "react";
import { walkWithArrows } from "../lib/keys";

export interface Column<Row> {
  /** Unique within the table. */
  id: string;
  name: string;
  cell: (row: Row) => ReactNode;
  /** Keeps the cell on one line where there are columns. */
  tight?: boolean;
  /** Whether the column's name is for screen readers only. */
  bare?: boolean;
}

interface Props<Row> {
  name: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string;
}

/** A table; a list of cards where it has no room. The roles are written out because CSS takes them away from the elements. */
export function Table<Row>({ name, columns, rows, keyOf }: Props<Row>) {
  return (
    // Arrow keys are an addition; Tab reaches everything without them.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <table role="table" aria-label={name} className="table-wide" onKeyDown={walkWithArrows}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th key={column.id} role="columnheader" scope="col">
              <span className={column.bare ? "sr-only" : ""}>{column.name}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row" data-row={keyOf(row)}>
            {columns.map((column) => {
              const content = column.cell(row);
              const empty = content === null || content === undefined || content === "";
              return (
                <td key={column.id} role="cell" data-column={column.id} className={column.tight ? "sm:whitespace-nowrap" : ""}>
                  {empty ? null : (
                    <>
                      <span aria-hidden="true" className="cell-name">
                        {column.bare ? "" : column.name}
                      </span>
                      <div className="cell-value">{content}</div>
                    </>
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
