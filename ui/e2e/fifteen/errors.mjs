// 13: whatever goes wrong is said in a sentence and with a next step, in both languages, and never as JSON.
import assert from "node:assert/strict";
import { ask, ended, forgive, newChat, person, pictures, same, startEngine, startHouse } from "../stage.mjs";

const IBAN = ["DE89", "3704", "0044", "0532", "0130", "00"].join(" ");
/** As vLLM words it (recorded). */
const TOO_LONG = { error: { message: "This model's maximum context length is 2048 tokens. However, you requested 4096 tokens in the messages. Please reduce the length of the messages.", type: "BadRequestError", param: null, code: 400 } };

/** What goes wrong: its name, what the model server does, who asks for what, and the words of the card that must stand in it. */
const CASES = [
  ["model server broken", { status: 503, body: { error: { message: "engine core died", type: "InternalServerError", code: 503 } } }, "Hallo"],
  ["model server hangs up in the middle", { text: "Es war einmal ein Wärter, der schrieb jeden Tag ein Schiff in sein Buch. ".repeat(20), piece: 16, ms: 1, end: "cut" }, "Hallo"],
  ["queue full", { status: 429, body: { error: { message: "queue is full", type: "RateLimit", code: 429 } }, headers: { "retry-after": "7" } }, "Hallo"],
  ["context overflow", { status: 400, body: TOO_LONG }, "Hallo"],
  ["policy block", { text: "Gern." }, `Überweise an ${IBAN}`],
];

/** A card for a person: a heading, sentences, and what to do next, all in their language. */
async function readable(page, name, language) {
  const card = page.locator("[data-refusal]").last();
  await card.waitFor();
  const { heading, paragraphs, all } = await card.evaluate((element) => ({
    heading: element.querySelector("h2, h3")?.textContent ?? "",
    paragraphs: [...element.querySelectorAll(":scope > p")].map(({ textContent }) => textContent),
    all: element.innerText,
  }));
  // What the model server said itself stands in quotation marks behind the sentence, because programs know it.
  const own = paragraphs.map((text) => text.replaceAll(/[“„].*[“”]/gu, ""));
  const said = `${heading} ${own.join(" ")}`;
  same(`${language}, ${name}: a heading, what happened and what to do next`, heading.length > 3 && paragraphs.length >= 2 && own.every((text) => text.length > 12), true);
  same(`${language}, ${name}: no JSON and nothing of the machine`, /[{}[\]]|"\w+":|\bnull\b|undefined|Error\b|\bHTTP\b|engine core|vLLM|localhost|127\.0\.0/u.test(said) ? said : "", "");
  const german = /\b(?:der|die|das|ist|nicht|Sie|bitte|und|den|wurde|einem|eine|noch|kein|keine)\b/iu.test(own.join(" "));
  const english = /\b(?:the|is|not|you|please|and|was|again|with|are|your)\b/iu.test(own.join(" "));
  same(`${language}, ${name}: in one language`, `${german ? "de" : ""}${english ? "en" : ""}`, language);
  assert.ok(!/[{}]/u.test(all), all);
  await pictures(page, `13-${name.replaceAll(" ", "-")}-${language}`);
}

export async function sentences() {
  const engine = await startEngine();
  const other = await startEngine(["other"]);
  const house = await startHouse([engine, other], '[[limit]]\nwho = "role:engineer"\ntokens_per_day = 40\n');
  for (const language of ["de", "en"]) {
    const page = await person(house, "employee", { language });
    for (const [name, script, text] of CASES) {
      await engine.follow(script);
      await newChat(page, house);
      await ask(page, text);
      const state = await ended(page);
      assert.ok(state === "refused" || state === "failed", `${name}: ${state}`);
      await readable(page, name, language);
      if (name === "policy block") {
        same(`${language}, ${name}: what was found is marked`, (await page.locator("[data-turn] mark").allInnerTexts()).join(" "), IBAN);
      }
    }
    await page.context().close();

    await engine.follow({ text: "Gern, und noch mehr Worte, und noch mehr, bis nichts mehr da ist von dem, was einer an einem Tag darf." });
    const spender = await person(house, "engineer", { language });
    await newChat(spender, house);
    for (let count = 0; count < 6; count += 1) {
      await ask(spender, "Erzähle mir etwas Langes von der Schleuse, dem Tor, dem Wasser und dem Wärter.");
      if ((await ended(spender)) !== "finished") break;
    }
    await readable(spender, "budget gone", language);
    await spender.context().close();
  }
  await other.leave();
  // The model server is not there, and then the house itself.
  for (const language of ["de", "en"]) {
    const page = await person(house, "employee", { language });
    await newChat(page, house);
    await page.locator("[data-choice=model]").selectOption("other");
    await ask(page, "Hallo");
    await ended(page);
    await readable(page, "model server not there", language);
    await newChat(page, house);
    await page.route("**/api/chat/**", (route) => route.abort("connectionrefused"));
    await ask(page, "Hallo");
    await readable(page, "house not reachable", language);
    await page.context().close();
  }
  forgive(/ERR_(?:CONNECTION_REFUSED|FAILED)|status of (?:400|422|429|5\d\d)/u);
}
