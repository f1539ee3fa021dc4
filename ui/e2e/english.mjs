// Finds English on a page that speaks German.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { de } from "../src/lib/text/de.ts";
import { en } from "../src/lib/text/en.ts";

/** What the house and the operating system say of servers, beyond what the page itself says in English. */
const OF_SERVERS = "connection refused reset aborted host network unreachable address permission denied timed lookup health degraded partner";
/** German words that look like English ones. */
const GERMAN_TOO = "stand last fall hat war not tag rat brief hell all wind hand band administration information";
/** The wording that the house promises in both languages. */
const PROMISED = /BLOCKED: Sensitive data detected/gu;

/** Words of the English texts that no German text has. */
const ENGLISH = difference([...sentences(en), OF_SERVERS], [...sentences(de), GERMAN_TOO, readFileSync(new URL("../src/features/help/handbook.de.md", import.meta.url), "utf8")]);

/** No visible text, and none that only a screen reader says, has an English word; names and what people wrote are left out. */
export async function german(page, name) {
  const texts = await page.evaluate(() => {
    const theirs = "[data-question], [data-answer], [data-conversation] a, textarea, script, style, noscript, [translate=no]";
    const isName = (element) => element.closest(theirs) || element.closest("[lang]")?.lang !== "de" || /mono/u.test(getComputedStyle(element).fontFamily);
    const found = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (!isName(walker.currentNode.parentElement)) found.push(walker.currentNode.textContent);
    for (const attribute of ["aria-label", "title", "placeholder", "alt"]) {
      for (const element of document.querySelectorAll(`[${attribute}]`)) if (!isName(element)) found.push(element.getAttribute(attribute));
    }
    return found;
  });
  const faults = texts.flatMap((text) => wordsOf(text.replaceAll(PROMISED, "").replaceAll(/„[^“]*“/gu, "")).filter((word) => /\p{L}/u.test(word) && ENGLISH.has(word)).map((word) => `“${word}” in “${text.trim().slice(0, 80)}”`));
  assert.deepEqual([...new Set(faults)], [], `${name} is not all German`);
}

function sentences(value) {
  if (typeof value === "string") return [value];
  if (typeof value === "function") return [String(value("0", "0", "0"))];
  return Object.values(value).flatMap(sentences);
}

function difference(some, others) {
  const known = new Set(others.flatMap(wordsOf));
  const left = some.flatMap(wordsOf).filter((word) => word.length > 1 && !known.has(word));
  assert.ok(left.length > 500, "the English words are missing");
  return new Set(left);
}

/** Whole words in small letters; `llama-3.3-70b` and `surface:chat` are one each, and no English ones. */
function wordsOf(text) {
  return [...text.replaceAll("\u00ad", "").toLowerCase().matchAll(/[\p{L}\p{N}][\p{L}\p{N}'’.:_/-]*/gu)].map(([word]) => word.replace(/[.:'’/-]+$/u, ""));
}
