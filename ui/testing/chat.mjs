// The mock house's portal: conversations as trees of messages, runs, folders, shares; kept in memory.
import { createLibrary } from "./library.mjs";
import { createAttachments } from "./attachments.mjs";
import { follow, play } from "./runs.mjs";
import { flowsTo, joined, labelOf } from "./shapes.mjs";
import { examined, holdings, masked, receiptOf, standIns } from "./trust.mjs";

const COMPARTMENTS = ["hr", "m-and-a", "patient"];
const PASSED_ON = ["id", "role", "content", "model", "created", "passage"];

export function createChat({ pause, approvals, isAlive }) {
  const conversations = new Map();
  const folders = new Map();
  const shares = new Map();
  const runs = new Map();
  let numbered = 0;
  const name = (kind) => {
    numbered += 1;
    return `${kind}_${numbered.toString().padStart(4, "0")}${Math.random().toString(36).slice(2, 8)}`;
  };

  const library = createLibrary(name);

  const attachments = createAttachments({ name });

  return function answer(context) {
    const { method, path, query, body, session, request, response, ok, refuse } = context;
    const [, , , kind, id, part, third, fourth] = path.split("/").map(decodeURIComponent);
    const own = [...conversations.values()].filter(({ person }) => person === session.person);
    const route = `${method} ${kind}${id === undefined ? "" : "/"}`;
    if (kind === "prompts" || kind === "assistants") return library.answer(context);
    switch (route) {
      case "GET labels":
        return ok({ default: "INTERNAL", clearance: `CONFIDENTIAL//${COMPARTMENTS.join(",")}`, compartments: COMPARTMENTS });
      case "GET conversations":
        return ok({ conversations: own.filter(({ temporary }) => !temporary).map(summary).toSorted((a, b) => b.updated.localeCompare(a.updated)) });
      case "POST conversations":
        return ok(summary(create(session, body)), 201);
      case "GET folders":
        return ok({ folders: [...folders.values()].filter(({ person }) => person === session.person).map((folder) => ({ id: folder.id, name: folder.name, conversations: own.filter((row) => row.folder === folder.id).length })) });
      case "POST folders": {
        const folder = { id: name("fol"), name: body.name, person: session.person };
        folders.set(folder.id, folder);
        return ok({ id: folder.id, name: folder.name, conversations: 0 }, 201);
      }
      case "PUT folders/":
        folders.get(id).name = body.name;
        return ok({ id, name: body.name });
      case "DELETE folders/":
        folders.delete(id);
        for (const row of own) if (row.folder === id) row.folder = null;
        return ok(undefined, 204);
      case "GET search":
        return ok(search(own, query.get("q") ?? "", Number(query.get("limit") ?? 20)));
      case "POST findings":
        return ok(examined(body.content, body.label));
      case "GET releases":
      case "POST releases":
        return approvals.releases(context);
      case "GET data":
        return ok(holdings(own.length));
      case "POST data/":
        if (id !== "erase" || body.confirm !== session.name) return refuse("access_denied");
        for (const row of own) conversations.delete(row.id);
        return ok({ erased: [{ id: "conversations", count: own.length }], stays: [] });
      case "POST import":
        return ok({ id: take(session, body).id, refused: [] }, 201);
      case "GET export":
        return attach(response, "schleuse-chats.json", "application/json", JSON.stringify({ conversations: own.map(exported) }, null, 2));
      case "GET shared":
        return ok({ shares: [...shares.values()].filter((share) => mayRead(share, session)).map((share) => shareRow(share)) });
      case "GET shared/": {
        const share = shares.get(id);
        if (!share || !mayRead(share, session)) return refuse("not_found");
        return ok({ ...shareRow(share), messages: line(share.conversation, share.leaf).map((message) => seenBy(message, session)) });
      }
      case "DELETE shares/":
        if (shares.get(id)?.conversation.person !== session.person) return refuse("not_found");
        shares.delete(id);
        return ok(undefined, 204);
      default:
    }
    if (kind === "attachments") return attachments.answer(context);
    if (kind === "runs") {
      const run = runs.get(id);
      if (run?.person !== session.person) return refuse("not_found");
      if (part === "stop") {
        run.stopped = true;
        return ok(undefined, 204);
      }
      follow(run, Number(request.headers["last-event-id"] ?? 0), response, () => isAlive(session));
      return true;
    }
    const conversation = conversations.get(id);
    if (part === "declassify" && conversation && session.role === "security") return lower(conversation, context);
    if (kind !== "conversations" || conversation?.person !== session.person) return refuse("not_found");
    if (part === "messages" && (fourth === "feedback" || fourth === "export")) {
      const message = conversation.messages.find((one) => one.id === third);
      if (!message) return refuse("not_found");
      if (fourth === "export") return attach(response, `schleuse-internal-answer.${query.get("format") === "markdown" ? "md" : query.get("format")}`, "application/octet-stream", message.content);
      message.feedback = method === "DELETE" ? null : { reasons: [], comment: null, ...body };
      return ok(message.feedback ?? undefined, method === "DELETE" ? 204 : 200);
    }
    if (part === "messages" && method === "POST") return third === undefined ? put(conversation, context) : answerAgain(conversation, third, fourth, context);
    if (part === "messages" && fourth === "receipt") {
      const told = conversation.messages.find((message) => message.id === third);
      return told?.passage ? attach(response, `receipt-${told.passage.request_id}.tlog-proof`, "text/plain", receiptOf(told.passage.request_id)) : refuse("not_found");
    }
    if (part === "declassify") return lower(conversation, context);
    if (part === "export") {
      const file = `schleuse-${conversation.label.replaceAll(/[^A-Z]+/gu, "-").toLowerCase()}`;
      if (query.get("format") === "markdown") return attach(response, `${file}.md`, "text/markdown", line(conversation, conversation.messages.at(-1)?.id).map(({ role, content }) => `**${role}**\n\n${content}\n`).join("\n"));
      return attach(response, `${file}.json`, "application/json", JSON.stringify(exported(conversation), null, 2));
    }
    if (part === "shares") {
      const mine = () => [...shares.values()].filter((share) => share.conversation === conversation);
      if (method === "GET") return ok({ shares: mine().map(offered) });
      const share = { id: name("shr"), conversation, with: body.with, until: body.until ?? null, created: new Date().toISOString(), leaf: body.messages?.[0] ?? conversation.messages.at(-1)?.id, from: session.name };
      shares.set(share.id, share);
      return ok(offered(share), 201);
    }
    if (method === "PUT") {
      for (const key of ["title", "folder", "pinned"]) if (key in body) conversation[key] = body[key];
      return ok(summary(conversation));
    }
    if (method === "DELETE") {
      conversations.delete(id);
      return ok(undefined, 204);
    }
    const going = conversation.runs.map((run) => ({ id: run.id, message: run.message.id }));
    return ok({ ...summary(conversation), messages: conversation.messages, run: going[0] ?? null, runs: going });
  };

  function create(session, { temporary = false, folder = null, assistant }) {
    const now = new Date().toISOString();
    const made = { id: name("con"), person: session.person, title: "", created: now, updated: now, label: null, folder, pinned: false, temporary, assistant: assistant === undefined ? null : library.assistantOf(assistant), messages: [], runs: [] };
    conversations.set(made.id, made);
    return made;
  }

  function put(conversation, context) {
    const { content, model, models = [model], parent, label, compartments = [], masks = [], attachments: ids = [], release } = context.body;
    const isReleased = release !== undefined && approvals.use(release, content, context.session.person);
    const known = conversation.messages.find(({ masks: map }) => map.length > 0)?.masks ?? [];
    const question = { ...blank(), id: name("msg"), parent: parent ?? null, role: "user", content, state: "complete", masks: standIns(content, masks, known) };
    for (const message of conversation.messages) message.masks = question.masks;
    const files = attachments.taken(ids);
    Object.assign(question, { attachments: files.map(({ sent }) => sent) });
    conversation.messages.push(question);
    const begun = begin(conversation, question, models, joined([label ?? "INTERNAL", labelOf("PUBLIC", compartments), ...files.map(({ sent }) => sent.label)]), { ...context, isReleased });
    return context.ok({ message: question, answers: begun.map(({ message }) => message), runs: begun.map(named), answer: begun[0].message, run: named(begun[0]) }, 202);
  }

  function answerAgain(conversation, questionId, part, context) {
    const question = conversation.messages.find(({ id, role }) => id === questionId && role === "user");
    if (!question || part !== "answers") return context.refuse("not_found");
    const { model, models = [model], label } = context.body;
    const begun = begin(conversation, question, models, label ?? "INTERNAL", context);
    return context.ok({ answers: begun.map(({ message }) => message), runs: begun.map(named) }, 202);
  }

  function begin(conversation, question, models, declared, { language, requestId, isReleased = false }) {
    const label = joined([declared, ...(conversation.label ? [conversation.label] : [])]);
    const texts = line(conversation, question.id).map(({ content }) => masked(content, question.masks));
    const begun = models.map((model) => {
      const message = { ...blank(), id: name("msg"), parent: question.id, role: "assistant", content: "", model, state: "running", masks: question.masks };
      conversation.messages.push(message);
      const run = { id: name("run"), person: conversation.person, message, events: [], waiting: new Set(), stopped: false, over: false };
      runs.set(run.id, run);
      return run;
    });
    conversation.updated = question.created;
    conversation.runs.push(...begun);
    for (const run of begun) {
      void play(run, texts, { model: run.message.model, label, language, requestId, pause, isReleased }).finally(() => {
        conversation.runs = conversation.runs.filter((other) => other !== run);
        if (run.message.refusal === null) conversation.label = joined([label, ...(conversation.label ? [conversation.label] : [])]);
        if (conversation.title === "") conversation.title = question.content.slice(0, 48);
      });
    }
    return begun;
  }

  function lower(conversation, { body, session, ok, refuse }) {
    if (session.role !== "security") return refuse("access_denied");
    if (body.reason.includes("M&A")) return ok({ id: name("apr"), to: body.to, state: "pending", expires: new Date(Date.now() + 86_400_000).toISOString() }, 202);
    conversation.label = body.to;
    return ok(summary(conversation));
  }

  /** What a file of `export` brings. Ids are given anew; parents that are not in it become none. */
  function take(session, { title = "", label = "INTERNAL", messages = [] }) {
    const made = Object.assign(create(session, {}), { title, label });
    const ids = new Map(messages.map(({ id }) => [id, name("msg")]));
    made.messages = messages.map((message) => ({ ...blank(), ...message, id: ids.get(message.id), parent: ids.get(message.parent) ?? null }));
    return made;
  }

  function summary(row) {
    const { id, title, created, updated, label, folder, pinned, temporary, assistant } = row;
    const shared = [...shares.values()].filter(({ conversation }) => conversation === row).length;
    return { id, title, created, updated, label, folder, pinned, temporary, assistant, compartments: label?.split("//")[1]?.split(",") ?? [], shares: shared, running: row.runs.length > 0 };
  }
}

function blank() {
  return { created: new Date().toISOString(), model: null, passage: null, usage: null, cut: false, refusal: null, masks: [], attachments: [] };
}

function named(run) {
  return { id: run.id, message: run.message.id };
}

/** The messages from the first one down to this. */
function line(conversation, id) {
  const messages = [];
  for (let at = id; at; ) {
    const message = conversation.messages.find((one) => one.id === at);
    if (!message) break;
    messages.unshift(message);
    at = message.parent;
  }
  return messages;
}

function exported({ title, label, created, messages }) {
  return { format: "schleuse-conversation-1", title, label, created, messages };
}

function attach(response, file, type, text) {
  response.writeHead(200, { "content-type": type, "content-disposition": `attachment; filename="${file}"` }).end(text);
  return true;
}

function plain(text) {
  return text.toLowerCase().replaceAll("ß", "ss").normalize("NFD").replaceAll(/\p{M}/gu, "");
}

function search(own, written, limit) {
  const words = plain(written).split(/\s+/u).filter(Boolean);
  const results = own.flatMap((row) =>
    row.messages.flatMap((message) => {
      const at = plain(message.content).indexOf(words[0] ?? "\0");
      if (at < 0 || !words.every((word) => plain(message.content).includes(word))) return [];
      const from = Math.max(0, at - 60);
      const text = message.content.slice(from, from + 240);
      const marks = words.flatMap((word) => {
        const start = plain(text).indexOf(word);
        return start < 0 ? [] : [{ start, end: start + word.length }];
      });
      return [{ conversation: row.id, title: row.title, message: message.id, role: message.role, created: message.created, label: row.label, text, marks }];
    }),
  );
  return { results: results.slice(0, limit), more: results.length > limit };
}

function mayRead({ with: readers, until, conversation }, { role, person, groups = [] }) {
  if (until !== null && Date.parse(until) < Date.now()) return false;
  if (conversation.person === person) return true;
  return readers.some((reader) => reader === "everyone" || reader === `person:${person}` || [role, ...groups].some((group) => reader === `group:${group}`));
}

function shareRow({ id, conversation, from, created }) {
  return { id, title: conversation.title, from, label: conversation.label, created };
}

function offered({ id, with: readers, until, created }) {
  return { id, path: `/shared/${id}`, with: readers, until, created };
}

/** In this house only the security role may read CONFIDENTIAL things of others. */
function seenBy(message, { role }) {
  const rows = Object.fromEntries(PASSED_ON.map((key) => [key, message[key] ?? null]));
  if (role === "security" || flowsTo(message.passage?.label ?? "INTERNAL", "INTERNAL")) return { ...rows, withheld: null };
  return { ...rows, content: null, passage: null, withheld: { en: "Its label is above your clearance.", de: "Die Einstufung liegt über dem, was Sie lesen dürfen." } };
}
