// Walks through the chat in front of the mock house: its tree of messages, comparisons, folders, and what else a real house with one
// model could not show. Part of `page.mjs`; alone: node e2e/chat.mjs [SCREENSHOT-FOLDER] [WORDS OF A STEP]
import assert from "node:assert/strict";
import { axe, fits, launch, openPage, photographer, stepper, structure } from "./browser.mjs";
import { german } from "./english.mjs";

const OTHER = "llama-3.3-70b";

/** Walks as somebody who is signed in as an employee and speaks English; leaves them so. */
export async function walkChat({ page, url, step, picture }) {
  const lastTurn = () => page.locator("[data-turn]").last();
  const questions = () => page.locator("[data-question]").allInnerTexts();
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
  const judge = async (name) => {
    await axe(page, name);
    await structure(page, name);
    await fits(page, name);
    if ((await page.locator("html").getAttribute("lang")) === "de") await german(page, name);
    await picture(page, name, true);
  };
  /** Looks at what is shown in every language and light, wide and narrow. */
  const lookAt = async (name, ready = async () => undefined) => {
    for (const [language, colorScheme, width, height] of [["de", "light", 360, 780], ["en", "dark", 360, 780], ["de", "dark", 1280, 860], ["en", "light", 1280, 860]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height });
      await page.evaluate((chosen) => localStorage.setItem("schleuse.language", chosen), language);
      await page.reload();
      await page.locator(`html[lang=${language}]`).waitFor({ state: "attached" });
      await ready();
      await judge(`${name}-${language}-${colorScheme}-${width}`);
    }
  };

  await step("an early question is asked differently: a branch of its own, and one switches between both", async () => {
    await newChat();
    await ask("What is a lock?");
    await ask("And a gate?");
    await page.locator("[data-edit]").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("[data-edited]").fill("Where are the headings?");
    await page.locator("[data-edited]").press("Enter");
    await page.locator("[data-branches='2/2']").waitFor();
    await ended();
    assert.deepEqual(await questions(), ["Where are the headings?"]);
    await page.locator("[data-before]").first().click();
    assert.deepEqual(await questions(), ["What is a lock?", "And a gate?"]);
    await page.reload();
    await page.locator("[data-branches='2/2']").waitFor();
    assert.deepEqual(await questions(), ["Where are the headings?"]);
  });

  await step("an answer is written again, by another model, and the one before stays beside it", async () => {
    const before = await lastTurn().locator("[data-answer]").innerText();
    await lastTurn().locator("[data-again]").click();
    await lastTurn().locator("[data-again-with]", { hasText: OTHER }).click();
    await lastTurn().locator("[data-branches='2/2']").waitFor();
    await ended();
    assert.equal(await lastTurn().locator("[data-model]").innerText(), OTHER);
    await lastTurn().locator("[data-branches] [data-before]").last().click();
    assert.equal(await lastTurn().locator("[data-answer]").innerText(), before);
    await ask("And now?");
    assert.deepEqual(await questions(), ["Where are the headings?", "And now?"]);
    await page.reload();
    await page.locator("[data-turn]").nth(1).waitFor();
    assert.deepEqual(await questions(), ["Where are the headings?", "And now?"]);
    await lookAt("tree", () => page.locator("[data-branches]").first().waitFor());
  });

  await step("two models answer side by side, one is stopped alone, and one goes on", async () => {
    await newChat();
    await page.locator("[data-composer-options]").click();
    for (const box of await page.locator("[data-compare]").all()) await box.check();
    await axe(page, "composer options");
    await picture(page, "composer-options-en-light-1280");
    await page.locator("[data-composer-options]").click();
    await ask("Show me a table of gates, please.");
    assert.equal(await page.locator("[data-compared=complete]").count(), 2);
    await lookAt("comparison", () => page.locator("[data-compared]").nth(1).waitFor());
    await page.locator("[data-compared]", { hasText: OTHER }).locator("[data-go-on]").click();
    await page.locator("[data-comparison]").waitFor({ state: "detached" });
    assert.equal(await lastTurn().locator("[data-model]").innerText(), OTHER);
    await page.locator("main textarea").last().fill("Tell me a long story about a lock keeper, both of you.");
    await page.locator("[data-composer-options]").click();
    for (const box of await page.locator("[data-compare]").all()) await box.check();
    await page.locator("[data-composer-options]").click();
    await page.locator("[data-send]").click();
    await page.locator("[data-compared=running]").nth(1).waitFor();
    await page.locator("[data-stop-one]").first().click();
    await page.locator("[data-compared=stopped]").waitFor();
    assert.equal(await page.locator("[data-compared=running]").count(), 1);
    await page.reload();
    await page.locator("[data-compared=running]").waitFor();
    await page.locator("[data-stop]").click();
    await page.locator("[data-compared=stopped]").nth(1).waitFor();
  });

  await step("a temporary chat answers, is in no list, and goes at once", async () => {
    await newChat();
    const count = await page.locator("[data-conversation]").count();
    await page.locator("[data-temporary]").click();
    await page.locator("[data-temporary][aria-pressed=true]").waitFor();
    await lookAt("temporary", () => page.locator("[data-starter=allowed]:enabled").waitFor());
    await ask("What is a lock?");
    await page.locator("[data-temporary-note]").waitFor();
    await judge("temporary-conversation-en-light-1280");
    assert.equal(await page.locator("[data-conversation]").count(), count);
    const address = page.url();
    await page.locator("[data-temporary-note] button").click();
    await page.waitForURL(/\/chat$/u);
    await page.goto(address);
    await page.locator("[data-refusal=not_found]").waitFor();
  });

  await step("a conversation is pinned, put into a new folder and out of it, and the folder goes", async () => {
    await newChat();
    const row = page.locator("[data-conversation]:visible").first();
    const id = await row.getAttribute("data-conversation");
    const same = page.locator(`[data-conversation="${id}"]:visible`);
    const option = async (kind) => {
      await same.hover();
      await same.locator("[data-options]").click();
      await same.locator(`[data-${kind}]`).click();
    };
    await option("pin");
    await page.locator(`[data-group=pinned] [data-conversation="${id}"]`).waitFor();
    await option("unpin");
    await page.locator("[data-group=pinned]").waitFor({ state: "detached" });
    await option("move");
    await page.locator("dialog [data-folder-name]").fill("Kanalausbau");
    await axe(page, "move");
    await picture(page, "move-en-light-1280");
    await page.locator("dialog [data-confirm]").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    const folder = page.locator("[data-group^=fol]:visible", { hasText: "Kanalausbau" });
    await folder.locator(`[data-conversation="${id}"]`).waitFor();
    await page.reload();
    await folder.locator(`[data-conversation="${id}"]`).waitFor();
    await folder.locator("[data-folder-options]").click();
    await folder.locator("[data-rename-folder]").click();
    await page.locator("dialog input").fill("Ausbau");
    await page.keyboard.press("Enter");
    await page.locator("[data-group^=fol]", { hasText: "Ausbau" }).waitFor();
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.locator("[data-folder-options]").click();
    await page.locator("[data-delete-folder]").click();
    await axe(page, "delete folder");
    await page.locator("dialog [data-confirm]").click();
    await page.locator("[data-folder-options]").waitFor({ state: "detached" });
    await page.locator(`[data-conversation="${id}"]`).waitFor();
  });

  await step("what one asked is found in the history, marked, and opens at its place", async () => {
    await newChat();
    await ask("Wie lang ist die Kündigungsfrist für den Schleusenwärter?");
    await newChat();
    await page.keyboard.press("Escape");
    await page.locator("main h1").click();
    await page.keyboard.press("/");
    await page.keyboard.type("kundigungsfrist");
    await page.locator("[data-hit]").first().waitFor();
    assert.match((await page.locator("[data-hit] mark").allInnerTexts()).join(" "), /Kündigungsfrist/u);
    await lookAt("history", async () => {
      await page.locator("[data-history-search]:visible, [data-menu]:visible").first().waitFor();
      if (await page.locator("[data-menu]").isVisible()) await page.locator("[data-menu]").click();
      await page.locator("[data-history-search]:visible").fill("frist");
      await page.locator("[data-hit]:visible").first().waitFor();
    });
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/message=/u);
    await page.waitForFunction(() => document.activeElement?.hasAttribute("data-message") || document.activeElement?.hasAttribute("data-question"));
    await page.locator("[data-history-search]:visible").fill("qqqqq");
    await page.locator("[data-status]", { hasText: "Nothing found" }).waitFor({ state: "attached" });
    await page.locator("[data-history-search]:visible").fill("");
  });

  await step("words are found in the conversation that is open, and marked without touching it", async () => {
    await ask("And the water?");
    await ask("And the water rose again?");
    await page.keyboard.press("Control+Shift+f");
    await page.keyboard.type("water");
    await page.locator("[data-find-count]", { hasText: "1/" }).waitFor();
    await page.waitForFunction(() => (CSS.highlights.get("found")?.size ?? 0) > 0);
    await page.keyboard.press("Enter");
    await page.locator("[data-find-count]", { hasText: "2/" }).waitFor();
    await judge("find-en-light-1280");
    await page.keyboard.press("Escape");
    await page.locator("[data-find]").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => CSS.highlights.has("found")), false);
    await page.keyboard.press("Alt+ArrowUp");
    assert.ok(await page.evaluate(() => document.activeElement?.hasAttribute("data-turn")));
  });

  await step("the palette does what one names: models, labels, languages, pages, conversations", async () => {
    const run = async (words, id) => {
      await page.keyboard.press("Control+k");
      await page.locator("[data-palette] input").fill(words);
      await page.locator(`[data-palette] [data-command="${id}"]`).waitFor();
      if ((await page.locator("[data-palette] [aria-selected=true]").getAttribute("data-command")) !== id) await page.locator(`[data-palette] [data-command="${id}"]`).click();
      else await page.keyboard.press("Enter");
      await page.locator("[data-palette]").waitFor({ state: "detached" });
    };
    await run("model llama", `model-${OTHER}`);
    assert.equal(await page.locator("[data-choice=model]").inputValue(), OTHER);
    await run("label conf", "label-CONFIDENTIAL");
    assert.equal(await page.locator("[data-choice=label]").inputValue(), "CONFIDENTIAL");
    await run("temporary", "temporary");
    await page.locator("[data-temporary][aria-pressed=true]").waitFor();
    await run("my limits", "page-limits");
    await page.waitForURL(/\/limits$/u);
    await run("deutsch", "language-de");
    await page.locator("html[lang=de]").waitFor({ state: "attached" });
    await run("english", "language-en");
    await page.keyboard.press("Control+Shift+o");
    await page.waitForURL(/\/chat$/u);
    await lookAt("palette", async () => {
      await page.locator("[data-starter=allowed]:enabled").waitFor();
      await page.keyboard.press("Control+k");
      await page.locator("[data-palette] input").fill("e");
      await page.locator("[data-palette] [role=option]").nth(3).waitFor();
    });
    await page.locator("[data-palette] input").fill("frist");
    await page.locator("[data-palette] [data-command^=hit]").first().waitFor();
    await axe(page, "palette with hits");
    await page.keyboard.press("Escape");
    await page.locator("[data-palette]").waitFor({ state: "detached" });
  });

  await step("the map of keys opens with ?, and single keys can be switched off", async () => {
    await newChat();
    await page.locator("main h1").click();
    await lookAt("keys", async () => {
      await page.locator("[data-starter=allowed]:enabled").waitFor();
      await page.locator("main h1").click();
      await page.keyboard.press("?");
      await page.locator("[data-keys]").waitFor();
    });
    await page.locator("[data-single-keys]").uncheck();
    await page.keyboard.press("Escape");
    await page.locator("[data-keys]").waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.keyboard.press("Control+k");
    await page.locator("[data-palette]").waitFor();
    assert.equal(await page.locator("[data-keys]").count(), 0);
    await page.locator("[data-command=keys]").click();
    await page.locator("[data-single-keys]").check();
    await page.keyboard.press("Escape");
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
  const { step, result } = stepper(faults, (number) => picture(page, `failed-chat-${number}`));
  await page.goto(house.url);
  await page.locator("[data-role=employee]").click();
  await page.locator("[data-account]").waitFor();
  await walkChat({ page, url: house.url, picture, step: async (name, body) => (wanted === undefined || name.includes(wanted) ? step(name, body) : undefined) });
  await browser.close();
  house.server.closeAllConnections();
  house.server.close();
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exitCode = result.failed > 0 ? 1 : 0;
}
