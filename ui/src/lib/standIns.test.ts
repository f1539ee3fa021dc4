import { describe, expect, it } from "vitest";
import { type StandIn, StandIns } from "./standIns";

const ALL: StandIn[] = [
  { stands: "PERSON_1", for: "Erika Mustermann", type: "PERSON_NAME" },
  { stands: "PERSON_12", for: "Max (Mustermann)", type: "PERSON_NAME" },
  { stands: "[IBAN 1]", for: "DE89 3704", type: "IBAN" },
];
const standIns = new StandIns(ALL);

describe("an answer has the real words again", () => {
  const check = (text: string, real: string) => expect(standIns.real(text)).toBe(real);
  it("anywhere", () => check("PERSON_1 asked, PERSON_12 answered: [IBAN 1].", "Erika Mustermann asked, Max (Mustermann) answered: DE89 3704."));
  it("with an ending", () => check("PERSON_1s Brief, PERSON_1-Akte", "Erika Mustermanns Brief, Erika Mustermann-Akte"));
  it("not within another word", () => check("XPERSON_1, PERSON_13, PERSON_", "XPERSON_1, PERSON_13, PERSON_"));
  it("dollars mean nothing", () => expect(new StandIns([{ stands: "A_1", for: "$& $1", type: "" }]).real("A_1")).toBe("$& $1"));
});

it("pieces, put together, are the text", () => {
  const text = "To PERSON_12 and PERSON_1PERSON_1: [IBAN 1]";
  expect(standIns.inAnswer(text).map((piece) => (typeof piece === "string" ? piece : piece.stands)).join("")).toBe(text);
  expect(standIns.inQuestion("Max (Mustermann) and Erika Mustermann").map((piece) => (typeof piece === "string" ? piece : piece.stands))).toEqual(["PERSON_12", " and ", "PERSON_1"]);
});

it("places of real words are found", () => {
  const text = "Erika Mustermann, DE89 3704";
  expect(standIns.spansIn(text).map(({ start, end, type }) => [text.slice(start, end), type])).toEqual([
    ["Erika Mustermann", "PERSON_NAME"],
    ["DE89 3704", "IBAN"],
  ]);
});

it("however an answer is cut into pieces, no part of a stand-in is ever shown, and nothing shown is taken back", () => {
  const text = "Dear PERSON_1, PERSON_12 paid [IBAN 1] to PERSON_1. PERSONAL notes [IBAN stay, PERSON_1";
  const whole = standIns.real(text);
  let state = 11;
  const next = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % below;
  };
  for (let round = 0; round < 300; round += 1) {
    let before = "";
    for (let at = 0; at < text.length; at += 1 + next(6)) {
      const shown = standIns.real(standIns.settled(text.slice(0, at)));
      expect(shown.startsWith(before)).toBe(true);
      expect(whole.startsWith(shown)).toBe(true);
      before = shown;
    }
  }
});

it("what only looks like a beginning is held back no longer than needed", () => {
  const check = (text: string, shown: string) => expect(standIns.settled(text)).toBe(shown);
  check("To PERS", "To ");
  check("To PERSE", "To PERSE");
  check("To PERSON_1", "To ");
  check("To PERSON_1,", "To PERSON_1,");
  check("XPERS", "XPERS");
  check("see [", "see ");
  check("", "");
});

it("in code, a stand-in is nothing to Markdown, and comes back as its words", () => {
  const text = "[IBAN 1]: one\n\n**PERSON_1** [PERSON_12](x) \uE0F00\uE0F1 end";
  const coded = standIns.coded(text);
  expect(coded).not.toMatch(/IBAN|PERSON/u);
  expect(standIns.real(coded)).toBe("DE89 3704: one\n\n**Erika Mustermann** [Max (Mustermann)](x) 0 end");
  expect(standIns.inAnswer(standIns.coded("PERSON_1")).map((piece) => (typeof piece === "string" ? piece : piece.for))).toEqual(["Erika Mustermann"]);
  expect(standIns.real("\uE0F099\uE0F1")).toBe("\uE0F099\uE0F1");
});

it("nothing to stand in for changes nothing", () => {
  const none = new StandIns([{ stands: "", for: "x", type: "" }]);
  expect([none.real("PERSON_1"), none.settled("PERSON_"), none.inAnswer("x"), none.spansIn("x")]).toEqual(["PERSON_1", "PERSON_", ["x"], []]);
});
