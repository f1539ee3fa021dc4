// Walks through the pages of a running demo house in Chromium, as people of every role would.
//   node e2e/page.mjs [URL|mock] [SCREENSHOT-FOLDER]
// Without a URL, or with `mock` for it, the built page is served in front of the mock house. SCHLEUSE_PICTURES names the
// folder, too. Exits 1 if anything is wrong.
import assert from "node:assert/strict";
import { axe, fits, launch, openPage, photographer, stepper, structure } from "./browser.mjs";
import { walkCare } from "./care.mjs";
import { walkChat } from "./chat.mjs";
import { walkComfort } from "./comfort.mjs";
import { german } from "./english.mjs";
import { walkLong } from "./long.mjs";

const [address = "mock", folder = process.env.SCHLEUSE_PICTURES] = process.argv.slice(2);
const IBAN = ["DE89", "3704", "0044", "0532", "0130", "00"].join(" ");
const ROLES = ["employee", "engineer", "security", "admin", "auditor"];
const PAGES = ["chat", "decisions", "now", "audit", "people", "keys", "upstreams", "policies", "posture", "access", "sessions", "limits"];
/** What every house with the default policy gives and denies; `sessions` and `limits` belong to everybody. */
const HAS = {
  employee: ["chat"],
  engineer: ["chat", "now"],
  security: ["chat", "decisions", "access"],
  admin: ["chat", "now", "people", "keys", "upstreams", "policies", "posture", "access"],
  auditor: ["audit"],
};
const NEVER = {
  employee: ["decisions", "now", "audit", "people", "keys", "upstreams", "policies", "posture"],
  engineer: ["decisions", "audit", "people", "keys", "upstreams", "policies", "posture"],
  security: ["now", "people", "keys", "upstreams", "policies", "posture"],
  admin: ["decisions", "audit"],
  auditor: ["chat", "now", "people", "keys", "upstreams", "policies", "posture"],
};
const LONG = `Write a long story about a lock keeper, in many chapters. ${"And the water rose, and it fell again. ".repeat(60)}`;

const house = address === "mock" ? await (await import("../testing/serve.mjs")).serve() : undefined;
const url = new URL(house?.url ?? address).origin;
/** A small model on a busy machine may take its time. */
const PATIENCE_MS = house ? 10_000 : 90_000;
const browser = await launch();
const faults = [];
const page = await openPage(browser, url, faults);
const picture = photographer(folder);
const { step, result } = stepper(faults, async (number) => {
  await picture(page, `failed-${number}`);
  await page.unrouteAll();
});

async function enter(role, target = page) {
  await leave(target);
  await target.locator(`[data-role=${role}]`).click();
  await inside(target);
}

/** Somebody else, in a browser of their own. */
async function enterBeside(role) {
  const beside = await openPage(browser, url, faults);
  await enter(role, beside);
  return beside;
}

const inside = (target = page) => target.locator("[data-account]:visible, [data-menu]:visible").first().waitFor();

/** Signs out if somebody is in, and waits for the sign-in. */
async function leave(target = page) {
  await target.goto(`${url}/`);
  const either = target.locator("[data-account]:visible, [data-menu]:visible, [data-role]:visible");
  await either.first().waitFor();
  if (await target.locator("[data-role]").first().isVisible()) return;
  if (await target.locator("[data-menu]").isVisible()) await target.locator("[data-menu]").click();
  await target.locator("[data-account]:visible").click();
  await target.locator("[data-leave]:visible").click();
  await target.locator("[data-role]").first().waitFor();
}

/** The page's own view of who is in. */
const session = () => page.evaluate(async () => (await fetch("/auth/session")).json());

async function visit(path) {
  await page.goto(`${url}${path}`);
  await inside();
  await page.locator("main h1").first().waitFor({ state: "attached" });
}

/** What a page shows when its data has come. */
async function settled(name) {
  const marks = {
    chat: "[data-starter=allowed]:enabled, [data-turn], [data-refusal]",
    decisions: "[data-row], [data-refusal]",
    now: "[data-chart]",
    audit: "[data-entry]",
    people: "[data-row]",
    keys: "[data-create]:enabled",
    upstreams: "main [data-row]",
    policies: "[data-rule]",
    posture: "[data-level]",
    access: "[data-who]",
    sessions: "[data-session]",
    limits: "[data-limit], main p",
  };
  await page.locator(marks[name]).first().waitFor();
}

const lastTurn = () => page.locator("[data-turn]").last();
const labelChoice = () => page.locator("[data-choice=label]");

/** Clicks a starter and waits until its turn is over. */
async function start(id) {
  const before = await page.locator("[data-turn]").count();
  await page.locator(`[data-starter=${id}]:enabled`).click();
  await page.locator("[data-turn]").nth(before).waitFor();
  return ended();
}

async function ask(text) {
  await page.locator("textarea").fill(text);
  await page.keyboard.press("Enter");
}

async function ended() {
  await page.waitForFunction(
    () => {
      const turns = [...document.querySelectorAll("[data-turn]")];
      return turns.length > 0 && turns.every((turn) => ["finished", "refused", "stopped", "failed"].includes(turn.dataset.turn));
    },
    undefined,
    { timeout: PATIENCE_MS },
  );
  return lastTurn().getAttribute("data-turn");
}

/** Waits until the newest answer has some text. */
async function begun(length = 12) {
  await page.waitForFunction((least) => ([...document.querySelectorAll("[data-answer]")].at(-1)?.textContent ?? "").length > least, length, {
    timeout: PATIENCE_MS,
  });
}

async function newChat() {
  await page.locator("[data-new]:visible").first().click();
  await page.locator("[data-starter=allowed]:enabled").waitFor();
}

async function speak(language) {
  await page.evaluate((chosen) => localStorage.setItem("schleuse.language", chosen), language);
  await page.reload();
  await page.locator(`html[lang=${language}]`).waitFor({ state: "attached" });
}

await step("the page opens with a policy that allows nothing inline and nothing foreign", async () => {
  const response = await page.goto(`${url}/`);
  assert.equal(response.status(), 200);
  const policy = response.headers()["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'self'/u);
  assert.doesNotMatch(policy, /unsafe-|\*/u);
  await page.locator("[data-role=employee]").waitFor();
  assert.equal(await page.locator("[data-role]").count(), 5);
  assert.equal(new URL(page.url()).pathname, "/sign-in");
});

await step("an employee signs in and sees four starters and a model; no key is anywhere in the page", async () => {
  await enter("employee");
  assert.equal(new URL(page.url()).pathname, "/chat");
  await page.locator("[data-starter]:enabled").nth(3).waitFor();
  assert.equal(await page.locator("[data-starter]").count(), 4);
  assert.notEqual(await page.locator("[data-choice=model]").inputValue(), "");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.doesNotMatch(kept, /s[ks]-/u);
});

await step("the allowed question streams an answer with model, label, route and request id", async () => {
  assert.equal(await start("allowed"), "finished");
  const turn = lastTurn();
  assert.ok((await turn.locator("[data-answer]").innerText()).trim().length > 0, "the answer is empty");
  assert.equal(await turn.locator("[data-action]").getAttribute("data-action"), "ALLOWED");
  assert.equal(await turn.locator("[data-label]").getAttribute("data-label"), "INTERNAL");
  assert.ok((await turn.locator("[data-model]").innerText()).length > 0);
  assert.ok((await turn.locator("[data-route]").innerText()).length > 0);
  assert.ok((await turn.locator("[data-request-id]").innerText()).length > 7);
  assert.match(await turn.locator("[data-tokens]").innerText(), /\d/u);
  assert.match(page.url(), /\/chat\/.+/u);
});

await step("the IBAN is refused, and exactly it is marked", async () => {
  assert.equal(await start("refused"), "refused");
  const turn = lastTurn();
  const card = turn.locator("[data-refusal]");
  assert.equal(await card.getAttribute("data-refusal"), "sensitive_data_detected");
  assert.match(await card.innerText(), /BLOCKED: Sensitive data detected/u);
  assert.ok((await card.locator("[data-request-id]").innerText()).length > 7);
  assert.deepEqual(await turn.locator("mark").allInnerTexts(), [IBAN]);
  await page.locator("[data-status]", { hasText: /Refused/u }).waitFor();
});

await step("the access key is redacted, and the refused message is not carried along", async () => {
  assert.equal(await start("redacted"), "finished");
  assert.equal(await lastTurn().locator("[data-action]").getAttribute("data-action"), "REDACTED");
  assert.ok((await lastTurn().locator("[data-meaning]").innerText()).length > 0);
});

await step("a reload keeps the history, refusals and marks included", async () => {
  const texts = () => page.locator("[data-question], [data-answer]").allInnerTexts();
  const before = await texts();
  await page.reload();
  await page.locator("[data-turn]").nth(2).waitFor();
  assert.deepEqual(await texts(), before);
  assert.deepEqual(await page.locator("mark").allInnerTexts(), [IBAN]);
  await picture(page, "conversation-en-light-1280", true);
});

await step("a conversation is renamed", async () => {
  const row = page.locator("[data-conversation]:visible").first();
  await row.locator("[data-options]").click();
  await row.locator("[data-rename]").click();
  await page.locator("dialog input").fill("About locks");
  await axe(page, "rename");
  await page.keyboard.press("Enter");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.match(await row.innerText(), /About locks/u);
  await page.reload();
  await page.locator("[data-conversation]", { hasText: "About locks" }).first().waitFor();
});

await step("VERTRAULICH raises the label, and the conversation keeps it", async () => {
  await newChat();
  assert.equal(await start("confidential"), "finished");
  assert.equal(await lastTurn().locator("[data-label]").getAttribute("data-label"), "CONFIDENTIAL");
  assert.equal(await labelChoice().inputValue(), "CONFIDENTIAL");
});

await step("SECRET goes nowhere", async () => {
  await labelChoice().selectOption("SECRET");
  await ask("What is a lock?");
  await lastTurn().locator("[data-refusal=no_permitted_route]").waitFor();
});

await step("Stop ends an answer in the middle and keeps what had arrived", async () => {
  await newChat();
  assert.equal(await labelChoice().inputValue(), "INTERNAL");
  await ask(LONG);
  await begun();
  await page.locator("[data-stop]").click();
  assert.equal(await ended(), "stopped");
  assert.ok((await lastTurn().locator("[data-answer]").innerText()).trim().length > 0);
  await page.locator("[data-send]").waitFor();
});

await step("an answer goes on while the page is reloaded, and comes once", async () => {
  await newChat();
  await ask(LONG);
  await begun();
  await page.reload();
  await begun(100);
  const partly = await lastTurn().locator("[data-answer]").innerText();
  await page.locator("[data-stop]").click();
  await ended();
  const whole = await lastTurn().locator("[data-answer]").innerText();
  assert.ok(whole.startsWith(partly.slice(0, 80)));
  await page.reload();
  await page.locator("[data-answer]").last().waitFor();
  await ended();
  assert.equal(await lastTurn().locator("[data-answer]").innerText(), whole);
});

await step("an answer goes on while another page is looked at", async () => {
  await newChat();
  await ask(LONG);
  await begun();
  await page.locator("[data-account]").click();
  await page.locator("[data-page=sessions]").click();
  await settled("sessions");
  await page.goBack();
  await begun(40);
  await page.locator("[data-stop]").click();
  assert.equal(await ended(), "stopped");
});

await step("an interrupted connection is resumed without loss", async () => {
  await newChat();
  let cut = 0;
  await page.route("**/api/chat/runs/*/events", async (route) => {
    cut += 1;
    if (cut > 1) await route.continue();
    else await route.fulfill({ headers: { "content-type": "text/event-stream" }, body: "" });
  });
  assert.equal(await start("allowed"), "finished");
  assert.ok(cut > 1, "there was no second connection");
  await page.unroute("**/api/chat/runs/*/events");
});

await step("a conversation is deleted", async () => {
  const count = await page.locator("[data-conversation]").count();
  const row = page.locator("[data-conversation]:visible").first();
  await row.locator("[data-options]").click();
  await row.locator("[data-delete]").click();
  await axe(page, "delete");
  await page.locator("[data-confirm]").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.waitForFunction((before) => document.querySelectorAll("[data-conversation]").length === before - 1, count);
  assert.equal(new URL(page.url()).pathname, "/chat");
});

// The models, folders and shares of the mock house are known; a real house has others.
if (house !== undefined) {
  await walkChat({ page, url, step, picture });
  await walkCare({ page, url, step, picture, other: (role) => enterBeside(role) });
  await walkComfort({ page, url, step, picture, faults });
  await walkLong({ page, url, step });
}

await step("Shift and Enter start a new line", async () => {
  await page.locator("textarea").fill("one");
  await page.locator("textarea").press("Shift+Enter");
  await page.keyboard.type("two");
  assert.equal(await page.locator("textarea").inputValue(), "one\ntwo");
  await page.locator("textarea").fill("");
});

await step("the handbook opens, finds a passage word for word and closes with Escape", async () => {
  await page.locator("[data-account]").click();
  await page.locator("[data-help]:visible").click();
  const drawer = page.locator("dialog");
  await drawer.waitFor();
  await axe(page, "handbook");
  await picture(page, "handbook-en-light-1280");
  await drawer.locator("input[type=search]").fill("gguf");
  assert.match((await drawer.locator("mark").allInnerTexts()).join(" "), /GGUF/u);
  await axe(page, "handbook search");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
});

await step("German is spoken everywhere, also by the gate, and kept", async () => {
  await page.locator("[data-account]").click();
  await page.locator("label:has([data-choose=language-de])").click();
  await page.locator("html[lang=de]").waitFor({ state: "attached" });
  await page.reload();
  await page.locator("html[lang=de]").waitFor({ state: "attached" });
  await newChat();
  assert.equal(await start("refused"), "refused");
  assert.match(await lastTurn().locator("[data-refusal]").innerText(), /Was Sie tun können/u);
  assert.deepEqual(await lastTurn().locator("mark").allInnerTexts(), [IBAN]);
  assert.match(await labelChoice().innerText(), /VERTRAULICH/u);
  await speak("en");
});

await step("the chosen light stays", async () => {
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const bright = await paper();
  await page.locator("[data-account]").click();
  await page.locator("label:has([data-choose=theme-dark])").click();
  assert.notEqual(await paper(), bright);
  await page.reload();
  await inside();
  assert.notEqual(await paper(), bright);
  await page.locator("[data-account]").click();
  await page.locator("label:has([data-choose=theme-system])").click();
  assert.equal(await paper(), bright);
});

await step("a session that ended leads to the sign-in, says so calmly, and comes back", async () => {
  await newChat();
  const before = new URL(page.url()).pathname;
  await page.locator("textarea").fill("half a question");
  await page.context().clearCookies();
  await page.locator("[data-starter=allowed]").click();
  await page.locator("[data-ended]").waitFor();
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  await axe(page, "ended");
  await picture(page, "ended-en-light-1280");
  await page.locator("[data-role=employee]").click();
  await inside();
  assert.equal(new URL(page.url()).pathname, before);
  await page.locator("textarea").waitFor();
  assert.notEqual(await page.locator("textarea").inputValue(), "");
  await page.locator("textarea").fill("");
});

await step("ending this session elsewhere ends the stream here", async () => {
  const other = await openPage(browser, url, faults);
  await other.goto(`${url}/`);
  await newChat();
  await ask(LONG);
  await begun();
  await enter("employee", other);
  await other.goto(`${url}/sessions`);
  await other.locator("[data-session]").first().waitFor();
  const elsewhere = other.locator("[data-session]", { hasNot: other.locator("[data-state=current]") });
  while ((await elsewhere.count()) > 0) {
    const count = await elsewhere.count();
    await elsewhere.first().locator("[data-end]").click();
    await other.locator("[data-confirm]").click();
    await other.locator("dialog").waitFor({ state: "detached" });
    await other.waitForFunction((before) => document.querySelectorAll("[data-session]").length === before, count);
  }
  await page.locator("[data-ended]").waitFor({ timeout: 1000 });
  await other.context().close();
  await page.locator("[data-role=employee]").click();
  await inside();
});

await step("sign-out ends the session in every tab", async () => {
  await visit("/chat");
  const tab = await page.context().newPage();
  await tab.goto(`${url}/chat`);
  await inside(tab);
  await leave();
  await tab.locator("[data-role=employee]").waitFor();
  assert.equal((await page.request.get(`${url}/auth/session`)).status(), 401);
  await tab.close();
});

for (const role of ROLES) {
  await step(`${role}: the navigation shows exactly the pages of the role`, async () => {
    await enter(role);
    const { pages } = await session();
    for (const name of [...HAS[role], "sessions", "limits"]) assert.ok(pages.includes(name), `${name} is missing`);
    for (const name of NEVER[role]) assert.ok(!pages.includes(name), `${name} should not be there`);
    await page.locator("[data-account]").click();
    const shown = await page.locator("[data-page]:visible").evaluateAll((links) => links.map(({ dataset }) => dataset.page));
    assert.deepEqual(new Set(shown), new Set(pages.filter((name) => name !== "chat")));
    assert.equal((await page.locator("[data-new]:visible").count()) > 0, pages.includes("chat"));
  });

  await step(`${role}: the pages of others are denied by their address, too`, async () => {
    const { pages } = await session();
    for (const name of PAGES.filter((candidate) => !pages.includes(candidate))) {
      await visit(`/${name}`);
      await page.locator(`[data-denied=${name}] [data-refusal=access_denied]`).waitFor();
      assert.equal(await page.locator("main [data-row], main [data-entry], main [data-chart], main textarea, main [data-rule]").count(), 0, name);
    }
  });

  await step(`${role}: each page shows its data`, async () => {
    const { pages } = await session();
    for (const name of pages) {
      await visit(`/${name}`);
      await settled(name);
      assert.equal(await page.locator("main [data-refusal]").count(), 0, name);
    }
  });
}

await step("security: a decision opens with its explanation, filters narrow, and the log verifies", async () => {
  await enter("security");
  await visit("/decisions");
  await page.locator("[data-live=on]").waitFor();
  await page.locator("[data-filters]").click();
  await page.locator("[data-filter=event]").selectOption("llm.refuse");
  await page.waitForURL(/event=llm\.refuse/u);
  await page.locator("[data-open]").first().click();
  await page.locator("[data-story]").waitFor();
  await axe(page, "one decision");
  await picture(page, "decision-en-light-1280");
  await page.locator("[data-story] a").click();
  await page.locator("main [data-story]").waitFor();
  await axe(page, "why refused");
  await picture(page, "why-en-light-1280");
  await visit("/decisions");
  await page.locator("[data-verify]").click();
  await page.locator("[data-verified=true]").waitFor({ timeout: PATIENCE_MS });
  await axe(page, "verified");
});

await step("security: what others ask appears while one looks", async () => {
  await visit("/decisions");
  await page.locator("[data-live=on]").waitFor();
  const first = await page.locator("[data-row]").first().getAttribute("data-row");
  const other = await openPage(browser, url, faults);
  await other.goto(`${url}/`);
  await enter("employee", other);
  await other.locator("[data-starter=refused]:enabled").click();
  await page.waitForFunction((before) => document.querySelector("[data-row]")?.dataset.row !== before, first);
  await other.context().close();
});

await step("auditor: an entry opens, its proof is recomputed in the browser, and the log can be taken along", async () => {
  await enter("auditor");
  await visit("/audit");
  await page.locator("[data-toggle]").first().click();
  await page.locator("[data-entry] [data-code]").first().waitFor();
  await page.locator("[data-prove]").nth(1).click();
  await page.locator("[data-recomputed=true]").waitFor();
  await axe(page, "proof");
  await picture(page, "proof-en-light-1280");
  const [proof] = await Promise.all([page.waitForEvent("download"), page.locator("[data-download-proof]").click()]);
  assert.match(proof.suggestedFilename(), /^entry-\d+\.tlog-proof$/u);
  await page.keyboard.press("Escape");
  const [log] = await Promise.all([page.waitForEvent("download"), page.locator("[data-export=jsonl]").click()]);
  assert.equal(await log.failure(), null);
  await page.locator("[data-verify]").click();
  await page.locator("[data-verified=true]").waitFor({ timeout: PATIENCE_MS });
});

await step("admin: a person is added, blocked with a warning, and let in again", async () => {
  await enter("admin");
  await visit("/people");
  await page.locator("[data-create]:enabled").click();
  const name = `Test Person ${Date.now() % 100_000}`;
  await page.locator("[data-name]").fill(name);
  await axe(page, "add a person");
  await picture(page, "person-en-light-1280");
  await page.locator("[data-confirm]").click();
  const row = page.locator("[data-row]", { hasText: name });
  await row.waitFor();
  for (const state of ["blocked", "active"]) {
    await row.locator("[data-block]").click();
    if (state === "blocked") await picture(page, "block-en-light-1280");
    await axe(page, state);
    await page.locator("[data-confirm]").click();
    await row.locator(`[data-state=${state}]`).waitFor();
  }
  await row.locator("[data-sessions]").click();
  await page.locator("dialog").waitFor();
  await axe(page, "sessions of a person");
  await page.keyboard.press("Escape");
});

await step("admin: a key is shown once, signs in, and no longer when withdrawn", async () => {
  await visit("/keys");
  await page.locator("[data-create]:enabled").click();
  await axe(page, "create a key");
  await picture(page, "key-en-light-1280");
  await page.locator("dialog [data-confirm]").click();
  const shown = page.locator("[data-new-key] code");
  await shown.waitFor();
  await axe(page, "the new key");
  const key = await shown.innerText();
  assert.match(key, /^sk-/u);
  await page.keyboard.press("Escape");
  assert.ok(await shown.isVisible(), "the key must not vanish by accident");
  await page.locator("dialog [data-confirm]").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.doesNotMatch(await page.locator("body").innerText(), new RegExp(key.slice(0, 20), "u"));
  await page.locator("[data-revoke]").first().click();
  await page.locator("[data-confirm]").click();
  await page.locator("[data-state=revoked]").first().waitFor();
});

await step("admin: a model server is taken out of use and used again", async () => {
  await visit("/upstreams");
  for (const states of [1, 0]) {
    await page.locator("[data-drain] >> visible=true").first().click();
    await page.locator("dialog [data-confirm]").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.waitForFunction((count) => document.querySelectorAll("[data-state=draining]").length === count, states);
  }
});

await step("admin: who may what is answered for oneself", async () => {
  await visit("/access");
  await page.locator("[data-me]").click();
  await page.locator("main [data-row]").first().waitFor();
  await axe(page, "access");
  await picture(page, "access-answer-en-light-1280", true);
});

await step("a mistyped address is answered kindly", async () => {
  await visit("/nowhere/at/all");
  await page.locator("[data-lost] a").first().waitFor();
  await axe(page, "lost");
});

await step("a list of models that is refused is a refusal, not an empty page", async () => {
  const error = { code: "access_denied", type: "policy_violation", message: "No models.", next: "Ask.", findings: [] };
  await page.route("**/v1/models", (route) => route.fulfill({ status: 403, json: { error } }));
  await visit("/chat");
  await page.locator("[data-refusal=access_denied]").waitFor();
  assert.equal(await page.locator("textarea").count(), 0);
  await axe(page, "refused list");
  await page.unroute("**/v1/models");
});

await step("a house without a model says how to connect one", async () => {
  await page.route("**/v1/models", (route) => route.fulfill({ json: { object: "list", data: [] } }));
  await visit("/chat");
  await page.locator("[data-hint]").click();
  await page.locator("dialog").waitFor();
  await page.waitForFunction(() => document.activeElement?.id === "handbook-model");
  await page.keyboard.press("Escape");
  await page.unroute("**/v1/models");
});

await step("a house that is gone is said so", async () => {
  await visit("/chat");
  await page.locator("[data-starter=allowed]:enabled").waitFor();
  await page.route("**/api/chat/**", (route) => route.abort());
  const noted = faults.length;
  await page.locator("[data-starter=allowed]").click();
  await page.locator("[data-refusal=house_unreachable]").waitFor();
  faults.splice(noted, faults.length, ...faults.slice(noted).filter((fault) => !/ERR_FAILED/u.test(fault)));
  await page.unroute("**/api/chat/**");
});

await step("other ways in: providers, a directory and a key, and what went wrong there", async () => {
  await leave();
  const methods = [
    { id: "hauskonto", kind: "oidc", name: "Hauskonto" },
    { id: "partner", kind: "oidc", name: "Partner" },
    { id: "verzeichnis", kind: "ldap", name: "Verzeichnis" },
    { kind: "key" },
  ];
  await page.route("**/auth/methods", (route) => route.fulfill({ json: { methods } }));
  await page.goto(`${url}/sign-in?refused=sign_in_failed&request_id=req_0123456789&return=/limits`);
  await page.locator("[data-refusal=sign_in_failed]").waitFor();
  assert.match(await page.locator("[data-provider=hauskonto]").getAttribute("href"), /^\/auth\/oidc\/hauskonto\/start\?return=%2Flimits$/u);
  assert.equal(await page.locator("[data-role]").count(), 0);
  await axe(page, "providers");
  await picture(page, "providers-en-light-1280", true);
  await page.locator("[data-with-key]").click();
  await page.locator("[data-key-form] input").fill("sk-wrong");
  await page.keyboard.press("Enter");
  await page.locator("[data-refusal=invalid_api_key]").waitFor();
  assert.equal(await page.locator("[data-key-form] input").inputValue(), "");
  await page.unroute("**/auth/methods");
  for (const elsewhere of ["//elsewhere.invalid", "https://elsewhere.invalid/", "/\\elsewhere.invalid", "javascript:alert(1)"]) {
    await page.goto(`${url}/sign-in?return=${encodeURIComponent(elsewhere)}`);
    await page.locator("[data-role=employee]").click();
    await inside();
    assert.equal(new URL(page.url()).origin, url);
    await leave();
  }
});

await step("the keyboard alone signs in, asks, stops, walks the list and signs out", async () => {
  await page.goto(`${url}/sign-in`);
  await page.locator("[data-role=employee]").waitFor();
  const tabTo = async (selector) => {
    for (let count = 0; count < 60; count += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    }
    assert.fail(`Tab does not reach ${selector}`);
  };
  await tabTo("[data-role=employee]");
  assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "solid", "the focus is not visible");
  await page.keyboard.press("Enter");
  await page.locator("[data-starter=allowed]:enabled").waitFor();
  await page.reload();
  await page.locator("[data-starter=allowed]:enabled").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("href")), "#main", "the first stop is not the skip link");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await tabTo("textarea");
  await page.keyboard.type("Write a long story about a lock keeper, in many chapters, and let the water rise and fall as often as you like.");
  await page.keyboard.press("Enter");
  await page.locator("[data-stop]").waitFor();
  // The new conversation gets its address first, and the focus with it; a person sees words before stopping them.
  await page.waitForURL(/\/chat\/.+/u);
  await begun();
  await tabTo("[data-stop]");
  await page.keyboard.press("Enter");
  assert.match(await ended(), /stopped|finished/u);
  await page.locator("[data-conversation] a").first().focus();
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.evaluate(() => document.activeElement?.matches("[data-conversation]:nth-child(2) a, [data-conversation] a")));
  await page.locator("[data-account]").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("[data-account]").getAttribute("aria-expanded"), "false");
  assert.ok(await page.evaluate(() => document.activeElement?.hasAttribute("data-account")), "the focus did not come back");
  await page.keyboard.press("Enter");
  await page.locator("[data-leave]").focus();
  await page.keyboard.press("Enter");
  await page.locator("[data-role=employee]").waitFor();
});

/** Which role visits which page in the gallery. */
const GALLERY = [
  ["employee", ["starters", "answers", "chat", "sessions", "limits", "denied"]],
  ["security", ["decisions", "access"]],
  ["admin", ["now", "people", "keys", "upstreams", "policies", "posture", "nowhere"]],
  ["auditor", ["audit"]],
];
const SHOWN = ["sign-in", ...GALLERY.flatMap(([, names]) => names)];
const LOOKS = [
  ["en", "light"],
  ["en", "dark"],
  ["de", "light"],
  ["de", "dark"],
];

/** With pictures a page is looked at in all looks; without, in two that differ in language and in light, the other two for the next page. */
const isLookedAt = (name, look) => Boolean(folder) || ((look === 0 || look === 3) === (SHOWN.indexOf(name) % 2 === 0));

/** Leads to one page of the gallery, with something to see on it. */
async function show(name) {
  if (name === "starters") await newChat();
  else if (name === "answers") {
    await newChat();
    await start("redacted");
    await start("refused");
  } else if (name === "denied") {
    await visit("/people");
    await page.locator("[data-denied] [data-refusal]").waitFor();
  } else {
    await visit(`/${name}`);
    if (name !== "nowhere") await settled(name);
  }
}

/** Sets window, language and light, and leaves whoever is in. */
async function dress([language, colorScheme], width = 1440, height = 900) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height });
  await leave();
  await speak(language);
  await page.locator("[data-role=employee]").waitFor();
}

/** Shows the pages that are chosen, and looks at each. */
async function stroll(isChosen, look) {
  if (isChosen("sign-in")) await look("sign-in");
  for (const [role, names] of GALLERY) {
    const chosen = names.filter(isChosen);
    if (chosen.length === 0) continue;
    await enter(role);
    for (const name of chosen) {
      await show(name);
      await look(name);
    }
    await leave();
  }
}

/** Everything that is asked of what is on the screen. */
async function judge(name) {
  await axe(page, name);
  await structure(page, name);
  await fits(page, name);
  const speaksGerman = (await page.locator("html").getAttribute("lang")) === "de";
  // A house of one's own may have names that are English words; in the full walk somebody looks at what is found.
  if (speaksGerman && (house !== undefined || folder)) await german(page, name);
  await picture(page, name, true);
}

for (const [number, look] of LOOKS.entries()) {
  await step(`${folder ? "every" : "every second"} page in ${look.join("-")}: axe finds nothing, nothing is cut off, covered or foreign at 1440 and 360 px`, async () => {
    await dress(look);
    await stroll(
      (name) => isLookedAt(name, number),
      async (name) => {
        for (const [width, height] of [[360, 780], [1440, 900]]) {
          await page.setViewportSize({ width, height });
          await judge(`${name}-${look.join("-")}-${width}`);
        }
      },
    );
  });
}

await step(`${folder ? "every page" : "a page"} without colours of its own still shows what is what`, async () => {
  await dress(["en", "light"], 1280, 860);
  await page.emulateMedia({ colorScheme: "light", forcedColors: "active" });
  await stroll(
    (name) => Boolean(folder) || name === "now",
    (name) => judge(`${name}-en-forced-1280`),
  );
  await page.emulateMedia({ forcedColors: "none" });
});

await step(`${folder ? "every page" : "three pages"} at 400 % zoom, where the window is 320 px wide and 256 px high`, async () => {
  await dress(["de", "light"]);
  await stroll(
    (name) => Boolean(folder) || ["starters", "now", "people"].includes(name),
    async (name) => {
      await page.setViewportSize({ width: 320, height: 256 });
      await judge(`${name}-de-light-320`);
      await page.setViewportSize({ width: 1440, height: 900 });
    },
  );
});

/** What opens over or on a page: the role, its page, what is to be clicked one after the other, and what stands there then. */
const OPENED = [
  ["sign-in-key", undefined, "/sign-in", ["[data-with-key]"], "[data-key-form]"],
  ["sign-in-failed", undefined, "/sign-in?refused=sign_in_failed&request_id=req_0123456789", [], "[data-refusal]"],
  ["handbook", undefined, "/sign-in", ["[data-help]"], "dialog h3"],
  ["rename", "employee", "/chat", ["[data-options]", "[data-rename]"], "dialog input"],
  ["delete", "employee", "/chat", ["[data-options]", "[data-delete]"], "dialog [data-confirm]"],
  ["end-session", "employee", "/sessions", ["[data-end]"], "dialog [data-confirm]"],
  ["filters", "security", "/decisions", ["[data-filters]"], "[data-filter=event]"],
  ["decision", "security", "/decisions?event=llm.refuse", ["[data-open]"], "dialog [data-story]"],
  ["why", "security", "/decisions?event=llm.refuse", ["[data-open]", "dialog [data-story] a"], "main [data-story]"],
  ["verified", "security", "/decisions", ["[data-verify]"], "[data-verified=true]"],
  ["access-answer", "admin", "/access", ["[data-me]"], "main [data-row]"],
  ["person", "admin", "/people", ["[data-create]:enabled"], "dialog [data-name]"],
  ["edit-person", "admin", "/people", ["[data-edit]"], "dialog [data-person-role]"],
  ["block", "admin", "/people", ["[data-block]"], "dialog [data-confirm]"],
  ["person-sessions", "admin", "/people", ["[data-sessions]"], "dialog"],
  ["key", "admin", "/keys", ["[data-create]:enabled"], "dialog [data-confirm]"],
  ["new-key", "admin", "/keys", ["[data-create]:enabled", "dialog [data-confirm]"], "dialog [data-new-key]"],
  ["revoke", "admin", "/keys", ["[data-revoke]"], "dialog [data-confirm]"],
  ["drain", "admin", "/upstreams", ["[data-drain]"], "dialog [data-confirm]"],
  ["chart-table", "admin", "/now", ["main summary"], "details[open]"],
  ["entry", "auditor", "/audit", ["[data-toggle]"], "[data-entry] [data-code]"],
  ["proof", "auditor", "/audit", ["[data-prove]"], "dialog [data-recomputed=true]"],
];

async function opened([, role, path, clicks, mark], entered) {
  if (role !== entered) await (role === undefined ? leave() : enter(role));
  await page.goto(`${url}${path}`);
  await page.locator("main h1").first().waitFor({ state: "attached" });
  if (path === "/chat") {
    // The list of conversations is behind the menu where it is narrow.
    await page.locator("[data-starter=allowed]:enabled").waitFor();
    if (await page.locator("[data-menu]").isVisible()) await page.locator("[data-menu]").click();
  }
  for (const selector of clicks) await page.locator(`${selector} >> visible=true`).first().click();
  await page.locator(mark).first().waitFor({ timeout: PATIENCE_MS });
}

/** These look at what the page does with the mock house's answers; a real house has others, and needs its time for what comes before. */
const wellKnown = house === undefined && !folder ? async () => undefined : step;

for (const [number, [language, colorScheme, width, height]] of [["de", "light", 360, 780], ["en", "dark", 1440, 900]].entries()) {
  const look = `${language}-${colorScheme}-${width}`;
  await wellKnown(`${folder ? "everything" : "every second thing"} that opens, in ${look}: axe finds nothing, nothing is cut off, covered or foreign`, async () => {
    await dress([language, colorScheme], width, height);
    let entered;
    for (const one of OPENED.filter((_, index) => Boolean(folder) || index % 2 === number)) {
      await opened(one, entered);
      [, entered] = one;
      await judge(`open-${one[0]}-${look}`);
    }
    await leave();
  });
}

await wellKnown("whatever closes gives the focus back to where it was", async () => {
  await dress(["en", "light"], 1280, 860);
  let entered;
  const focused = () => page.evaluate(() => document.activeElement?.matches("[data-opener]"));
  const ways = ["Escape", "[data-close]", "button:text-is('Cancel')"];
  for (const [number, one] of OPENED.filter(([name, , , , mark]) => mark.startsWith("dialog") && name !== "new-key").entries()) {
    for (const way of folder ? ways : [ways[number % ways.length]]) {
      await opened([...one.slice(0, 3), one[3].slice(0, -1), "main h1"], entered);
      [, entered] = one;
      await page.locator(`${one[3].at(-1)} >> visible=true`).first().click();
      await page.locator(one[4]).first().waitFor();
      const opener = one[0] === "rename" || one[0] === "delete" ? "[data-options]" : one[3].at(-1);
      await page.locator(`${opener} >> visible=true`).first().evaluate((element) => element.setAttribute("data-opener", ""));
      if (way === "Escape") await page.keyboard.press("Escape");
      else if ((await page.locator(`dialog ${way}`).count()) > 0) await page.locator(`dialog ${way}`).click();
      else await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
      assert.ok(await focused(), `${one[0]} by ${way}: the focus is at ${await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120))}`);
    }
  }
  // What is gone cannot have it back; then the heading has it.
  await enter("admin");
  await visit("/keys");
  await page.locator("[data-revoke]").first().click();
  await page.locator("dialog [data-confirm]").click();
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
  await page.locator("[data-status]", { hasText: /./u }).waitFor();
  await leave();
});

await wellKnown("on every page the first stop is a link to the content", async () => {
  for (const [role, names] of GALLERY) {
    await enter(role);
    for (const name of names.filter((one) => PAGES.includes(one))) {
      await visit(`/${name}`);
      await settled(name);
      // A fresh page has its focus nowhere, so that Tab leads to what stands first.
      await page.evaluate(() => document.activeElement?.blur?.());
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("href")), "#main", name);
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement?.id), "main", name);
    }
    await leave();
  }
});

await step("the menu of a narrow window shows everything and fits", async () => {
  await dress(["de", "light"], 360, 780);
  await enter("admin");
  await page.locator("[data-menu]").click();
  await judge("menu-de-light-360");
  await page.locator("[data-account]:visible").click();
  await judge("account-de-light-360");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
});

await browser.close();
house?.server.closeAllConnections();
house?.server.close();
console.log(`${result.passed} passed, ${result.failed} failed`);
process.exitCode = result.failed > 0 ? 1 : 0;
