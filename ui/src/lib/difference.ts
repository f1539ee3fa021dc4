export interface Line {
  kind: "same" | "gone" | "new";
  text: string;
}

/** Longer texts are told whole against whole: comparing each line with each would take too long. */
const LINES_MOST = 800;

/** What changed from one text to another, by lines: the longest common subsequence stays, the rest went or came. */
export function difference(before: string, after: string): Line[] {
  const [old, next] = [before.split("\n"), after.split("\n")];
  if (old.length > LINES_MOST || next.length > LINES_MOST) {
    return before === after ? next.map((text) => ({ kind: "same", text })) : [...old.map((text): Line => ({ kind: "gone", text })), ...next.map((text): Line => ({ kind: "new", text }))];
  }
  // `length[a][b]`: how many lines are common to what is left of both from `a` and `b` on.
  const width = next.length + 1;
  const length = new Uint16Array((old.length + 1) * width);
  const at = (a: number, b: number) => length[a * width + b] ?? 0;
  for (let a = old.length - 1; a >= 0; a -= 1) {
    for (let b = next.length - 1; b >= 0; b -= 1) length[a * width + b] = old[a] === next[b] ? at(a + 1, b + 1) + 1 : Math.max(at(a + 1, b), at(a, b + 1));
  }
  const lines: Line[] = [];
  for (let a = 0, b = 0; a < old.length || b < next.length; ) {
    const [left, right] = [old[a], next[b]];
    if (left !== undefined && left === right) {
      lines.push({ kind: "same", text: left });
      a += 1;
      b += 1;
    } else if (right === undefined || (left !== undefined && at(a + 1, b) >= at(a, b + 1))) {
      lines.push({ kind: "gone", text: left ?? "" });
      a += 1;
    } else {
      lines.push({ kind: "new", text: right });
      b += 1;
    }
  }
  return lines;
}
