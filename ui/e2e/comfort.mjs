// Walks through what makes the chat comfortable, in front of the mock house: thumbs, documents, prompts, assistants.
// Part of `page.mjs`; alone: node e2e/comfort.mjs [SCREENSHOT-FOLDER] [WORDS OF A STEP]
import assert from "node:assert/strict";
import { axe, fits, launch, openPage, photographer, stepper, structure } from "./browser.mjs";
import { german } from "./english.mjs";

/** Wide and narrow, both languages, both lights, 400 % zoom. */
const LOOKS = [
  ["de", "light", 360, 780],
  ["en", "dark", 360, 780],
  ["de", "dark", 1280, 860],
  ["de", "light", 320, 256],
  ["en", "light", 1280, 860],
];

/** Walks as somebody who is signed in as an employee and speaks English; leaves them so. */
export async function walkComfort({ page, url, step, picture }) {
  const lastTurn = () => page.locator("[data-turn]").last();
  const newChat = async () => {
    await page.goto(`${url}/chat`);
    await page.locator("[data-starter=allowed]:enabled").waitFor();
  };
  const ended = () =>
    page.waitForFunction(() => {
      const turns = [...document.querySelectorAll("[data-turn]")];
      return turns.length > 0 && turns.every((turn) => ["finished", "refused", "stopped", "failed"].includes(turn.dataset.turn));
    });
  const ask = async (text) => {
    await page.locator("main textarea").last().fill(text);
    await page.keyboard.press("Enter");
    await page.locator("[data-question]", { hasText: text.slice(0, 40) }).last().waitFor();
    await ended();
  };
  const judge = async (name, target = page) => {
    await axe(target, name);
    await structure(target, name);
    await fits(target, name);
    if ((await target.locator("html").getAttribute("lang")) === "de") await german(target, name);
    await picture(target, name, true);
  };
  /** Looks at what is shown in every look, and without colours of its own. */
  const lookAt = async (name, ready, target = page) => {
    for (const [language, colorScheme, width, height] of LOOKS) {
      await target.emulateMedia({ colorScheme });
      await target.setViewportSize({ width, height });
      await target.evaluate((chosen) => localStorage.setItem("schleuse.language", chosen), language);
      await target.reload();
      await target.locator(`html[lang=${language}]`).waitFor({ state: "attached" });
      await ready();
      await judge(`${name}-${language}-${colorScheme}-${width}`, target);
    }
    await target.emulateMedia({ forcedColors: "active" });
    await judge(`${name}-en-forced-1280`, target);
    await target.emulateMedia({ forcedColors: "none" });
  };
  const openPrompts = async () => {
    if (await page.locator("[data-menu]").isVisible()) await page.locator("[data-menu]").click();
    await page.locator("[data-prompts]:visible").click();
    await page.locator("dialog [data-new-prompt]").waitFor();
  };

  await step("a thumb is noted, says why, stays after a reload, and is taken back", async () => {
    await newChat();
    await ask("What is a lock?");
    await lastTurn().locator("[data-thumb=down]").focus();
    await page.keyboard.press("Enter");
    await page.locator("dialog [data-why=wrong]").check();
    await page.locator("dialog [data-comment]").fill("The gates are not made of cheese.");
    await axe(page, "reasons");
    await page.locator("dialog [data-confirm]").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.waitForFunction(() => document.activeElement?.matches("[data-thumb=down]"));
    await page.reload();
    assert.equal(await lastTurn().locator("[data-thumb=down]").getAttribute("aria-pressed"), "true");
    await lookAt("thumbs", async () => {
      await lastTurn().locator("[data-thumb=up]").click();
      await lastTurn().locator("[data-thumb=down]").click();
      await page.locator("dialog [data-why=wrong]").waitFor();
    });
    await page.keyboard.press("Escape");
    await lastTurn().locator("[data-thumb=down]").click();
    await lastTurn().locator("[data-thumbs='']").waitFor();
    await page.reload();
    await lastTurn().locator("[data-thumbs='']").waitFor();
  });

  await step("an answer is taken along as Word, PDF and Markdown", async () => {
    for (const [format, ending] of [["docx", "docx"], ["pdf", "pdf"], ["markdown", "md"]]) {
      await lastTurn().locator("[data-take]").click();
      if (format === "docx") await axe(page, "take");
      const [file] = await Promise.all([page.waitForEvent("download"), lastTurn().locator(`[data-take-${format}]`).click()]);
      assert.equal(file.suggestedFilename(), `schleuse-internal-answer.${ending}`);
    }
    await page.route("**/export?format=pdf", (route) => route.fulfill({ status: 403, json: { error: { code: "access_denied", message: "No.", next: "Ask." } } }));
    await lastTurn().locator("[data-take]").click();
    await lastTurn().locator("[data-take-pdf]").click();
    await page.locator("dialog [data-refusal=access_denied]").waitFor();
    await page.keyboard.press("Escape");
    await page.unroute("**/export?format=pdf");
  });

  await step("a prompt is kept, asks for its blanks, changes, shows what changed, goes back, is shared and deleted", async () => {
    await openPrompts();
    await page.locator("[data-new-prompt]").click();
    await page.locator("[data-prompt-name]").fill("Mahnung");
    await page.locator("[data-prompt-text]").fill("Write to {{customer}} about {{subject}}.\nBe kind.");
    await page.locator("dialog [data-reader=everyone]").check();
    await axe(page, "prompt form");
    await page.locator("[data-save-prompt]").click();
    await page.locator("[data-prompt]", { hasText: "Mahnung" }).waitFor();
    await page.locator("[data-prompt-search]").fill("qqq");
    await page.locator("[data-prompt]").waitFor({ state: "detached" });
    await page.locator("[data-prompt-search]").fill("KIND");
    await page.locator("[data-edit-prompt]").click();
    await page.locator("[data-prompt-text]").fill("Write to {{customer}} about {{subject}}.\nBe brief.");
    await page.locator("[data-save-prompt]").click();
    await page.locator("[data-versions]").click();
    await page.locator("[data-difference]", { hasText: "Be brief." }).waitFor();
    assert.match(await page.locator("[data-difference]").innerText(), /−[^+]*Be kind\.[^+]*\+[^+]*Be brief\./u);
    await axe(page, "versions");
    await picture(page, "prompt-versions-en-light-1280");
    await page.locator("[data-restore]").click();
    await page.locator("[data-prompt]", { hasText: "Be kind." }).waitFor();
    await page.keyboard.press("Escape");
    await lookAt("prompts", async () => {
      await page.locator("[data-turn], [data-starter]").first().waitFor();
      await openPrompts();
      await page.locator("[data-prompt]").waitFor();
    });
    await lookAt("prompt-places", async () => {
      await page.locator("[data-turn], [data-starter]").first().waitFor();
      await openPrompts();
      await page.locator("[data-insert]").click();
      await page.locator("[data-place=customer]").fill("Erika Mustermann");
    });
    await page.locator("[data-place=subject]").fill("the toll");
    assert.equal(await page.locator("[data-preview]").innerText(), "Write to Erika Mustermann about the toll.\nBe kind.");
    await page.locator("[data-insert-filled]").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.equal(await page.locator("main textarea").last().inputValue(), "Write to Erika Mustermann about the toll.\nBe kind.");
    await page.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
    await page.locator("main textarea").last().fill("");
    const other = await openPage(page.context().browser(), url, []);
    await other.goto(url);
    await other.locator("[data-role=engineer]").click();
    await other.locator("[data-prompts]:visible").click();
    await other.locator("[data-prompt]", { hasText: "Ada Lindner" }).waitFor();
    assert.equal(await other.locator("[data-edit-prompt]").count(), 0);
    await other.context().close();
    await openPrompts();
    await page.locator("[data-delete-prompt]").click();
    await page.locator("dialog [data-confirm]").click();
    await page.locator("[data-prompt]").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
  });

  await step("a conversation begins with one of the house's assistants and says so", async () => {
    await page.locator("[data-assistants-page]:visible").click();
    await page.locator("[data-assistants=ready] [data-assistant]").nth(4).waitFor();
    await lookAt("assistants", () => page.locator("[data-assistants=ready] [data-assistant]").nth(4).waitFor());
    await page.locator("[data-assistant=letters] [data-begin]").click();
    await page.locator("[data-assistant-starter]").first().waitFor();
    await lookAt("assistant-begin", () => page.locator("[data-assistant-starter]").first().waitFor());
    await page.locator("[data-assistant-starter]").first().click();
    assert.notEqual(await page.locator("main textarea").last().inputValue(), "");
    await page.locator("[data-temporary]").click();
    await page.locator("[data-temporary][aria-pressed=true]").waitFor();
    await page.locator("[data-assistant-starter]").first().waitFor();
    await page.locator("[data-temporary]").click();
    await ask("Draft a letter about the lock.");
    await page.locator("[data-assistant-mark]", { hasText: "Letters" }).waitFor();
    await page.reload();
    await page.locator("[data-assistant-mark]", { hasText: "Letters" }).waitFor();
    await judge("assistant-conversation-en-light-1280");
    await page.goto(`${url}/chat?assistant=nobody`);
    await page.locator("[data-refusal=not_found]").waitFor();
  });

  await step("an assistant is drafted, submitted, given back with a note, submitted again, published to a group, and withdrawn", async () => {
    await page.goto(`${url}/assistants`);
    await page.locator("[data-create]:enabled").click();
    await page.locator("[data-assistant-name]").fill("Toll clerk");
    await page.locator("[data-purpose]").fill("Answers what a passage costs.");
    await page.locator("dialog [data-instructions]").fill("You know the table of tolls and answer with its row.");
    await judge("assistant-form-en-light-1280");
    await page.locator("dialog [data-confirm]").click();
    const mine = page.locator("[data-assistants=mine] [data-assistant]", { hasText: "Toll clerk" });
    const submit = async () => {
      await mine.locator("[data-submit]").click();
      await page.locator("dialog [data-reader='group:sales']").check();
      await axe(page, "submit");
      await page.locator("dialog [data-confirm]").click();
      await page.locator("[data-assistants=mine] [data-state=in_review]").waitFor();
    };
    await submit();
    const other = await openPage(page.context().browser(), url, []);
    await other.goto(url);
    await other.locator("[data-role=security]").click();
    await other.locator("[data-account]").waitFor();
    const decide = async (kind, note) => {
      await other.goto(`${url}/assistants`);
      await other.locator("[data-assistants=review] [data-review]").click();
      await other.locator("dialog [data-instructions]", { hasText: "table of tolls" }).waitFor();
      assert.equal(await other.locator("[data-return]").isDisabled(), true);
      await other.locator("dialog textarea").fill(note);
      if (kind === "return") await judge("assistant-review-en-light-1280", other);
      await other.locator(`[data-${kind}]`).click();
      await other.locator("dialog").waitFor({ state: "detached" });
    };
    await decide("return", "Say which year the tolls are from.");
    await page.reload();
    await mine.locator("[data-note]", { hasText: "which year" }).waitFor();
    await mine.locator("[data-edit]").click();
    await page.locator("dialog [data-instructions]").fill("You know the table of tolls of 2026.");
    await page.locator("dialog [data-confirm]").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await submit();
    await other.goto(`${url}/assistants`);
    await other.locator("[data-assistants=review] [data-review]").click();
    await other.locator("[data-publish]").click();
    await other.locator("dialog").waitFor({ state: "detached" });
    await other.context().close();
    await page.reload();
    await page.locator("[data-assistants=mine] [data-state=published]").waitFor();
    await mine.locator("[data-withdraw]").click();
    await axe(page, "withdraw");
    await page.locator("dialog [data-confirm]").click();
    await page.locator("[data-assistants=mine] [data-state=draft]").waitFor();
    await mine.locator("[data-delete]").click();
    await page.locator("dialog [data-confirm]").click();
    await mine.waitFor({ state: "detached" });
  });

  await page.emulateMedia({ colorScheme: "light" });
  await page.evaluate(() => localStorage.setItem("schleuse.language", "en"));
  await newChat();
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [folder, wanted] = process.argv.slice(2);
  const house = await (await import("../testing/serve.mjs")).serve();
  const browser = await launch();
  const faults = [];
  const page = await openPage(browser, house.url, faults);
  const picture = photographer(folder === "-" ? undefined : folder);
  const { step, result } = stepper(faults, (number) => picture(page, `failed-comfort-${number}`));
  await page.goto(house.url);
  await page.locator("[data-role=employee]").click();
  await page.locator("[data-account]").waitFor();
  await walkComfort({ page, url: house.url, picture, step: async (name, body) => (wanted === undefined || name.includes(wanted) ? step(name, body) : undefined) });
  await browser.close();
  house.server.closeAllConnections();
  house.server.close();
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exitCode = result.failed > 0 ? 1 : 0;
}
