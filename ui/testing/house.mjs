// A mock house for work on the page and for its tests: the answers have the gateway's shapes, the words are canned.
// It decides by a few patterns only; the real rules live in the gateway.

const ROLES = ["employee", "engineer", "security", "admin", "auditor"];
const LABELS = ["PUBLIC", "INTERNAL", "CONFIDENTIAL", "SECRET"];
const MODELS = ["smollm2-135m-instruct", "llama-3.3-70b"];

const FINDERS = [
  { type: "IBAN", pattern: /\bDE\d{2}(?: ?\d{4}){4} ?\d{2}\b/gu, action: "BLOCKED" },
  { type: "API_KEY", pattern: /\b(?:ghp_|sk-)[A-Za-z0-9]{20,}/gu, action: "REDACTED" },
];

const SAY = {
  sensitive_data_detected: {
    status: 403,
    type: "policy_violation",
    en: ["BLOCKED: Sensitive data detected (IBAN).", "Remove the bank account or replace it with a placeholder, and ask again."],
    de: ["BLOCKED: Sensitive data detected (IBAN).", "Entfernen Sie die Kontonummer oder ersetzen Sie sie durch einen Platzhalter, und fragen Sie noch einmal."],
  },
  access_denied: {
    status: 403,
    type: "policy_violation",
    en: ["Auditors read the log and do not ask models (rule `auditors-never-ask`).", "Use a role that may ask, or ask your administrator."],
    de: ["Die Prüfung liest das Protokoll und fragt keine Modelle (Regel `auditors-never-ask`).", "Wählen Sie eine Rolle, die fragen darf, oder wenden Sie sich an Ihre Verwaltung."],
  },
  no_permitted_route: {
    status: 403,
    type: "policy_violation",
    en: ["No model may receive text with the label SECRET.", "Ask without the secret content."],
    de: ["Kein Modell darf Text der Stufe GEHEIM bekommen.", "Fragen Sie ohne den geheimen Inhalt."],
  },
  invalid_api_key: {
    status: 401,
    type: "invalid_request_error",
    en: ["The key is not valid.", "Sign in again."],
    de: ["Der Schlüssel gilt nicht.", "Melden Sie sich neu an."],
  },
  upstream_failed: {
    status: 502,
    type: "upstream_error",
    en: ["The model server died while answering.", "Ask again."],
    de: ["Der Modellserver ist beim Antworten ausgefallen.", "Fragen Sie noch einmal."],
  },
  not_found: {
    status: 404,
    type: "invalid_request_error",
    en: ["There is nothing here.", "The house answers under `/v1`."],
    de: ["Hier ist nichts.", "Das Haus antwortet unter `/v1`."],
  },
};

/** Makes a house: a function that answers a request and says whether it did. */
export function createHouse({ demo = true, engine = true } = {}) {
  let requests = 0;
  return async function answer(request, response) {
    const path = new URL(request.url, "http://house").pathname;
    const language = (request.headers["accept-language"] ?? "").startsWith("de") ? "de" : "en";
    if (path === "/house.json") {
      send(response, 200, {
        name: "Schleuse (Demo)",
        demo,
        roles: ROLES,
        engine: engine ? { model: MODELS[0], demonstration: true } : null,
      });
      return true;
    }
    if (path === "/demo/sign-in" && demo) {
      const { role } = JSON.parse(await bodyOf(request));
      send(response, 200, { role, key: keyOf(role) });
      return true;
    }
    if (!path.startsWith("/v1/")) return false;

    requests += 1;
    const passage = {
      "x-schleuse-request-id": `req_${requests.toString().padStart(6, "0")}abcdefghijklmnop`,
      "x-schleuse-label": "INTERNAL",
      "x-schleuse-sensitivity": "0.00",
      "x-schleuse-action": "ALLOWED",
    };
    const refuse = (code, findings = []) => {
      passage["x-schleuse-action"] = findings.length > 0 ? "BLOCKED" : "DENIED";
      send(response, SAY[code].status, refusal(code, language, passage, findings), passage);
      return true;
    };
    const role = ROLES.find((name) => request.headers.authorization === `Bearer ${keyOf(name)}`);
    if (!role) return refuse("invalid_api_key");
    if (path === "/v1/models") {
      send(response, 200, { object: "list", data: engine ? MODELS.map((id) => ({ id, object: "model" })) : [] }, passage);
      return true;
    }
    if (path !== "/v1/chat/completions") return refuse("not_found");
    if (role === "auditor") return refuse("access_denied");

    const { messages, model } = JSON.parse(await bodyOf(request));
    const asked = request.headers["x-schleuse-label"] ?? "INTERNAL";
    passage["x-schleuse-label"] = LABELS.includes(asked) ? asked : "INTERNAL";
    if (passage["x-schleuse-label"] === "SECRET") return refuse("no_permitted_route");
    const findings = messages.flatMap(({ content }, index) => findIn(content, `/messages/${index}/content`));
    const blocked = findings.filter(({ action }) => action === "BLOCKED");
    if (blocked.length > 0) {
      passage["x-schleuse-sensitivity"] = "0.99";
      return refuse("sensitive_data_detected", blocked.map(({ type, path: at, start, end, score }) => ({ type, path: at, start, end, score })));
    }
    if (findings.length > 0) {
      passage["x-schleuse-action"] = "REDACTED";
      passage["x-schleuse-sensitivity"] = "0.80";
    }
    passage["x-schleuse-route"] = "local/engine";
    await stream(response, { messages, model, passage, language });
    return true;
  };
}

async function stream(response, { messages, model, passage, language }) {
  const question = messages.at(-1).content;
  response.writeHead(200, { ...passage, "content-type": "text/event-stream", "cache-control": "no-store" });
  const long = /long story|lange Geschichte/u.test(question);
  const words = `${canned(question, language)} ${long ? "And the water rose. ".repeat(200) : ""}`.trim().split(/(?<= )/u);
  const chunk = (fields) =>
    response.write(`data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", model, ...fields })}\n\n`);
  response.write(": the gate is open\n\n");
  for (const [index, word] of words.entries()) {
    if (response.destroyed) return;
    if (/break off|abbrechen/u.test(question) && index === 6) {
      response.end(`event: error\ndata: ${JSON.stringify(refusal("upstream_failed", language, passage, []))}\n\n`);
      return;
    }
    chunk({ choices: [{ index: 0, delta: { content: word }, finish_reason: null }] });
    await new Promise((resolve) => setTimeout(resolve, 12));
  }
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  chunk({ choices: [], usage: { prompt_tokens: question.length >> 2, completion_tokens: words.length, total_tokens: 0 } });
  response.end("data: [DONE]\n\n");
}

function canned(question, language) {
  if (/headings|Überschriften/u.test(question)) {
    return language === "de"
      ? "Drei Vorschläge:\n\n1. **Zwei Teams, ein Auftrag**\n2. Was sich ändert, und was bleibt\n3. Gemeinsam ab dem *ersten Quartal*\n"
      : "Three suggestions:\n\n1. **Two teams, one task**\n2. What changes and what stays\n3. Together from the *first quarter*\n";
  }
  if (/key|Schlüssel/u.test(question)) {
    return language === "de"
      ? "So ein Schlüssel meldet ein Programm an:\n\n```sh\ncurl -H \"authorization: Bearer $KEY\" https://api.example.org\n```\n\nBewahren Sie ihn in einer Datei auf, nicht im Skript."
      : "Such a key signs a program in:\n\n```sh\ncurl -H \"authorization: Bearer $KEY\" https://api.example.org\n```\n\nKeep it in a file, not in the script.";
  }
  return language === "de"
    ? "Eine Schleuse ist eine Kammer mit einem Tor an jedem Ende, in der ein Schiff durch Füllen oder Leeren gehoben oder gesenkt wird. Immer nur ein Tor ist offen, damit das Wasser auf beiden Seiten bleibt, wo es ist."
    : "A canal lock is a chamber with a gate at each end in which a boat is raised or lowered by letting water in or out. Only one gate is open at a time, so that the water on both sides stays where it is.";
}

function findIn(text, path) {
  return FINDERS.flatMap(({ type, pattern, action }) =>
    [...text.matchAll(pattern)].map((match) => {
      const start = Buffer.byteLength(text.slice(0, match.index));
      return { type, path, start, end: start + Buffer.byteLength(match[0]), score: 0.99, action };
    }),
  );
}

function refusal(code, language, passage, findings) {
  const { type } = SAY[code];
  const [message, next] = SAY[code][language];
  return {
    error: { message, type, code, param: null, request_id: passage["x-schleuse-request-id"], findings, next },
  };
}

function keyOf(role) {
  return `sk-mock-${role}`;
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { ...headers, "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
