import { describe, expect, it } from "vitest";
import { handbook, readHandbook, search, soughtIn } from "./handbook";

describe("the handbook", () => {
  it("has the same sections in both languages, none of them empty", () => {
    const [german, english] = [handbook("de", "http://x"), handbook("en", "http://x")];
    expect(german.map(({ id }) => id)).toEqual(english.map(({ id }) => id));
    expect(german.length).toBeGreaterThan(6);
    for (const section of [...german, ...english]) expect(section.passages, section.id).not.toEqual([]);
    for (const id of ["model", "refused", "labels"]) expect(german.some((section) => section.id === id), id).toBe(true);
  });

  it("names this house's own address", () => {
    const text = JSON.stringify(handbook("en", "http://127.0.0.1:8080"));
    expect(text).toContain("http://127.0.0.1:8080/v1");
    expect(text).not.toContain("{{");
  });

  it("is cut at blank lines outside code", () => {
    const [section] = readHandbook("# x\n\n## Title here {#an-id}\none\ntwo\n\n```\na\n\nb\n```\n\nthree");
    expect(section).toEqual({ id: "an-id", title: "Title here", passages: ["one\ntwo", "```\na\n\nb\n```", "three"] });
  });
});

describe("search", () => {
  const sections = readHandbook("## A {#a}\nThe IBAN is refused.\n\nA key is redacted.\n\n## B {#b}\nÄpfel and a key.");

  function check(query: string, expected: string[]) {
    expect(search(sections, query).map(({ passage }) => passage)).toEqual(expected);
  }

  it("gives the passages that hold every word, unchanged", () => {
    check("iban", ["The IBAN is refused."]);
    check("KEY", ["A key is redacted.", "Äpfel and a key."]);
    check("key redacted", ["A key is redacted."]);
    check("äpfel", ["Äpfel and a key."]);
    check("nowhere", []);
    check("  ", []);
    check(".*", []);
  });
});

describe("questions in whole sentences", () => {
  function check(language: "de" | "en", question: string, section: string) {
    const sections = handbook(language, "http://x");
    const hits = search(sections, question);
    expect(hits[0]?.section.id, question).toBe(section);
    expect(hits.length).toBeLessThanOrEqual(5);
    // Word for word, and with their source.
    for (const hit of hits) expect(hit.section.passages, question).toContain(hit.passage);
  }

  it("find the passage that answers them", () => {
    check("de", "Was passiert mit meiner IBAN?", "inspection");
    check("de", "Welche Einstufungen gibt es?", "labels");
    check("de", "Wie lange bleibe ich angemeldet?", "session");
    check("de", "Wird mein Name protokolliert?", "recorded");
    check("en", "What happens to my credit card number?", "inspection");
    check("en", "How do I use vLLM?", "model");
    check("en", "Which roles are there?", "roles");
  });

  it("are marked by what they are about", () => {
    expect(soughtIn("Bankkonten (IBAN) werden gesperrt.", "Was passiert mit meiner IBAN?")).toEqual(["iban"]);
    expect(soughtIn("The IBAN is refused.", "the iban")).toEqual(["the", "iban"]);
  });

  it("find nothing where the handbook says nothing", () => {
    expect(search(handbook("en", "http://x"), "xylophone zebra quartz")).toEqual([]);
  });
});
