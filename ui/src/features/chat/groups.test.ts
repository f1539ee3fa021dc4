import { expect, it } from "vitest";
import { en } from "../../lib/text/en";
import { grouped } from "./groups";
import type { Summary } from "./message";

function row(id: string, change: Partial<Summary> = {}): Summary {
  const now = new Date().toISOString();
  return { id, title: id, created: now, updated: now, label: null, running: false, folder: null, pinned: false, temporary: false, shares: 0, ...change };
}

function check(rows: Summary[], expected: Record<string, string[]>) {
  const folders = [{ id: "f2", name: "Zoll", conversations: 0 }, { id: "f1", name: "Ausbau", conversations: 0 }];
  const groups = grouped(rows, folders, en);
  expect(Object.fromEntries(groups.map(({ key, rows: inside }) => [key, inside.map(({ id }) => id)]))).toEqual(expected);
}

it("puts each conversation into one group: pinned, then its folder, then its age", () => {
  check([row("a"), row("b", { pinned: true, folder: "f1" }), row("c", { folder: "f1" }), row("d", { updated: "2020-01-01T00:00:00.000Z" })], {
    pinned: ["b"],
    f1: ["c"],
    f2: [],
    today: ["a"],
    older: ["d"],
  });
});

it("loses nothing whose folder or time is unknown", () => {
  check([row("a", { folder: "gone" }), row("b", { updated: "?" })], { f1: [], f2: [], today: ["a", "b"] });
});
