// The mock house's quarantine: it takes what is text for text, and of everything else invents a page or two.
import { bodyOf, labelOf } from "./shapes.mjs";
import { examined } from "./trust.mjs";

const KINDS = { pdf: "pdf", docx: "docx", xlsx: "xlsx", pptx: "pptx", eml: "mail", msg: "mail", png: "image", jpg: "image" };
const both = (en, de) => ({ en, de });
/** How long a file is kept, and how long it is read, in milliseconds. */
const KEPT_MS = 40;
const READ_MS = 120;

export function createAttachments({ name }) {
  const files = new Map();
  let free = 0;

  async function answer({ method, path, query, session, request, language, response, ok, refuse }) {
    const [, , , , id, part] = path.split("/").map(decodeURIComponent);
    if (id === undefined) {
      const bytes = await bodyOf(request);
      const title = query.get("name") ?? "file";
      const kind = KINDS[/\.(\w+)$/u.exec(title)?.[1]?.toLowerCase()] ?? "text";
      const isText = kind === "text" || kind === "mail";
      const text = isText ? bytes : language === "de" ? "Bericht\nUmsatz 1.234,56 EUR am 24.12.2026.\nErika Mustermann zahlte 5 %.\n" : "Report\nSales of 1,234.56 EUR on 24 December 2026.\nErika Mustermann paid 5 %.\n";
      // Two are read at once.
      free = Math.max(Date.now() + KEPT_MS, free) + READ_MS / 2;
      const file = { id: name("att"), person: session.person, name: title, kind, bytes: Buffer.byteLength(bytes), created: new Date().toISOString(), text, until: free, isLocked: /locked|gesperrt/u.test(title) };
      files.set(file.id, file);
      return ok(shown(file), 202);
    }
    const file = files.get(id);
    if (file?.person !== session.person) return refuse("not_found");
    if (method === "DELETE") {
      files.delete(id);
      return ok(undefined, 204);
    }
    if (part === "text") return ok({ text: file.text, pages: file.kind === "pdf" ? [{ page: 1, start: 0 }, { page: 2, start: file.text.indexOf("\n") + 1 }] : null });
    const after = query.get("after");
    const last = Date.now() + 20_000;
    const look = () => {
      if (shown(file).state === after && Date.now() < last && !response.destroyed) setTimeout(look, 10);
      else ok(shown(file));
    };
    look();
    return true;
  }

  /** What goes with a question, and what each is to a reader of the conversation. */
  function taken(ids) {
    return ids.flatMap((id) => {
      const file = files.get(id);
      return file ? [{ text: file.text, sent: { id, name: file.name, kind: file.kind, label: examined(file.text).label ?? labelOf("INTERNAL", []), characters: file.text.length } }] : [];
    });
  }

  return { answer, taken };
}

function shown({ id, name: title, kind, bytes, created, text, until, isLocked }) {
  const left = until - Date.now();
  const state = left > READ_MS / 2 ? "quarantined" : left > 0 ? "extracting" : isLocked ? "refused" : "ready";
  const { findings, label, blocked } = examined(text);
  const known = state === "ready";
  const second = text.indexOf("\n") + 1;
  return {
    id, name: title, kind, bytes, created, state,
    reason: state === "refused" ? both("This file is locked with a password, so it cannot be read.", "Diese Datei ist mit einem Passwort verschlossen und darum nicht lesbar.") : null,
    label: known ? label : null,
    compartments: [],
    characters: known ? text.length : 0,
    pages: known && kind === "pdf" ? 2 : null,
    cut: false,
    omitted: known && kind !== "text" ? [{ what: both("2 images were not read.", "2 Bilder wurden nicht gelesen.") }] : [],
    findings: known ? findings.map((found) => ({ ...found, place: kind === "pdf" ? { kind: "page", number: found.start < second ? 1 : 2, name: null } : null })) : [],
    blocked: known && blocked,
    maskable: true,
  };
}
