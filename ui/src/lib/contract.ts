// The shapes of the house's inner HTTP interface, as the pages read them.

export const ROLES = ["employee", "engineer", "security", "admin", "auditor"] as const;
export type Role = (typeof ROLES)[number];

export const PAGES = [
  "chat", "decisions", "now", "audit", "people", "keys", "upstreams", "policies", "posture", "access", "sessions", "limits",
] as const;
export type PageName = (typeof PAGES)[number];

/** A sentence in both languages. */
export interface BothTexts {
  en: string;
  de: string;
}

export interface House {
  name: string;
  demo: boolean;
  roles: Role[];
  engine: { model: string; demonstration: boolean } | null;
  /** How German addresses people who have not chosen; `sie` without it. */
  address?: "sie" | "du";
  /** Where barriers are reported: an e-mail address or an `https:` address. */
  accessibility_contact?: string;
}

export type Method =
  | { id: string; kind: "oidc"; name: string }
  | { id: string; kind: "ldap"; name: string }
  | { kind: "demo"; roles: Role[] }
  | { kind: "key" };

export interface Session {
  person: string;
  name: string;
  role: Role;
  groups: string[];
  session: { id: string; created: string; expires: string; method: string };
  pages: PageName[];
}

export interface SessionRow {
  id: string;
  person?: string;
  role?: Role;
  method: string;
  created: string;
  last_seen: string | null;
  expires: string;
  agent: string;
  current?: boolean;
}

export interface Passage {
  request_id: string;
  label: string | null;
  sensitivity: number | null;
  action: string | null;
  route: string | null;
}

export interface Decision {
  index: number;
  timestamp: string;
  event: string;
  request_id: string;
  user: string;
  role: string | null;
  action: string;
  model: string;
  label: string | null;
  route: string | null;
  surface: string | null;
  status: number | null;
  code: string | null;
  rules: string[];
  findings: Record<string, number>;
  /** Findings that an exception let pass; they are among `findings` too. */
  excepted: Record<string, number>;
  /** What rules on trial found; nothing was done about it. */
  shadow: Record<string, number>;
  /** How many findings were written so that a plain reading would miss them. */
  evasive: number | null;
  /** In bytes of text. */
  coverage: Coverage | null;
  sensitivity: number;
  tokens_in: number | null;
  tokens_out: number | null;
  ms: number | null;
}

export interface Coverage {
  scanned: number;
  decoded: number;
  opaque: number;
}

export interface DecisionStory {
  entries: Decision[];
  explanation: { happened: BothTexts; next: BothTexts };
}

export interface AuditEntry {
  index: number;
  record: Record<string, unknown>;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: string;
  signed_note: string;
  vkey: string;
}

export interface Proof {
  index: number;
  size: number;
  leaf_hash: string;
  /** The bytes that were hashed, in base64. */
  entry: string;
  proof: string[];
  checkpoint: string;
}

export interface Verification {
  ok: boolean;
  entries: number;
  size: number;
  problem: BothTexts | null;
  ms: number;
}

export interface Point {
  t: string;
  requests: number;
  refused: number;
  errors: number;
  tokens_in: number;
  tokens_out: number;
  ttft_p50_ms: number | null;
  ttft_p95_ms: number | null;
  running: number;
}

export interface Upstream {
  name: string;
  url: string;
  zone: string;
  region: string;
  /** A label, with its compartments. */
  max_label: string;
  models: string[];
  healthy: boolean;
  /** Why it does not answer. */
  reason?: BothTexts | null;
  /** Gets no new questions, because somebody wants it so. */
  draining?: boolean;
  in_flight: number;
  queue: number | null;
}

export interface Now {
  uptime_s: number;
  window_s: number;
  points: Point[];
  totals: Omit<Point, "t" | "ttft_p50_ms" | "ttft_p95_ms"> & { queue: number };
  upstreams: Upstream[];
  engine: { state: string } | null;
  audit: { ready: boolean; entries: number };
}

export interface Person {
  id: string;
  name: string;
  role: Role;
  groups: string[];
  source: string;
  created: string;
  last_seen: string | null;
  /** Since when, or `false`/`null`. */
  blocked: string | boolean | null;
  keys: number;
  sessions: number;
}

export interface Key {
  id: string;
  person: string;
  role: Role;
  scopes: string[];
  created: string;
  expires: string | null;
  revoked: string | null;
}

export interface Policies {
  digest: string;
  files: { name: string; text: string }[];
  rules: { id: string; effect: string; note: BothTexts | null }[];
}

export interface PostureLine {
  level: "ok" | "note" | "warning";
  text: BothTexts;
  next: BothTexts | null;
}

export interface AccessRow {
  person: string | null;
  role: string;
  model: string | null;
  action: string;
  allowed: boolean;
  /** The highest label that may be asked about. */
  /** A label, with its compartments. */
  up_to?: string | null;
  rule: string | null;
  reason: BothTexts;
}

export interface Access {
  subject: string;
  rows: AccessRow[];
  truncated: boolean;
}

export interface RefusalStory {
  request_id: string;
  happened: BothTexts;
  why: BothTexts;
  next: BothTexts;
  code: string;
  rules: string[];
  findings: Record<string, number>;
}

export interface Limit {
  who: string;
  kind: "requests_per_minute" | "streams" | "parallel" | "tokens_per_day";
  limit: number;
  used: number;
  resets: string | null;
}
