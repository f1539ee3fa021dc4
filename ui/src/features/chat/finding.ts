/** The name under which `styles.css` colours what was found. */
const NAME = "found";

/** Brings a message to where it is seen, if it is drawn, and gives it the focus if wanted. */
export function bringIntoView(message: string, { focus = false } = {}): boolean {
  const element = elementOf(message);
  if (!element) return false;
  element.scrollIntoView({ block: "center" });
  if (focus) {
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
  }
  return true;
}

/** Colours every place in a message that has the words, without touching what React drew, and brings the first into view. */
export function markIn(message: string, wanted: string) {
  const ranges = rangesOf(elementOf(message), wanted);
  // Browsers without this only scroll.
  if ("highlights" in CSS) CSS.highlights.set(NAME, new Highlight(...ranges));
  const [first] = ranges;
  if (!first) return;
  const { top, bottom } = first.getBoundingClientRect();
  if (top < 120 || bottom > innerHeight - 240) scrollBy({ top: top - innerHeight / 3 });
}

export function unmark() {
  if ("highlights" in CSS) CSS.highlights.delete(NAME);
}

function elementOf(message: string): HTMLElement | null {
  const element = document.querySelector<HTMLElement>(`[data-message="${CSS.escape(message)}"]`);
  // A turn bears the id of its question, and holds the answers, too.
  return element?.querySelector<HTMLElement>(":scope [data-question]") ?? element;
}

function rangesOf(element: HTMLElement | null, wanted: string): Range[] {
  if (!element || wanted === "") return [];
  const nodes: { node: Node; from: number }[] = [];
  let text = "";
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    nodes.push({ node: walker.currentNode, from: text.length });
    text += (walker.currentNode.textContent ?? "").toLowerCase();
  }
  const place = (index: number) => {
    const owner = nodes.findLast(({ from }) => from <= index);
    return owner ? { node: owner.node, offset: Math.min(index - owner.from, owner.node.textContent?.length ?? 0) } : undefined;
  };
  const ranges: Range[] = [];
  for (let at = text.indexOf(wanted); at >= 0 && ranges.length < 200; at = text.indexOf(wanted, at + wanted.length)) {
    const [start, end] = [place(at), place(at + wanted.length - 1)];
    if (!start || !end) continue;
    const range = document.createRange();
    range.setStart(start.node, start.offset);
    range.setEnd(end.node, end.offset + 1);
    ranges.push(range);
  }
  return ranges;
}
