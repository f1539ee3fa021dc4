import type { Words } from "../../lib/text/en";
import type { Folder, Summary } from "./message";

export interface Group {
  key: string;
  name: string;
  folder?: Folder;
  rows: Summary[];
}

/** Pinned ones first, then the folders by name, then the rest by how long ago it was last used. Only folders may be empty. */
export function grouped(list: Summary[], folders: Folder[], { conversations: names }: Words): Group[] {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const day = 86_400_000;
  const spans: [string, string, number][] = [
    ["today", names.today, midnight],
    ["yesterday", names.yesterday, midnight - day],
    ["week", names.week, midnight - 7 * day],
    ["older", names.older, Number.NEGATIVE_INFINITY],
  ];
  let left = list;
  const take = (belongs: (row: Summary) => boolean) => {
    const rows = left.filter(belongs);
    left = left.filter((row) => !belongs(row));
    return rows;
  };
  const pinned: Group = { key: "pinned", name: names.pinned, rows: take((row) => row.pinned) };
  const inFolders = folders
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((folder): Group => ({ key: folder.id, name: folder.name, folder, rows: take((row) => row.folder === folder.id) }));
  const bySpan = spans.map(([key, name, since]): Group => ({ key, name, rows: take(({ updated }) => !(Date.parse(updated) < since)) }));
  return [pinned, ...inFolders, ...bySpan].filter(({ rows, folder }) => rows.length > 0 || folder !== undefined);
}
