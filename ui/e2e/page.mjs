// Walks through the page of a running demo house in Chromium, as a person would.
//   node e2e/page.mjs [URL|mock] [SCREENSHOT-FOLDER]
// Without a URL, or with `mock` for it, the built page is served in front of the mock house. Exits 1 if anything is wrong.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address = "mock", pictures] = process.argv.slice(2);
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const IBAN = ["DE89", "3704", "0044", "0532", "0130", "00"].join(" ");

const house = address !== "mock" ? undefined : await (await import("../testing/serve.mjs")).serve();
const url = new URL(house?.url ?? address).origin;
/** A small model on a busy machine may take its time. */
const PATIENCE_MS = house ? 10_000 : 90_000;
const profile = mkdtempSync(join(tmpdir(), "schleuse-page-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  locale: "en-GB",
  viewport: { width: 1280, height: 860 },
  bypassCSP: false,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(15_000);
const faults = [];
const refusalsExpected = /status of (?:401|403|404)/u;
page.on("request", (request) => {
  const target = new URL(request.url());
  if (target.origin !== url && !["data:", "blob:"].includes(target.protocol)) faults.push(`a request left the house: ${target.href}`);
});
page.on("console", (message) => {
  // Chromium itself logs every answer that is not 2xx; refusals are what is tested here.
  if (message.type() === "error" && !refusalsExpected.test(message.text())) faults.push(`console: ${message.text()}`);
});
page.on("pageerror", (error) => faults.push(`page error: ${error.message}`));
await page.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
  });
});

let passed = 0;
let failed = 0;

async function step(name, body) {
  const before = faults.length;
  try {
    await body();
    assert.deepEqual(faults.slice(before), []);
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${String(error.message).split("\n").join("\n        ")}`);
    await picture(`failed-${failed}`);
  }
}

async function picture(name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** No violation of WCAG 2.2 A and AA or of axe's best practices. */
async function axe(name) {
  // Evaluated through the debugger, which the page's content security policy does not bind.
  await page.evaluate(`${AXE};undefined`);
  const violations = await page.evaluate(async () => {
    // Colours that are still on their way from one scheme to the other have no contrast of their own.
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const moving = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.allSettled(moving.map((transition) => transition.finished));
    const { violations: found } = await globalThis.axe.run(document);
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  });
  assert.deepEqual(violations, [], name);
}

async function enter(role) {
  const leave = page.locator("[data-leave]");
  if (await leave.isVisible()) await leave.click();
  await page.locator(`[data-role=${role}]`).click();
  await page.locator("[data-leave]").waitFor();
}

const lastTurn = () => page.locator("[data-turn]").last();

/** Clicks a starter and waits until its turn is over. */
async function start(id) {
  const before = await page.locator("[data-turn]").count();
  await page.locator(`[data-starter=${id}]`).click();
  await page.locator("[data-turn]").nth(before).waitFor();
  return ended();
}

/** Clicks a starter and stops its answer as soon as there is one. */
async function startBriefly(id) {
  await page.locator(`[data-starter=${id}]`).click();
  await page.waitForFunction(() => ([...document.querySelectorAll("[data-answer]")].at(-1)?.textContent ?? "") !== "", undefined, {
    timeout: PATIENCE_MS,
  });
  // A short answer may be complete before the click.
  await page.locator("[data-stop]").click({ timeout: 1000 }).catch(() => undefined);
  return ended();
}

async function ended() {
  const over = page.locator("[data-turn=finished], [data-turn=refused], [data-turn=stopped]");
  const count = await page.locator("[data-turn]").count();
  await page.waitForFunction(
    (wanted) => document.querySelectorAll("[data-turn=finished],[data-turn=refused],[data-turn=stopped]").length === wanted,
    count,
    { timeout: PATIENCE_MS },
  );
  return over.last().getAttribute("data-turn");
}

async function speak(language) {
  if ((await page.locator("html").getAttribute("lang")) !== language) await page.locator("[data-language]").click();
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
  await picture("sign-in");
});

await step("an employee signs in and sees four starters and a model", async () => {
  await enter("employee");
  await page.locator("[data-starter]").nth(3).waitFor();
  assert.equal(await page.locator("[data-starter]").count(), 4);
  await page.waitForFunction(() => [...document.querySelectorAll("select")].at(-1)?.value !== "");
  await picture("starters");
});

await step("the allowed question streams an answer with model, label, route and request id", async () => {
  assert.equal(await start("allowed"), "finished");
  const turn = lastTurn();
  assert.ok((await turn.locator("[data-answer]").innerText()).trim().length > 0, "the answer is empty");
  assert.equal(await turn.locator("[data-action]").getAttribute("data-action"), "ALLOWED");
  assert.equal(await turn.locator("[data-label]").getAttribute("data-label"), "INTERNAL");
  assert.ok((await turn.locator("[data-route]").innerText()).length > 0);
  assert.ok((await turn.locator("[data-request-id]").innerText()).length > 7);
  assert.match(await turn.locator("[data-tokens]").innerText(), /\d/u);
  await picture("answer");
});

await step("the IBAN is refused, and exactly it is marked", async () => {
  assert.equal(await start("refused"), "refused");
  const turn = lastTurn();
  const card = turn.locator("[data-refusal]");
  assert.equal(await card.getAttribute("data-refusal"), "sensitive_data_detected");
  assert.match(await card.innerText(), /BLOCKED: Sensitive data detected/u);
  assert.ok((await card.locator("[data-request-id]").innerText()).length > 7);
  assert.deepEqual(await turn.locator("mark").allInnerTexts(), [IBAN]);
  assert.match(await page.locator("[data-status]").innerText(), /Refused/u);
  await picture("refusal");
});

await step("the access key is redacted, and the refused message is not carried along", async () => {
  assert.equal(await start("redacted"), "finished");
  assert.equal(await lastTurn().locator("[data-action]").getAttribute("data-action"), "REDACTED");
  assert.ok((await lastTurn().locator("[data-meaning]").innerText()).length > 0);
  await picture("redacted");
});

await step("VERTRAULICH raises the label, and the conversation keeps it", async () => {
  await page.locator("[data-new]").click();
  assert.equal(await start("confidential"), "finished");
  assert.equal(await lastTurn().locator("[data-label]").getAttribute("data-label"), "CONFIDENTIAL");
  assert.equal(await page.locator("select").first().inputValue(), "CONFIDENTIAL");
  await picture("confidential");
});

await step("SECRET goes nowhere", async () => {
  await page.locator("select").first().selectOption("SECRET");
  await page.locator("textarea").fill("What is a lock?");
  await page.keyboard.press("Enter");
  await lastTurn().locator("[data-refusal=no_permitted_route]").waitFor();
});

await step("Stop ends an answer in the middle and keeps what had arrived", async () => {
  await page.locator("[data-new]").click();
  assert.equal(await page.locator("select").first().inputValue(), "INTERNAL");
  await page.locator("textarea").fill("Write a long story about a lock keeper, in many chapters.");
  await page.locator("[data-send]").click();
  await page.waitForFunction(() => ([...document.querySelectorAll("[data-answer]")].at(-1)?.textContent ?? "").length > 12, undefined, {
    timeout: PATIENCE_MS,
  });
  await page.locator("[data-stop]").click();
  assert.equal(await ended(), "stopped");
  assert.ok((await lastTurn().locator("[data-answer]").innerText()).trim().length > 0);
  await page.locator("[data-send]").waitFor();
});

await step("Shift and Enter start a new line", async () => {
  await page.locator("textarea").fill("one");
  await page.locator("textarea").press("Shift+Enter");
  await page.keyboard.type("two");
  assert.equal(await page.locator("textarea").inputValue(), "one\ntwo");
  await page.locator("textarea").fill("");
});

await step("the handbook opens, finds a passage word for word and closes with Escape", async () => {
  await page.locator("[data-help]").click();
  const drawer = page.locator("dialog");
  await drawer.waitFor();
  await axe("handbook");
  await picture("handbook");
  await drawer.locator("input[type=search]").fill("gguf");
  assert.match((await drawer.locator("mark").allInnerTexts()).join(" "), /GGUF/u);
  await axe("handbook search");
  await picture("handbook-search");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
});

await step("German is spoken everywhere, also by the gate, and kept", async () => {
  await speak("de");
  await page.reload();
  await page.locator("html[lang=de]").waitFor({ state: "attached" });
  assert.equal(await start("refused"), "refused");
  const card = lastTurn().locator("[data-refusal]");
  assert.match(await card.innerText(), /Was Sie tun können/u);
  assert.deepEqual(await lastTurn().locator("mark").allInnerTexts(), [IBAN]);
  assert.match(await page.locator("select").first().innerText(), /VERTRAULICH/u);
  await picture("refusal-de");
});

await step("the auditor is denied", async () => {
  await enter("auditor");
  const ready = page.locator("[data-starter=allowed]:enabled, [data-refusal]");
  await ready.first().waitFor();
  if ((await page.locator("[data-refusal]").count()) === 0) await start("allowed");
  await page.locator("[data-refusal=access_denied]").first().waitFor();
  await axe("denied");
  await picture("auditor-de");
});

await step("a list of models that is refused is a refusal, not an empty page", async () => {
  const error = { code: "access_denied", type: "policy_violation", message: "Keine Modelle.", next: "Fragen.", findings: [] };
  await page.route("**/v1/models", (route) => route.fulfill({ status: 403, json: { error } }));
  await page.reload();
  await page.locator("[data-refusal=access_denied]").waitFor();
  assert.equal(await page.locator("textarea").count(), 0);
  await axe("refused list");
  await page.unroute("**/v1/models");
});

await step("a house that is gone is said so", async () => {
  await enter("employee");
  await page.route("**/v1/chat/completions", (route) => route.abort());
  faults.push = (fault) => (/ERR_FAILED/u.test(fault) ? faults.length : Array.prototype.push.call(faults, fault));
  await page.locator("[data-starter=allowed]").click();
  await lastTurn().locator("[data-refusal=house_unreachable]").waitFor();
  await page.unroute("**/v1/chat/completions");
});

await step("an answer that breaks is told from one that ends", async () => {
  const head = { "content-type": "text/event-stream", "x-schleuse-request-id": "req_broken" };
  const begun = 'data: {"choices":[{"index":0,"delta":{"content":"It begins"}}]}\n\n';
  const refused = 'event: error\ndata: {"error":{"code":"upstream_failed","message":"gone","next":"again","findings":[]}}\n\n';
  for (const [rest, code] of [
    ["", "answer_broken"],
    [refused, "upstream_failed"],
  ]) {
    await page.route("**/v1/chat/completions", (route) => route.fulfill({ headers: head, body: begun + rest }), { times: 1 });
    await page.locator("[data-starter=allowed]").click();
    await lastTurn().locator(`[data-refusal=${code}]`).waitFor();
    assert.equal(await lastTurn().locator("[data-answer]").innerText(), "It begins");
  }
});

await step("a house that is no demo asks for a key, and a wrong one leads back", async () => {
  const { key } = await page.evaluate(() => JSON.parse(sessionStorage.getItem("schleuse.session")));
  await page.route("**/house.json", (route) =>
    route.fulfill({ json: { name: "Haus am Kanal", demo: false, roles: [], engine: null } }),
  );
  await page.locator("[data-leave]").click();
  await page.reload();
  const field = page.locator("input[type=password]");
  await field.waitFor();
  assert.equal(await page.locator("[data-role]").count(), 0);
  await axe("key");
  await picture("key");
  await field.fill("sk-wrong");
  await page.keyboard.press("Enter");
  await page.locator("[data-refusal=invalid_api_key]").waitFor();
  await field.fill(key);
  await page.keyboard.press("Enter");
  await page.locator("[data-starter=allowed]:enabled").waitFor();
  await page.unroute("**/house.json");
});

await step("a house without a model says how to connect one", async () => {
  await page.route("**/v1/models", (route) => route.fulfill({ json: { object: "list", data: [] } }));
  await page.reload();
  const more = page.locator("main section button").first();
  await more.waitFor();
  assert.ok(await page.locator("textarea").isDisabled());
  await picture("no-model");
  await more.click();
  await page.locator("dialog").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "handbook-model");
  await page.keyboard.press("Escape");
  await page.unroute("**/v1/models");
  await page.reload();
});

for (const language of ["en", "de"]) {
  for (const colorScheme of ["light", "dark"]) {
    await step(`no axe violation: ${language}, ${colorScheme}`, async () => {
      await page.emulateMedia({ colorScheme });
      await speak(language);
      if (await page.locator("[data-leave]").isVisible()) await page.locator("[data-leave]").click();
      await page.locator("[data-role=employee]").waitFor();
      await axe("sign in");
      await picture(`sign-in-${language}-${colorScheme}`);
      await enter("employee");
      await page.locator("[data-starter=allowed]:enabled").waitFor();
      await axe("starters");
      await picture(`starters-${language}-${colorScheme}`);
      await startBriefly("redacted");
      await start("refused");
      await axe("answers");
      await picture(`answers-${language}-${colorScheme}`);
    });
  }
}

for (const width of [390, 320]) {
  await step(`nothing is cut off at ${width} px`, async () => {
    await page.emulateMedia({ colorScheme: width === 320 ? "dark" : "light" });
    await page.setViewportSize({ width, height: 780 });
    await speak(width === 320 ? "de" : "en");
    const fits = async (name) => {
      const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(excess, 0, `${name} is ${excess} px too wide`);
    };
    await fits("the conversation");
    await picture(`answers-${width}`);
    await page.locator("[data-help]").click();
    await fits("the handbook");
    await picture(`handbook-${width}`);
    await page.keyboard.press("Escape");
    await page.locator("[data-leave]").click();
    await page.locator("[data-role=employee]").waitFor();
    await fits("the sign-in");
    await picture(`sign-in-${width}`);
    await enter("employee");
    await page.locator("[data-starter=allowed]:enabled").waitFor();
    await fits("the starters");
    await axe("starters");
    await picture(`starters-${width}`);
  });
}

await step("the keyboard alone signs in, asks and stops", async () => {
  await page.setViewportSize({ width: 1280, height: 860 });
  await speak("en");
  await page.locator("[data-leave]").click();
  await page.locator("[data-role=employee]").waitFor();
  await page.reload();
  await page.locator("[data-role=employee]").waitFor();
  const tabTo = async (selector) => {
    for (let count = 0; count < 40; count += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    }
    assert.fail(`Tab does not reach ${selector}`);
  };
  await tabTo("[data-role=employee]");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is not visible");
  await page.keyboard.press("Enter");
  await page.locator("[data-starter=allowed]:enabled").waitFor();
  await tabTo("textarea");
  await page.keyboard.type("Write a long story about a lock keeper, in many chapters.");
  await page.keyboard.press("Enter");
  await page.locator("[data-stop]").waitFor();
  await tabTo("[data-stop]");
  await page.keyboard.press("Enter");
  assert.match(await ended(), /stopped|finished/u);
});

await context.close();
rmSync(profile, { recursive: true, force: true });
house?.server.closeAllConnections();
house?.server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
