import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import type { Decision } from "../../lib/contract";
import { EntryFacts } from "./DecisionDrawer";

const ENTRY: Decision = {
  index: 7,
  timestamp: "2026-11-21T10:00:00.000Z",
  event: "llm.complete",
  request_id: "01JD",
  user: "p:00",
  role: "employee",
  action: "ALLOWED",
  model: "llama",
  label: "INTERNAL",
  route: "local",
  surface: "/v1/chat/completions",
  status: 200,
  code: null,
  rules: [],
  findings: {},
  excepted: {},
  shadow: {},
  evasive: null,
  coverage: null,
  sensitivity: 0,
  tokens_in: 1,
  tokens_out: 1,
  ms: 1,
};

/** What an entry shows, and what it does not. */
function check(change: Partial<Decision>, expected: string[], missing: string[]) {
  const text = renderToStaticMarkup(<EntryFacts entry={{ ...ENTRY, ...change }} />);
  for (const part of expected) expect(text).toContain(part);
  for (const part of missing) expect(text).not.toContain(part);
}

it("shows what was hidden, excepted, found on trial and unreadable, and only then", () => {
  check({}, ["Answered"], ["Hidden", "Excepted", "Rules on trial", "Read by inspection"]);
  check({ evasive: 2 }, ["Hidden", "2 written so that a plain reading would miss it"], []);
  check({ findings: { IBAN: 1 }, excepted: { IBAN: 1 } }, ["Excepted", "1 × bank account"], []);
  check({ shadow: { CUSTOM_TERM: 3 } }, ["Rules on trial", "3 × "], []);
  check({ coverage: { scanned: 1200, decoded: 0, opaque: 0 } }, ["1,200 bytes as they stand"], ["decoded", "could not be read"]);
  check({ coverage: { scanned: 3, decoded: 40, opaque: 400 } }, ["40 bytes decoded", "400 bytes could not be read"], []);
});
