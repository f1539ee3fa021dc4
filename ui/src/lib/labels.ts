/** The levels of labels, lowest first. A label of the server may have compartments behind its level: `CONFIDENTIAL//hr,patient`. */
export const LABELS = ["PUBLIC", "INTERNAL", "CONFIDENTIAL", "SECRET"] as const;
export type Label = (typeof LABELS)[number];

export function isLabel(text: unknown): text is Label {
  return LABELS.some((label) => label === text);
}

/** The level of a label as the server writes it; nothing for what is no label. */
export function levelOf(text: string | null | undefined): Label | undefined {
  const level = text?.split("//")[0];
  return isLabel(level) ? level : undefined;
}

/** What stands behind the level, with its `//`; empty without compartments. */
export function compartmentsOf(text: string): string {
  const at = text.indexOf("//");
  return at < 0 ? "" : text.slice(at);
}

/** The least label that is at least as high as all of these; PUBLIC for none. */
export function join(labels: Iterable<Label>): Label {
  let highest: Label = "PUBLIC";
  for (const label of labels) {
    if (LABELS.indexOf(label) > LABELS.indexOf(highest)) highest = label;
  }
  return highest;
}

/** The names of the compartments of a label, in the order in which it has them. */
export function namesOf(text: string | null | undefined): string[] {
  return (text ?? "").split("//")[1]?.split(",").filter(Boolean) ?? [];
}

/** A label as the house writes it: level, then its compartments in order. */
export function written(level: Label, names: string[]): string {
  return names.length === 0 ? level : `${level}//${[...new Set(names)].toSorted().join(",")}`;
}

/** The least label, compartments included, to which all of these flow; nothing for none. */
export function joinWritten(labels: (string | null | undefined)[]): string | null {
  const known = labels.filter((label) => levelOf(label) !== undefined);
  return known.length === 0 ? null : written(join(known.flatMap((label) => levelOf(label) ?? [])), known.flatMap(namesOf));
}
