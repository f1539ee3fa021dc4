// The mock house's portal: conversations and runs, kept in memory; a run goes on whoever listens.
import { LABELS, refusal } from "./shapes.mjs";

const FINDERS = [
  { type: "IBAN", pattern: /\bDE\d{2}(?: ?\d{4}){4} ?\d{2}\b/gu, action: "BLOCKED" },
  { type: "API_KEY", pattern: /\b(?:ghp_|sk-)[A-Za-z0-9]{20,}/gu, action: "REDACTED" },
];

export function createChat({ pause, isAlive }) {
  const conversations = new Map();
  const runs = new Map();
  let numbered = 0;
  const name = (kind) => {
    numbered += 1;
    return `${kind}_${numbered.toString().padStart(4, "0")}${Math.random().toString(36).slice(2, 8)}`;
  };

  return function answer({ method, path, body, session, language, requestId, request, response, ok, refuse }) {
    const [, , , kind, id, part] = path.split("/");
    if (kind === "conversations" && id === undefined) {
      if (method === "POST") {
        const now = new Date().toISOString();
        const made = { id: name("con"), person: session.person, title: "", created: now, updated: now, label: "INTERNAL", messages: [], run: null };
        conversations.set(made.id, made);
        return ok(summary(made), 201);
      }
      const own = [...conversations.values()].filter(({ person }) => person === session.person);
      return ok({ conversations: own.map(summary).toSorted((a, b) => b.updated.localeCompare(a.updated)) });
    }
    if (kind === "conversations") {
      const conversation = conversations.get(id);
      if (conversation?.person !== session.person) return refuse("not_found");
      if (part === "messages" && method === "POST") {
        const run = begin(conversation, body, language, requestId);
        return ok({ message: conversation.messages.at(-2), answer: conversation.messages.at(-1), run: { id: run.id } }, 202);
      }
      if (method === "PUT") {
        conversation.title = body.title;
        return ok(summary(conversation));
      }
      if (method === "DELETE") {
        conversations.delete(id);
        return ok(undefined, 204);
      }
      const { title, label, messages, run } = conversation;
      return ok({ id, title, label, messages, run: run ? { id: run.id, message: run.message.id } : null });
    }
    const run = runs.get(id);
    if (run?.person !== session.person) return refuse("not_found");
    if (part === "stop") {
      run.stopped = true;
      return ok(undefined, 204);
    }
    follow(run, Number(request.headers["last-event-id"] ?? 0), response, () => isAlive(session));
    return true;
  };

  function begin(conversation, { content, model, label, parent }, language, requestId) {
    const now = new Date().toISOString();
    const blank = { created: now, model: null, passage: null, usage: null, cut: false, refusal: null };
    const question = { ...blank, id: name("msg"), parent, role: "user", content, state: "complete" };
    const message = { ...blank, id: name("msg"), parent: question.id, role: "assistant", content: "", model, state: "running" };
    const run = { id: name("run"), person: conversation.person, message, events: [], waiting: new Set(), stopped: false, over: false };
    const before = chain(conversation, parent);
    conversation.messages.push(question, message);
    conversation.updated = now;
    conversation.run = run;
    runs.set(run.id, run);
    void play(run, [...before, content], { model, label, language, requestId }).finally(() => {
      conversation.run = null;
      if (conversation.title === "") conversation.title = content.slice(0, 48);
    });
    return run;
  }

  async function play(run, texts, { model, label, language, requestId }) {
    const { message } = run;
    const emit = (event, data) => {
      run.events.push({ event, data });
      for (const wake of run.waiting) wake();
    };
    const end = (state) => {
      message.state = state;
      run.over = true;
      emit("done", { state });
    };
    const refuse = (code, findings = []) => {
      message.refusal = refusal(code, language, requestId, findings).error;
      emit("refusal", { error: message.refusal });
      end("failed");
    };
    const passage = { request_id: requestId, label: LABELS.includes(label) ? label : "INTERNAL", sensitivity: 0, action: "ALLOWED", route: "engine" };
    emit("model", { model });
    await sleep(pause * 4);
    if (passage.label === "SECRET") {
      message.passage = { ...passage, action: "DENIED", route: null };
      emit("passage", message.passage);
      return refuse("no_permitted_route");
    }
    const findings = texts.flatMap((text, index) => findIn(text, `/messages/${index}/content`));
    const blocked = findings.filter(({ action }) => action === "BLOCKED");
    message.passage = passage;
    if (blocked.length > 0) Object.assign(passage, { sensitivity: 0.99, action: "BLOCKED", route: null });
    else if (findings.length > 0) Object.assign(passage, { sensitivity: 0.8, action: "REDACTED" });
    emit("passage", passage);
    if (blocked.length > 0) return refuse("sensitive_data_detected", blocked.map(({ action: _action, ...finding }) => (finding.path === `/messages/${texts.length - 1}/content` ? { ...finding, message: message.parent } : finding)));
    const question = texts.at(-1);
    const long = /long story|lange Geschichte/u.test(question);
    const pieces = `${canned(question, language)} ${long ? "And the water rose. ".repeat(200) : ""}`.trim().split(/(?<= )/u);
    for (const [index, text] of pieces.entries()) {
      if (run.stopped) {
        emit("stopped", {});
        return end("stopped");
      }
      if (/break off|abbrechen/u.test(question) && index === 6) return refuse("upstream_failed");
      message.content += text;
      emit("text", { text });
      // oxlint-disable-next-line no-await-in-loop
      await sleep(pause);
    }
    message.usage = { prompt: question.length >> 2, completion: pieces.length };
    emit("usage", message.usage);
    end("complete");
  }
}

function chain(conversation, id) {
  const texts = [];
  for (let at = id; at; ) {
    const message = conversation.messages.find((one) => one.id === at);
    if (!message) break;
    texts.unshift(message.content);
    at = message.parent;
  }
  return texts;
}

/** Every event from the one after `last` on, whenever it comes. */
function follow(run, last, response, isAlive) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let at = last;
  const write = () => {
    for (; at < run.events.length; at += 1) {
      const { event, data } = run.events[at];
      response.write(`id: ${at + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
    if (!run.over) return;
    run.waiting.delete(write);
    response.end();
  };
  run.waiting.add(write);
  // A session that ended takes its streams with it.
  const timer = setInterval(() => {
    if (!isAlive()) response.end();
  }, 100);
  response.on("close", () => {
    clearInterval(timer);
    run.waiting.delete(write);
  });
  write();
}

function summary({ id, title, created, updated, label, run }) {
  return { id, title, created, updated, label, running: run !== null };
}

function sleep(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function canned(question, language) {
  const german = language === "de";
  if (/headings|Überschriften/u.test(question)) {
    return german
      ? "Drei Vorschläge:\n\n1. **Zwei Teams, ein Auftrag**\n2. Was sich ändert, und was bleibt\n3. Gemeinsam ab dem *ersten Quartal*\n"
      : "Three suggestions:\n\n1. **Two teams, one task**\n2. What changes and what stays\n3. Together from the *first quarter*\n";
  }
  if (/table|Tabelle/u.test(question)) {
    return german
      ? "| Tor | Seite | Zustand |\n| --- | --- | --- |\n| oberes | Berg | zu |\n| unteres | Tal | offen |\n\n> Immer nur eines ist offen."
      : "| Gate | Side | State |\n| --- | --- | --- |\n| upper | hill | shut |\n| lower | valley | open |\n\n> Only one is ever open.";
  }
  if (/key|Schlüssel/u.test(question)) {
    return german
      ? "So ein Schlüssel meldet ein Programm an:\n\n```sh\ncurl -H \"authorization: Bearer $KEY\" https://api.example.org\n```\n\nBewahren Sie ihn in einer Datei auf, nicht im Skript."
      : "Such a key signs a program in:\n\n```sh\ncurl -H \"authorization: Bearer $KEY\" https://api.example.org\n```\n\nKeep it in a file, not in the script.";
  }
  return german
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
