// What the mock house's rooms share: names, refusals, and how answers are written.

export const ROLES = ["employee", "engineer", "security", "admin", "auditor"];
export const LABELS = ["PUBLIC", "INTERNAL", "CONFIDENTIAL", "SECRET"];
export const MODELS = ["smollm2-135m-instruct", "llama-3.3-70b"];
export const PAGES = {
  employee: ["chat", "sessions", "limits"],
  engineer: ["chat", "now", "sessions", "limits"],
  security: ["chat", "decisions", "access", "sessions", "limits"],
  admin: ["chat", "now", "people", "keys", "upstreams", "policies", "posture", "access", "sessions", "limits"],
  auditor: ["audit", "sessions", "limits"],
};

export const SAY = {
  sensitive_data_detected: {
    status: 403,
    type: "policy_violation",
    en: ["BLOCKED: Sensitive data detected (IBAN).", "Remove the bank account or replace it with a placeholder, and ask again."],
    de: ["BLOCKED: Sensitive data detected. Schützenswerte Daten gefunden (IBAN).", "Entfernen Sie die Kontonummer oder ersetzen Sie sie durch einen Platzhalter, und fragen Sie noch einmal."],
  },
  access_denied: {
    status: 403,
    type: "policy_violation",
    en: ["Your role may not do that (rule `nothing-permits`).", "Use an account that may, or ask your administrator."],
    de: ["Ihre Rolle darf das nicht (Regel `nothing-permits`).", "Verwenden Sie ein Konto, das es darf, oder wenden Sie sich an Ihre Verwaltung."],
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
    en: ["Nobody is signed in with this.", "Check what you typed, or sign in another way."],
    de: ["Damit ist niemand angemeldet.", "Prüfen Sie Ihre Eingabe, oder melden Sie sich anders an."],
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
    en: ["There is nothing here.", "Check the address or the id."],
    de: ["Hier ist nichts.", "Prüfen Sie die Adresse oder die Kennung."],
  },
};

export function refusal(code, language, requestId, findings = []) {
  const { type } = SAY[code];
  const [message, next] = SAY[code][language];
  return { error: { message, type, code, param: null, request_id: requestId, findings, next } };
}

export function setPassage(response, id) {
  response.setHeader("x-schleuse-request-id", id);
}

export function send(response, status, body, headers = {}) {
  response.writeHead(status, { ...headers, "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

export async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** A label as the house writes it. */
export function labelOf(level, compartments) {
  return compartments.length > 0 ? `${level}//${[...new Set(compartments)].toSorted().join(",")}` : level;
}

const partsOf = (label) => {
  const [level, names = ""] = label.split("//");
  return [level, names.split(",").filter(Boolean)];
};

/** The least label to which all of these flow. */
export function joined(labels) {
  const parts = labels.map(partsOf);
  const highest = Math.max(0, ...parts.map(([level]) => LABELS.indexOf(level)));
  return labelOf(LABELS[highest], parts.flatMap(([, names]) => names));
}

export function flowsTo(label, clearance) {
  return joined([label, clearance]) === joined([clearance]);
}
