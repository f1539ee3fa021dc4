import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import type { Finding, Refusal } from "../lib/refusal";
import { MarkedText } from "./MarkedText";
import { RefusalCard } from "./RefusalCard";

const IBAN = ["DE89", "3704", "0044", "0532", "0130", "00"].join(" ");

function refusal(change: Partial<Refusal>): Refusal {
  return {
    code: "sensitive_data_detected",
    message: "BLOCKED: Sensitive data detected (IBAN).",
    next: "Remove it.",
    requestId: "req_1",
    findings: [],
    status: 403,
    ...change,
  };
}

function findingOf(text: string, path: string): Finding {
  const start = new TextEncoder().encode(text.slice(0, text.indexOf(IBAN))).length;
  return { type: "IBAN", path, start, end: start + IBAN.length, score: 0.99 };
}

function rendered(element: React.ReactNode): HTMLElement {
  const place = document.createElement("div");
  place.innerHTML = renderToStaticMarkup(element);
  return place;
}

describe("a refusal", () => {
  function check(change: Partial<Refusal>, expected: string[]) {
    const text = rendered(<RefusalCard refusal={refusal(change)} />).textContent;
    for (const part of expected) expect(text).toContain(part);
  }

  it("says what happened, what to do next, its code and its request id", () => {
    check({}, ["Not sent: sensitive data", "BLOCKED: Sensitive", "Remove it.", "sensitive_data_detected (403)", "req_1"]);
  });

  it("has words of its own where the house gave none", () => {
    check({ code: "house_unreachable", message: undefined, next: undefined, status: 0 }, ["The house does not answer", "tunnel"]);
    check({ code: "answer_broken", message: undefined, next: undefined }, ["The answer broke off", "Reload"]);
  });

  it("says which findings were hidden", () => {
    const found = { type: "IBAN", path: "/messages/0/content", start: 0, end: 22, score: 1 };
    check({ findings: [{ ...found, evasive: true }] }, ["written in a hidden way"]);
    expect(rendered(<RefusalCard refusal={refusal({ findings: [found] })} />).textContent).not.toContain("hidden");
  });

  it("with an unknown code is still a refusal", () => {
    check({ code: "brand_new" }, ["Refused", "brand_new"]);
    check({ code: "upstream_something" }, ["The model server refused"]);
  });

  it("marks what was found in an earlier message, and only that", () => {
    const text = `Grüße 😀, das Konto ist ${IBAN}, danke.`;
    const request = { messages: [{ role: "user", content: text }] };
    const card = rendered(
      <RefusalCard refusal={refusal({ findings: [findingOf(text, "/messages/0/content")] })} request={request} ownPaths={["/messages/2/content"]} />,
    );
    expect([...card.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual([IBAN]);
    expect(card.textContent).toContain("In an earlier message");
  });

  it("names a place that it cannot show", () => {
    const findings = [{ ...findingOf(IBAN, "/tools/0/name") }, { ...findingOf(IBAN, "/choices/0/message/content") }];
    check({ findings }, ["/tools/0/name", "In the answer of the model"]);
  });
});

describe("marked text", () => {
  it("is the text, with the name of what was found beside the mark", () => {
    const text = `ÄÖÜ ${IBAN}!`;
    const place = rendered(<MarkedText text={text} findings={[findingOf(text, "")]} />);
    expect(place.querySelector("mark")?.textContent).toBe(IBAN);
    expect(place.textContent).toBe(`ÄÖÜ ${IBAN}bank account (IBAN)!`);
  });

  it("is never read as HTML", () => {
    const place = rendered(<MarkedText text={'<img src=x onerror="alert(1)">'} findings={[]} />);
    expect(place.querySelector("img")).toBeNull();
  });
});
