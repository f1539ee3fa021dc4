import { expect, it } from "vitest";
import { filled, fitting, placesIn, type Prompt } from "./prompt";

const prompt = (name: string, text: string, tags: string[] = []): Prompt => ({ id: name, name, text, tags, version: 1, updated: "", owner: "p", mine: true, with: [] });

it("names what a text leaves open", () => {
  const check = (text: string, expected: string[]) => expect(placesIn(text)).toEqual(expected);
  check("Dear {{customer}}, your {{ Gerät }} of {{customer}}", ["customer", "Gerät"]);
  check("{{}} {{ }} {customer} {{a\nb}}", []);
  check("{{first name}} and {{a.b-c}}", ["first name", "a.b-c"]);
});

it("fills in what was said, once, and leaves the rest open", () => {
  const check = (text: string, values: Record<string, string>, expected: string) => expect(filled(text, values)).toBe(expected);
  check("{{a}} and {{ b }}", { a: "{{b}} $& $1", b: "" }, "{{b}} $& $1 and {{ b }}");
  check("{{constructor}}", {}, "{{constructor}}");
});

it("finds by every word, wherever it stands", () => {
  const all = [prompt("Brief", "an {{kunde}}", ["post"]), prompt("Prüfung", "des Codes")];
  const check = (written: string, expected: string[]) => expect(fitting(all, written).map(({ name }) => name)).toEqual(expected);
  check("", ["Brief", "Prüfung"]);
  check("POST brief", ["Brief"]);
  check("prufung", ["Prüfung"]);
  check("brief code", []);
});
