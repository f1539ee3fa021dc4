// Walks through the chat in front of the mock house: its tree of messages, comparisons, folders, and what else a real house with one
// model could not show. Part of `page.mjs`; alone: node e2e/chat.mjs [SCREENSHOT-FOLDER] [WORDS OF A STEP]
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
    for (const [language, colorScheme, width, height] of [["de", "light", 360, 780], ["en", "dark", 360, 780], ["de", "dark", 1280, 860], ["de", "light", 320, 256], ["en", "light", 1280, 860]]) {
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

  await step("compartments go with the question, and the label keeps them", async () => {
    await newChat();
    await page.locator("[data-composer-options]").click();
    await page.locator("[data-compartment=hr]").check();
    await page.locator("[data-summary]", { hasText: "hr" }).waitFor();
    await page.locator("[data-composer-options]").click();
    await page.locator("[data-choice=label]").selectOption("CONFIDENTIAL");
    await ask("Suggest three headings for a letter.");
    assert.equal(await lastTurn().locator("[data-label]").getAttribute("data-label"), "CONFIDENTIAL//hr");
    await page.reload();
    await page.locator("[data-summary]", { hasText: "hr" }).waitFor();
    assert.equal(await page.locator("[data-choice=label]").inputValue(), "CONFIDENTIAL");
  });

  let address = "";
  await step("who may not lower a label is told so, and can pass its id on", async () => {
    await page.locator("[data-composer-options]").click();
    await page.locator("[data-lower]").click();
    await page.locator("dialog [data-reason]").fill("It is public by now.");
    await page.locator("dialog [data-to]").selectOption("PUBLIC");
    await page.locator("dialog [data-confirm]").click();
    await page.locator("dialog [data-refusal=access_denied]").waitFor();
    await judge("lower-refused-en-light-1280");
    address = page.url();
    await page.keyboard.press("Escape");
    await lookAt("lower", async () => {
      await page.locator("[data-composer-options]").click();
      await page.locator("[data-lower]").click();
      await page.locator("dialog [data-reason]").waitFor();
    });
    await page.keyboard.press("Escape");
  });

  await step("a conversation is shared until a day, read by a colleague without what they may not read, and ended", async () => {
    const id = new URL(address).pathname.split("/").at(-1);
    await page.goto(address);
    const row = page.locator(`[data-conversation="${id}"]:visible`);
    await row.hover();
    await row.locator("[data-options]").click();
    await row.locator("[data-share]").click();
    await page.locator("dialog [data-reader=everyone]").check();
    await page.locator("dialog [data-reader-person]").fill("ben.okafor");
    await page.locator("dialog [data-confirm]").click();
    await page.locator("dialog [data-share]").waitFor();
    const path = await page.locator("dialog [data-share] code").innerText();
    assert.match(path, /^\/shared\/./u);
    await judge("share-en-light-1280");
    await lookAt("share", async () => {
      await page.goto(address);
      await page.locator("[data-turn]").first().waitFor();
      await page.keyboard.press("Control+k");
      await page.locator("[data-palette] input").fill("teilen share");
      await page.locator("[data-palette] input").fill((await page.locator("html").getAttribute("lang")) === "de" ? "teilen" : "share");
      await page.locator("[data-command=share]").click();
      await page.locator("dialog [data-share]").waitFor();
    });
    const other = await openPage(page.context().browser(), url, []);
    await other.goto(url);
    await other.locator("[data-role=engineer]").click();
    await other.locator("[data-account]").waitFor();
    await other.locator("[data-shared-page]").click();
    await other.locator("[data-shared] a").first().click();
    await other.locator("[data-withheld]").first().waitFor();
    assert.equal(await other.locator("[data-question]").count(), 1);
    assert.equal(await other.locator("[data-answer]").count(), 0);
    for (const [language, colorScheme, width] of [["de", "light", 360], ["en", "dark", 1280]]) {
      await other.emulateMedia({ colorScheme });
      await other.setViewportSize({ width, height: 800 });
      await other.evaluate((chosen) => localStorage.setItem("schleuse.language", chosen), language);
      for (const [name, where, mark] of [["shared-list", "/shared", "[data-shared]"], ["shared", path, "[data-withheld]"]]) {
        await other.goto(url + where);
        await other.locator(mark).first().waitFor();
        await axe(other, name);
        await structure(other, name);
        await fits(other, name);
        if (language === "de") await german(other, name);
        await picture(other, `${name}-${language}-${colorScheme}-${width}`, true);
      }
    }
    await page.locator("dialog [data-end-share]").click();
    await page.locator("dialog [data-share]").waitFor({ state: "detached" });
    await other.reload();
    await other.locator("[data-refusal=not_found]").waitFor();
    await axe(other, "a share that ended");
    await other.context().close();
    await page.keyboard.press("Escape");
  });

  await step("somebody who may lowers it by its id; a second person is waited for where the house wants one", async () => {
    const id = new URL(address).pathname.split("/").at(-1);
    const other = await openPage(page.context().browser(), url, []);
    await other.goto(url);
    await other.locator("[data-role=security]").click();
    await other.locator("[data-account]").waitFor();
    for (const [reason, mark] of [["It is about the M&A.", "dialog [data-waiting]"], ["It is public by now.", "[data-status]"]]) {
      await other.keyboard.press("Control+k");
      await other.locator("[data-palette] input").fill("lower");
      await other.locator("[data-command=lower-other]").click();
      await other.locator("dialog [data-lower-id]").fill(id);
      await other.locator("dialog [data-reason]").fill(reason);
      await other.locator("dialog [data-to]").selectOption("INTERNAL");
      await other.locator("dialog [data-confirm]").click();
      await other.locator(mark).first().waitFor({ state: "attached" });
      await axe(other, reason);
      await picture(other, `lower-${mark.includes("waiting") ? "waiting" : "done"}-en-light-1280`);
      if (mark.includes("waiting")) await other.keyboard.press("Escape");
      await other.locator("dialog").waitFor({ state: "detached" });
    }
    await other.context().close();
    await page.goto(address);
    await page.locator("[data-turn]").first().waitFor();
    assert.equal(await page.locator("[data-choice=label]").inputValue(), "INTERNAL");
  });

  await step("a conversation is taken along and brought back with all its branches, and what is no export is said to be none", async () => {
    await newChat();
    await ask("What is a lock?");
    await page.locator("[data-edit]").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("[data-edited]").fill("What is a gate?");
    await page.locator("[data-edited]").press("Enter");
    await page.locator("[data-branches='2/2']").waitFor();
    await ended();
    const run = async (id, words) => {
      await page.keyboard.press("Control+k");
      await page.locator("[data-palette] input").fill(words);
      await page.locator(`[data-command=${id}]`).click();
    };
    await run("export", "export");
    await axe(page, "export");
    const [markdown] = await Promise.all([page.waitForEvent("download"), page.locator("[data-export-as=markdown]").click()]);
    assert.match(markdown.suggestedFilename(), /internal.*\.md$/u);
    const [json] = await Promise.all([page.waitForEvent("download"), page.locator("[data-export-as=json]").click()]);
    const file = await json.path();
    await page.keyboard.press("Escape");
    await lookAt("transfer", async () => {
      await page.locator("[data-turn]").first().waitFor();
      await run("transfer", (await page.locator("html").getAttribute("lang")) === "de" ? "import" : "import");
      await page.locator("[data-choose-file]").waitFor();
    });
    await page.locator("[data-import]").setInputFiles({ name: "x.json", mimeType: "application/json", buffer: Buffer.from("no json") });
    await page.locator("dialog [data-refusal=not_an_export]").waitFor();
    await axe(page, "no export");
    await page.locator("[data-import]").setInputFiles(file);
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.locator("[data-branches='2/2']").waitFor();
    await page.locator("[data-before]").first().click();
    assert.deepEqual(await questions(), ["What is a lock?"]);
    await run("transfer", "import");
    const [all] = await Promise.all([page.waitForEvent("download"), page.locator("[data-export-all]").click()]);
    assert.match(all.suggestedFilename(), /\.json$/u);
    await page.keyboard.press("Escape");
  });

  await step("code gets colours, wraps and is taken along; tables go into spreadsheets; formulas are mathematics, and prices are not", async () => {
    await newChat();
    await ask("Write 1 KB of everything, please.");
    const answer = lastTurn().locator("[data-answer]");
    await answer.locator("[data-code=coloured] .code-keyword").first().waitFor();
    await answer.locator("math").first().waitFor();
    assert.match(await answer.innerText(), /it costs \$5 or \$7/u);
    await answer.locator("[data-wrap]").first().click();
    assert.equal(await answer.locator("[data-wrap]").first().getAttribute("aria-pressed"), "true");
    const [code] = await Promise.all([page.waitForEvent("download"), answer.locator("[data-download-code]").first().click()]);
    assert.equal(code.suggestedFilename(), "code.py");
    const [sheet] = await Promise.all([page.waitForEvent("download"), answer.locator("[data-xlsx]").first().click()]);
    assert.equal(sheet.suggestedFilename(), "table.xlsx");
    assert.equal(readFileSync(await sheet.path()).subarray(0, 2).toString(), "PK");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
    await page.evaluate(() => localStorage.setItem("schleuse.language", "de"));
    await page.reload();
    await answer.locator("[data-copy-csv]").first().click();
    await page.locator("[data-status]", { hasText: "Kopiert" }).waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^Ship;Tons;Toll\r\nNo. 1;1;1,50 €\r\n/u);
    await page.evaluate(() => localStorage.setItem("schleuse.language", "en"));
    await lookAt("rich", async () => {
      await answer.locator("[data-code=coloured]").first().waitFor();
      await answer.locator("math").first().waitFor();
    });
    await page.emulateMedia({ colorScheme: "light", forcedColors: "active" });
    await judge("rich-en-forced-1280");
    await page.emulateMedia({ forcedColors: "none" });
  });

  await step("a hostile text loads nothing, leads nowhere, runs nothing, and hides nothing", async () => {
    await newChat();
    // `openPage` notes each request that leaves the house and each breach of the content security policy.
    const asked = [];
    const note = (request) => asked.push(new URL(request.url()).pathname);
    await ask("Give me the hostile corpus.");
    page.on("request", note);
    const answer = lastTurn().locator("[data-answer]");
    await answer.locator("p", { hasText: "The end of it." }).waitFor();
    await answer.locator("math").first().waitFor();
    const found = await answer.evaluate((element) => ({
      // A diagram is drawn in a frame that has no origin and reaches nothing; `comfort.mjs` tries what it can.
      elements: [...new Set([...element.querySelectorAll("*:not(iframe[src='/frame.html'][sandbox='allow-scripts'])")].map(({ localName }) => localName))],
      addresses: element.querySelectorAll("[href], [src]:not(iframe[src='/frame.html']), [srcset], [action], [data], [style], [formaction], [xlink\\:href]").length,
      handlers: [...element.querySelectorAll("*")].flatMap(({ attributes }) => [...attributes].map(({ name }) => name)).filter((name) => name.startsWith("on")).length,
      hidden: [...element.querySelectorAll("[data-hidden]")].map(({ textContent }) => textContent).join(" "),
      raw: /[\u202A-\u202E\u2066-\u2069\u200B\u{E0041}]/u.test(element.querySelector("p, pre") && [...element.querySelectorAll("p, pre")].map(({ textContent }) => textContent).join("")),
      hacked: globalThis.hacked,
    }));
    const harmless = /^(?:math|m[a-z]+|div|p|h[1-6]|ul|ol|li|strong|em|del|code|pre|span|table|thead|tbody|tr|th|td|blockquote|hr|br|button|svg|path|mark)$/u;
    assert.deepEqual(found.elements.filter((name) => !harmless.test(name)), []);
    assert.equal(found.addresses, 0);
    assert.equal(found.handlers, 0);
    assert.equal(found.hacked, undefined);
    assert.equal(found.raw, false, "hidden characters are in the page");
    for (const code of ["U+202E", "U+200B", "U+E0041"]) assert.ok(found.hidden.includes(code), code);
    assert.ok((await answer.innerText()).includes("javascript:globalThis.hacked=1"));
    await fits(page, "hostile");
    await axe(page, "hostile");
    await page.reload();
    await answer.locator("p", { hasText: "The end of it." }).waitFor();
    page.off("request", note);
    assert.deepEqual(asked.filter((path) => !/^\/(?:assets|api|auth|v1|chat|house\.json|frame\.html)/u.test(path)), []);
    assert.equal(new URL(page.url()).origin, url);
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
