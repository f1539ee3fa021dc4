/** The label lattice, lowest first. */
export const LABELS = ["PUBLIC", "INTERNAL", "CONFIDENTIAL", "SECRET"] as const;
export type Label = (typeof LABELS)[number];

export function isLabel(text: unknown): text is Label {
  return LABELS.some((label) => label === text);
}

/** The least label that is at least as high as all of these; PUBLIC for none. */
export function join(labels: Iterable<Label>): Label {
  let highest: Label = "PUBLIC";
  for (const label of labels) {
    if (LABELS.indexOf(label) > LABELS.indexOf(highest)) highest = label;
  }
  return highest;
}
