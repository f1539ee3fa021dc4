// The mock house's prompts and assistants, in memory; reviewed as in a house, by security or administration and never by their owner.
const both = (en, de) => ({ en, de });
const READY = [
  ["code-review", both("Code review", "Codedurchsicht"), both("Reads a change and names errors, risks and what is unclear.", "Liest eine Änderung und nennt Fehler, Risiken und Unklares.")],
  ["documentation", both("Documentation", "Dokumentation"), both("Writes and improves manuals and descriptions.", "Schreibt und verbessert Anleitungen und Beschreibungen.")],
  ["reports", both("Data analysis and reports", "Datenauswertung und Berichte"), both("Turns figures into statements, and says what they do not show.", "Macht aus Zahlen Aussagen und sagt, was sie nicht zeigen.")],
  ["minutes", both("Meeting minutes", "Sitzungsprotokolle"), both("Turns notes into minutes with decisions and tasks.", "Macht aus Notizen ein Protokoll mit Beschlüssen und Aufgaben.")],
  ["letters", both("Letters", "Briefe"), both("Drafts letters in the tone that you name.", "Entwirft Briefe in dem Ton, den Sie nennen.")],
];

const version = (number, { name, text }) => ({ version: number, name, text, created: new Date().toISOString() });
const mayReview = ({ role }) => ["security", "admin"].includes(role);
const isFor = (readers, { person, role, groups }) => readers.some((reader) => reader === "everyone" || reader === `person:${person}` || [role, ...groups].some((group) => reader === `group:${group}`));
const shown = ({ instructions: _instructions, person, ...row }, session) => ({ ...row, mine: person === session.person });

function maySee(one, session) {
  if (one.person === session.person || one.state === "ready") return true;
  return one.state === "published" ? isFor(one.with, session) : one.state === "in_review" && mayReview(session);
}

export function createLibrary(name) {
  const prompts = new Map();
  const assistants = new Map(
    READY.map(([id, called, purpose]) => [
      id,
      { id, name: called, purpose, instructions: both("You help with work in an office.", "Du hilfst bei der Arbeit im Büro."), starters: [both("Here is my text:", "Hier ist mein Text:"), both("What do you need from me?", "Was brauchst du von mir?")], model: null, label: null, version: 1, state: "ready", owner: null, person: null, with: ["everyone"], note: null },
    ]),
  );

  return { answer, assistantOf: (id) => (assistants.has(id) ? { id, name: assistants.get(id).name, version: assistants.get(id).version } : null) };

  function answer(context) {
    const { path, method, session, body, ok, refuse } = context;
    const [, , , kind, id, part] = path.split("/").map(decodeURIComponent);
    if (kind === "prompts") return ofPrompts(context, id, part);
    const row = assistants.get(id);
    if (id === undefined) {
      if (method === "POST") return ok(shown(keep({ ...blank(session), ...body }), session), 201);
      return ok({ assistants: [...assistants.values()].filter((one) => maySee(one, session)).map((one) => shown(one, session)) });
    }
    if (!row || !maySee(row, session)) return refuse("not_found");
    const own = row.person === session.person;
    if (part === "review") {
      if (own || !mayReview(session)) return refuse("access_denied");
      Object.assign(row, { state: body.publish ? "published" : "returned", note: body.note || null });
      return ok(shown(row, session));
    }
    if (method === "GET") return ok({ ...shown(row, session), instructions: row.instructions });
    if (!own) return refuse("access_denied");
    if (method === "DELETE") {
      assistants.delete(id);
      return ok(undefined, 204);
    }
    if (part === "submit") Object.assign(row, { state: "in_review", with: body.with, note: null });
    else if (part === "withdraw") row.state = "draft";
    else if (row.state === "published") return ok(shown(keep({ ...row, ...body, id: name("ast"), version: row.version + 1, state: "draft" }), session));
    else Object.assign(row, body, { version: row.version + 1, state: "draft" });
    return ok(shown(row, session));
  }

  function blank(session) {
    return { id: name("ast"), model: null, label: null, starters: [], version: 1, state: "draft", owner: session.name, person: session.person, with: [], note: null };
  }

  function keep(assistant) {
    assistants.set(assistant.id, assistant);
    return assistant;
  }

  function ofPrompts({ method, session, body, ok, refuse }, id, part) {
    const listed = ({ person, versions, ...row }) => ({ ...row, name: versions.at(-1).name, text: versions.at(-1).text, version: versions.length, updated: versions.at(-1).created, mine: person === session.person });
    if (id === undefined) {
      if (method === "GET") return ok({ prompts: [...prompts.values()].filter((one) => one.person === session.person || isFor(one.with, session)).map(listed) });
      const made = { id: name("pro"), tags: body.tags ?? [], with: body.with ?? [], owner: session.name, person: session.person, versions: [version(1, body)] };
      prompts.set(made.id, made);
      return ok(listed(made), 201);
    }
    const row = prompts.get(id);
    if (row?.person !== session.person) return refuse("not_found");
    if (part === "versions") return ok({ versions: row.versions });
    if (method === "DELETE") {
      prompts.delete(id);
      return ok(undefined, 204);
    }
    const last = row.versions.at(-1);
    const next = part === "restore" ? row.versions[body.version - 1] : { name: body.name ?? last.name, text: body.text ?? last.text };
    if (next.name !== last.name || next.text !== last.text) row.versions.push(version(row.versions.length + 1, next));
    Object.assign(row, { tags: body.tags ?? row.tags, with: body.with ?? row.with });
    return ok(listed(row));
  }
}
