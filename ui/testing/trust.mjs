// What the mock house finds in texts before they are sent, its stand-ins for what is masked, its releases and receipts, and what it stores.
import { joined, LABELS } from "./shapes.mjs";

/** Canned: an account, a key, two names that are nobody's, and words that raise the label. */
export const FINDERS = [
  { type: "IBAN", pattern: /\bDE\d{2}(?: ?\d{4}){4} ?\d{2}\b/gu, action: "BLOCK" },
  { type: "API_KEY", pattern: /\b(?:ghp_|sk-)[A-Za-z0-9]{20,}/gu, action: "REDACT" },
  { type: "PERSON_NAME", pattern: /\b(?:Erika|Max) Mustermann\b/gu, action: "PSEUDONYMIZE" },
  { type: "CLASSIFICATION_MARKING", pattern: /\b(?:streng vertraulich|strictly confidential)\b/giu, action: "RAISE_LABEL", raises: "CONFIDENTIAL" },
];

/** In UTF-16 units. */
export function examined(content, label = "INTERNAL") {
  const findings = FINDERS.flatMap(({ type, pattern, action, raises }) =>
    [...content.matchAll(pattern)].map((match) => ({ type, start: match.index, end: match.index + match[0].length, score: 0.99, action, recognizer: type.toLowerCase(), raises })),
  ).toSorted((a, b) => a.start - b.start);
  const raised = joined([label, ...findings.flatMap(({ raises = [] }) => raises)]);
  return {
    findings: findings.map(({ raises: _raises, ...found }) => found),
    label: raised,
    raises: raised === label ? null : raised,
    blocked: findings.some(({ action }) => action === "BLOCK") || LABELS.indexOf(raised.split("//")[0]) > 2,
  };
}

/** The map of what goes out in the place of what; known words keep their stand-ins. */
export function standIns(content, masks, known) {
  const made = [];
  for (const { start, end, type } of masks) {
    const real = content.slice(start, end);
    if ([...known, ...made].some((mask) => mask.for === real)) continue;
    const name = { PERSON_NAME: "PERSON" }[type] ?? type;
    const number = 1 + [...known, ...made].filter((mask) => mask.type === type).length;
    made.push({ stands: `${name}_${number}`, for: real, type });
  }
  return [...known, ...made];
}

export function masked(text, masks) {
  return masks.reduce((left, { stands, for: real }) => left.replaceAll(real, stands), text);
}
