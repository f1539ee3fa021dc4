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
    made.push({ stands: `[${name}_${number}]`, for: real, type });
  }
  return [...known, ...made];
}

export function masked(text, masks) {
  return masks.reduce((left, { stands, for: real }) => left.replaceAll(real, stands), text);
}

const both = (en, de) => ({ en, de });

/** What the house keeps of somebody with so many conversations. */
export function holdings(conversations) {
  const you = both("You.", "Sie.");
  return {
    generated: new Date().toISOString(),
    stores: [
      { id: "conversations", what: both("Conversations, with questions, answers and files", "Gespräche mit Fragen, Antworten und Dateien"), where: both("In the database of this house.", "In der Datenbank dieses Hauses."), kept: both("Until you delete them.", "Bis Sie sie löschen."), seen_by: you, sealed: true, count: conversations, bytes: conversations * 4096, export: "/api/chat/export", erasable: true, stays: null },
      { id: "prompts", what: both("Prompts that you keep", "Vorlagen, die Sie aufheben"), where: both("In the database of this house.", "In der Datenbank dieses Hauses."), kept: both("Until you delete them.", "Bis Sie sie löschen."), seen_by: both("You, and with whom you share them.", "Sie, und mit wem Sie sie teilen."), sealed: true, count: 0, bytes: 0, export: null, erasable: true, stays: null },
      { id: "log", what: both("Entries of the audit log, without any text of yours", "Einträge im Prüfprotokoll, ohne Ihren Text"), where: both("In the log of this house, signed.", "Im Protokoll dieses Hauses, signiert."), kept: both("Ten years.", "Zehn Jahre."), seen_by: both("Auditors, under a pseudonym.", "Die Revision, unter einem Pseudonym."), sealed: false, count: null, bytes: null, export: null, erasable: false, stays: both("An entry that could be taken out would prove nothing.", "Ein Eintrag, den man entfernen könnte, bewiese nichts.") },
    ],
  };
}

/** Canned, in the shape of a receipt. */
export function receiptOf(requestId) {
  return `c2sp.org/tlog-proof@v1\nindex 7\n\nmock.example/log\n8\nAAAA\n\n\u2014 mock.example/log ${requestId}\n`;
}
