// The mock house's console: what operators, officers and auditors read and do. The log is invented, its hashes are real.
import { createHash } from "node:crypto";
import { PAGES } from "./shapes.mjs";

const EVERY = ["llm.admit", "llm.complete", "llm.refuse"];
const both = (en, de) => ({ en, de });

export function createConsole({ sessions }) {
  const log = inventLog();
  const listeners = new Set();
  const upstreams = [
    { name: "engine", url: "unix:engine.sock", zone: "local", region: "de", max_label: "CONFIDENTIAL", models: ["smollm2-135m-instruct"], healthy: true, in_flight: 1, queue: 0 },
    { name: "vllm-nord", url: "http://10.20.0.11:8000", zone: "local", region: "de", max_label: "CONFIDENTIAL", models: ["llama-3.3-70b", "qwen-3-coder-30b"], healthy: true, in_flight: 7, queue: 2 },
    { name: "vllm-süd", url: "http://10.20.0.12:8000", zone: "external", region: "eu", max_label: "INTERNAL", models: ["llama-3.3-70b"], healthy: false, reason: both("connection refused", "Verbindung abgelehnt"), in_flight: 0, queue: null },
  ];
  const people = [
    person("p-employee", "Ada Lindner", "employee", ["sales"], "local", 1),
    person("p-engineer", "Ben Okafor", "engineer", ["platform", "on-call"], "local", 2),
    person("p-security", "Clara Weiß", "security", [], "local", 0),
    person("p-admin", "David Sommer", "admin", [], "local", 0),
    person("p-auditor", "Eva Brandt", "auditor", [], "local", 0),
    person("p-3f0c9a77b21e4d5a8c10", "Maximiliane von Hohenberg-Schwarzenfels", "employee", ["vertrieb", "innendienst", "projekt-kanalausbau-nord"], "Hauskonto", 0),
    { ...person("p-11aa22bb33cc44dd55ee", "Frida Holm", "engineer", [], "Hauskonto", 1), blocked: ago(86_400), sessions: 0 },
  ];
  const keys = [
    key("key_01JD9WQ2A7", "p-engineer", "engineer", [], null),
    key("key_01JD9WQ5RM", "p-engineer", "engineer", ["models:llama-3.3-70b", "surface:chat"], ago(-2_000_000)),
    key("key_01JC2ABF4K", "p-employee", "employee", ["surface:chat"], ago(3600)),
    { ...key("key_01JB77XD0P", "p-11aa22bb33cc44dd55ee", "engineer", [], null), revoked: ago(86_400) },
  ];

  return function answer(context) {
    const { method, path, query, body, session, response, ok, refuse } = context;
    const has = (...pages) => pages.some((page) => PAGES[session.role].includes(page));
    const [, , area, second, third] = path.split("/");
    const filtered = () => log.filter((record) => matches(record, query)).toReversed();
    const page = () => {
      const before = Number(query.get("before") ?? Number.MAX_SAFE_INTEGER);
      const limit = Number(query.get("limit") ?? 50);
      const rows = filtered().filter(({ index }) => index < before);
      return { rows: rows.slice(0, limit), next: rows.length > limit ? rows[limit - 1].index : null };
    };
    switch (area) {
      case "decisions": {
        if (!has("decisions")) return refuse("access_denied");
        if (second === "live") return live(response, Number(context.request.headers["last-event-id"] ?? log.length - 1));
        if (second !== undefined) {
          const entries = log.filter(({ request_id: id }) => id === decodeURIComponent(second)).map(decision);
          if (entries.length === 0) return refuse("not_found");
          const { happened, next } = explain(entries.at(-1));
          return ok({ entries, explanation: { happened, next } });
        }
        const { rows, next } = page();
        return ok({ decisions: rows.map(decision), next });
      }
      case "audit": {
        if (second === "verify" && has("audit", "decisions")) return ok({ ok: true, entries: log.length, size: log.length, problem: null, ms: 38 });
        if (!has("audit")) return refuse("access_denied");
        if (second === "entries") {
          const { rows, next } = page();
          return ok({ entries: rows.map(({ index, ...record }) => ({ index, record })), next });
        }
        if (second === "checkpoint") return ok(checkpoint(log));
        if (second === "proofs") return ok(prove(log, Number(third)));
        if (second === "export") {
          response.writeHead(200, { "content-type": "application/x-ndjson", "content-disposition": `attachment; filename="audit.${query.get("format")}.jsonl"` });
          response.end(log.map((record) => JSON.stringify(record)).join("\n"));
          return true;
        }
        return refuse("not_found");
      }
      case "now":
        return has("now") ? ok(now(upstreams, log)) : refuse("access_denied");
      case "upstreams":
        if (!has("upstreams")) return refuse("access_denied");
        if (method === "POST") {
          const upstream = upstreams.find(({ name }) => name === decodeURIComponent(second));
          if (!upstream) return refuse("not_found");
          upstream.draining = third === "drain";
          return ok({ upstream, unserved_models: [] });
        }
        return ok({ upstreams });
      case "policies":
        return has("policies") ? ok(POLICIES) : refuse("access_denied");
      case "posture":
        return has("posture") ? ok({ lines: POSTURE }) : refuse("access_denied");
      case "limits":
        return ok({ limits: LIMITS });
      case "sessions":
        if (!has("people")) return refuse("access_denied");
        if (method === "DELETE") {
          for (const [token, { id }] of sessions) if (id === second) sessions.delete(token);
          return ok(undefined, 204);
        }
        return ok({ sessions: [...sessions.values()].map(({ token: _token, name: _name, ...row }) => row) });
      case "people":
        if (!has("people")) return refuse("access_denied");
        if (method === "POST") {
          const made = person(`p-${people.length + 1}`, body.name, body.role, body.groups, "local", 0);
          people.unshift({ ...made, last_seen: null, sessions: 0 });
          return ok(people[0], 201);
        }
        if (method === "PUT") {
          const row = people.find(({ id }) => id === decodeURIComponent(second));
          if (!row) return refuse("not_found");
          const { blocked, ...rest } = body;
          Object.assign(row, rest, blocked === undefined ? {} : { blocked: blocked ? new Date().toISOString() : null });
          return ok(row);
        }
        return ok({ people });
      case "keys":
        if (!has("keys")) return refuse("access_denied");
        if (method === "POST") {
          const made = key(`key_${keys.length + 1}MOCK`, body.person, body.role ?? "employee", body.scopes ?? [], body.expires_s ? ago(-body.expires_s) : null);
          keys.unshift({ ...made, created: new Date().toISOString() });
          return ok({ id: made.id, key: ["sk-schl", "mock".repeat(10), "000000"].join("") }, 201);
        }
        if (method === "DELETE") {
          const row = keys.find(({ id }) => id === decodeURIComponent(second));
          if (row) row.revoked = new Date().toISOString();
          return ok(undefined, 204);
        }
        return ok({ keys });
      case "access":
        if (!has("access")) return refuse("access_denied");
        if (second === "refusals") {
          const record = log.findLast(({ request_id: id, event }) => id === decodeURIComponent(third) && event === "llm.refuse");
          if (!record) return refuse("not_found");
          const { code, rules, findings } = decision(record);
          return ok({ request_id: record.request_id, ...explain(record), code, rules, findings });
        }
        return ok(access(query, session.person));
      default:
        return refuse("not_found");
    }
  };

  /** One new decision now and then, for as long as somebody looks. */
  function live(response, last) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": here\n\n");
    let at = last + 1;
    const timer = setInterval(() => {
      log.push(invent(log.length));
      for (; at < log.length; at += 1) response.write(`id: ${at}\nevent: decision\ndata: ${JSON.stringify(decision(log[at]))}\n\n`);
    }, 1500);
    listeners.add(response);
    response.on("close", () => {
      clearInterval(timer);
      listeners.delete(response);
    });
    return true;
  }
}

function ago(seconds) {
  return new Date(Date.now() - seconds * 1000).toISOString();
}

function person(id, name, role, groups, source, count) {
  return { id, name, role, groups, source, created: ago(4_000_000), last_seen: ago(900), blocked: null, keys: count, sessions: 1 };
}

function key(id, owner, role, scopes, expires) {
  return { id, person: owner, role, scopes, created: ago(2_400_000), expires, revoked: null };
}

function inventLog() {
  const log = [{ index: 0, v: 1, event: "log.start", timestamp: ago(9000), request_id: "", user: "", action: "", model: "", sensitivity_score: 0, prompt_hash: "", salt: "" }];
  while (log.length < 137) log.push(invent(log.length));
  for (const [index, record] of log.entries()) record.timestamp = ago((log.length - index) * 41);
  return log;
}

/** The record at an index: a fixed pattern of allowed, redacted and refused requests. */
function invent(index) {
  const kind = index % 8;
  const hash = createHash("sha256").update(`entry ${index}`).digest("hex");
  const base = {
    index,
    v: 1,
    timestamp: new Date().toISOString(),
    event: EVERY[kind % 3 === 2 ? 2 : kind % 2],
    request_id: `01JD${hash.slice(0, 18).toUpperCase()}`,
    user: `p:${createHash("sha256").update(`person ${index % 5}`).digest("hex").slice(0, 32)}`,
    role: ["employee", "engineer", "employee", "security"][index % 4],
    action: "ALLOWED",
    model: kind % 3 === 0 ? "llama-3.3-70b" : "smollm2-135m-instruct",
    label: ["INTERNAL", "PUBLIC", "INTERNAL", "CONFIDENTIAL"][index % 4],
    route: kind % 3 === 0 ? "vllm-nord" : "engine",
    surface: "/v1/chat/completions",
    status: 200,
    rules: ["working-roles-ask"],
    findings: {},
    sensitivity_score: 0,
    coverage: { scanned: 420 + ((index * 37) % 800), decoded: index % 4 === 1 ? 64 : 0, opaque: index % 5 === 2 ? 400 : 0 },
    tokens_in: 40 + ((index * 37) % 800),
    tokens_out: 20 + ((index * 53) % 600),
    ms: 300 + ((index * 71) % 4000),
    prompt_hash: `hmac-sha256:${hash}`,
    salt: hash.slice(0, 22),
  };
  if (base.event === "llm.refuse") {
    const refused = { action: "BLOCKED", status: 403, code: "sensitive_data_detected", findings: { IBAN: 1 + (index % 2) }, evasive: 1 + (index % 2), sensitivity_score: 0.99, route: undefined };
    return { ...base, ...refused, tokens_in: undefined, tokens_out: undefined };
  }
  if (kind === 3) return { ...base, action: "REDACTED", findings: { API_KEY: 1, EMAIL: 2 }, excepted: { EMAIL: 1 }, shadow: { CUSTOM_TERM: 3 }, sensitivity_score: 0.8 };
  return base;
}

function decision({ v: _v, prompt_hash: _hash, salt: _salt, sensitivity_score: sensitivity, ...record }) {
  const blank = { role: null, label: null, route: null, surface: null, status: null, code: null, rules: [], findings: {}, excepted: {}, shadow: {}, evasive: null, coverage: null, tokens_in: null, tokens_out: null, ms: null };
  return { ...blank, ...JSON.parse(JSON.stringify(record)), sensitivity };
}

function matches(record, query) {
  const names = ["user", "action", "label", "route", "model", "request_id", "event"];
  const wanted = (name) => query.get(name);
  if (wanted("rule") && !record.rules?.includes(wanted("rule"))) return false;
  return names.every((name) => !wanted(name) || record[name] === wanted(name));
}

function explain({ action, code }) {
  if (action !== "BLOCKED") {
    return {
      happened: both("The request was let in, answered and closed.", "Die Anfrage wurde eingelassen, beantwortet und abgeschlossen."),
      why: both("The rule `working-roles-ask` permits it.", "Die Regel `working-roles-ask` erlaubt es."),
      next: both("Nothing needs to be done.", "Es ist nichts zu tun."),
    };
  }
  return {
    happened: both(`The request was refused before anything left the house (${code}).`, `Die Anfrage wurde abgelehnt, bevor etwas das Haus verließ (${code}).`),
    why: both("A bank account number (IBAN) with a correct checksum stood in it. Bank accounts belong to people and are blocked.", "Darin stand eine Kontonummer (IBAN) mit richtiger Prüfziffer. Kontonummern gehören Menschen und werden gesperrt."),
    next: both("The asker can replace the number with a placeholder and ask again.", "Die fragende Person kann die Nummer durch einen Platzhalter ersetzen und noch einmal fragen."),
  };
}

function now(upstreams, log) {
  const step = 5;
  const end = Math.floor(Date.now() / 1000 / step) * step;
  const points = Array.from({ length: 60 }, (_, index) => {
    const t = end - (59 - index) * step;
    const wave = Math.sin(t / 37) + Math.sin(t / 11) / 2;
    const requests = Math.max(0, Math.round(9 + 6 * wave));
    return {
      t: new Date(t * 1000).toISOString(),
      requests,
      refused: t % 35 === 0 ? 2 : t % 20 === 0 ? 1 : 0,
      errors: t % 145 === 0 ? 1 : 0,
      tokens_in: requests * 210,
      tokens_out: requests * 160 + (t % 7) * 30,
      ttft_p50_ms: requests === 0 ? null : 90 + 25 * wave,
      ttft_p95_ms: requests === 0 ? null : 210 + 80 * wave,
      running: Math.max(0, Math.round(4 + 2 * wave)),
    };
  });
  return {
    uptime_s: 187_432,
    window_s: 300,
    points,
    totals: { requests: 61_204, refused: 318, errors: 12, tokens_in: 9_120_400, tokens_out: 5_880_112, running: points.at(-1).running, queue: 2 },
    upstreams,
    engine: { state: "ready" },
    audit: { ready: true, entries: log.length },
  };
}

// The Merkle tree of RFC 9162, section 2.1.1.
const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const bytesOf = ({ index: _index, ...record }) => Buffer.from(JSON.stringify(record));
const leafOf = (record) => sha(Buffer.from([0]), bytesOf(record));
const cut = (size) => 2 ** Math.floor(Math.log2(size - 1));

function rootOf(leaves) {
  if (leaves.length === 1) return leaves[0];
  const k = cut(leaves.length);
  return sha(Buffer.from([1]), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

function pathOf(leaves, index) {
  if (leaves.length === 1) return [];
  const k = cut(leaves.length);
  return index < k
    ? [...pathOf(leaves.slice(0, k), index), rootOf(leaves.slice(k))]
    : [...pathOf(leaves.slice(k), index - k), rootOf(leaves.slice(0, k))];
}

function checkpoint(log) {
  const origin = "schleuse.example/log";
  const root = rootOf(log.map(leafOf)).toString("base64");
  const signature = createHash("sha512").update(root).digest("base64");
  return { origin, size: log.length, root, signed_note: `${origin}\n${log.length}\n${root}\n\n— ${origin} ${signature}\n`, vkey: `${origin}+8a3f11c2+AZq3WJk0n1p7Yt6m2Qm9R8Cw0h5bTtS0f7v2zXuVdE4L` };
}

function prove(log, index) {
  const leaves = log.map(leafOf);
  return {
    index,
    size: log.length,
    leaf_hash: leaves[index].toString("base64"),
    entry: bytesOf(log[index]).toString("base64"),
    proof: pathOf(leaves, index).map((hash) => hash.toString("base64")),
    checkpoint: checkpoint(log).signed_note,
  };
}

const row = (who, role, model, action, allowed, rule, reason) => ({ person: who, role, model, action, allowed, rule, reason });

function access(query, own) {
  const asked = query.get("person") ?? query.get("model") ?? query.get("key") ?? "me";
  const subject = asked === "me" ? own : asked;
  const may = both("Working roles may ask every model.", "Arbeitende Rollen dürfen jedes Modell fragen.");
  return {
    subject,
    truncated: false,
    rows: [
      row("Ada Lindner", "employee", "llama-3.3-70b", "ask", true, "working-roles-ask", may),
      row("Ada Lindner", "employee", "smollm2-135m-instruct", "ask", true, "working-roles-ask", may),
      row("Ada Lindner", "employee", null, "useChat", true, "working-roles-chat", both("Working roles may chat.", "Arbeitende Rollen dürfen chatten.")),
      row("Ada Lindner", "employee", null, "readAudit", false, null, both("No rule allows it.", "Keine Regel erlaubt es.")),
      row("Eva Brandt", "auditor", "llama-3.3-70b", "ask", false, "auditor-never-asks", both("The auditor role reads, it never asks.", "Die Rolle Revision liest, sie fragt nie.")),
    ],
  };
}

const POLICIES = {
  digest: "sha256:7c1f0e2b9a4d5566ff3a1b2c3d4e5f60718293a4b5c6d7e8f90011223344556",
  files: [
    {
      name: "default.cedar",
      text: '// What every house starts with.\n@id("working-roles-ask")\npermit (principal, action == Action::"ask", resource)\nwhen\n{\n  principal in\n    [Role::"employee", Role::"engineer", Role::"security", Role::"admin"]\n};\n\n@id("auditor-never-asks")\n@message_en("The auditor role reads, it never asks.")\nforbid (principal in Role::"auditor", action == Action::"ask", resource);\n',
    },
    { name: "house.cedar", text: '@id("no-coder-for-sales")\nforbid (principal in Group::"sales", action == Action::"ask", resource == Model::"qwen-3-coder-30b");\n' },
  ],
  rules: [
    { id: "working-roles-ask", effect: "permit", note: null },
    { id: "auditor-never-asks", effect: "forbid", note: both("The auditor role reads, it never asks.", "Die Rolle Revision liest, sie fragt nie.") },
    { id: "everyone-lists-models", effect: "permit", note: null },
    { id: "no-coder-for-sales", effect: "forbid", note: both("Sales does not need the programming model.", "Der Vertrieb braucht das Programmiermodell nicht.") },
  ],
};

const POSTURE = [
  { level: "warning", text: both("This is a demonstration house: everybody on this computer can take every role.", "Dies ist ein Haus zum Vorführen: Jeder an diesem Rechner kann jede Rolle annehmen."), next: both("For real work, run `schleuse init` and then `schleuse serve`.", "Für echte Arbeit führen Sie `schleuse init` und dann `schleuse serve` aus.") },
  { level: "warning", text: both("The model server `vllm-süd` is asked over HTTP without TLS.", "Der Modellserver `vllm-süd` wird über HTTP ohne TLS gefragt."), next: both("Give it a certificate, or put it behind a connector.", "Geben Sie ihm ein Zertifikat, oder stellen Sie ihn hinter einen Verbinder.") },
  { level: "note", text: both("No limits are set.", "Es sind keine Grenzen gesetzt."), next: both("A table `[[limit]]` in `schleuse.toml` keeps one person from slowing the others.", "Eine Tabelle `[[limit]]` in `schleuse.toml` verhindert, dass eine Person die anderen ausbremst.") },
  { level: "ok", text: both("The log is written and verified.", "Das Protokoll wird geschrieben und ist geprüft."), next: null },
  { level: "ok", text: both("The built-in engine runs in its sandbox.", "Die eingebaute Maschine läuft in ihrer Umzäunung."), next: null },
];

const LIMITS = [
  { who: "role:employee", kind: "requests_per_minute", limit: 30, used: 4, resets: ago(-42) },
  { who: "group:sales", kind: "streams", limit: 3, used: 3, resets: null },
  { who: "person:p-employee", kind: "parallel", limit: 8, used: 1, resets: null },
  { who: "role:employee", kind: "tokens_per_day", limit: 200_000, used: 171_430, resets: ago(-30_000) },
];
