// Walks through what makes the chat comfortable, in front of the mock house: thumbs, documents, prompts, assistants, artifacts, the
// installed page.
// Part of `page.mjs`; alone: node e2e/comfort.mjs [SCREENSHOT-FOLDER] [WORDS OF A STEP]
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
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
export async function walkComfort({ page, url, step, picture, faults }) {
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

  await step("German says du where somebody wants it, everywhere, and keeps it", async () => {
    await page.evaluate(() => localStorage.setItem("schleuse.language", "de"));
    await newChat();
    assert.match(await page.locator("main h1").innerText(), /möchten Sie/u);
    await page.locator("[data-account]").click();
    await page.locator("label:has([data-choose=address-du])").click();
    assert.match(await page.locator("main h1").innerText(), /möchtest du/u);
    await page.reload();
    await page.locator("main h1", { hasText: "möchtest du" }).waitFor();
    await page.locator("[data-account]").click();
    await judge("address-du-de-light-1280");
    for (const path of ["sessions", "limits", "assistants", "shared"]) {
      await page.goto(`${url}/${path}`);
      await page.locator("main h1").waitFor();
      assert.doesNotMatch((await page.locator("main h1 + p").allInnerTexts()).join(" "), /\b(?:Sie|Ihnen|Ihre?n?)\b/u, path);
    }
    await page.evaluate(() => localStorage.removeItem("schleuse.address"));
    await page.evaluate(() => localStorage.setItem("schleuse.language", "en"));
  });

  await step("a diagram is drawn in a frame of its own, in both lights, and its source stands beside it", async () => {
    await newChat();
    await ask("Please draw a diagram.");
    const frame = lastTurn().locator("iframe[data-frame=diagram][data-shown]");
    await frame.waitFor();
    const inside = page.frames().find((one) => one.url().endsWith("/frame.html"));
    assert.match(await inside.locator("svg").textContent(), /Upper gate/u);
    assert.equal(await frame.getAttribute("sandbox"), "allow-scripts");
    assert.match(await frame.getAttribute("title"), /“Lock”.*source/u);
    assert.match(await lastTurn().locator("pre").innerText(), /graph LR/u);
    await lookAt("diagram", () => lastTurn().locator("iframe[data-shown]").waitFor());
    await lastTurn().locator("[data-show-artifact]").click();
    await page.locator("dialog iframe[data-shown]").waitFor();
    await judge("diagram-large-en-light-1280");
    await page.locator("dialog label:has([data-view=source])").click();
    await page.locator("[data-artifact-source]", { hasText: "graph LR" }).waitFor();
    await axe(page, "source");
    await page.keyboard.press("Escape");
    await ask("Please draw a broken diagram.");
    await lastTurn().locator("[data-not-drawn]").waitFor();
    await axe(page, "not drawn");
  });

  await step("a page that a model made has versions, runs on demand, and is taken along", async () => {
    await newChat();
    await ask("Make a web page 1");
    await ask("Make a web page 2");
    assert.equal(await page.locator("iframe").count(), 0, "nothing runs before somebody wants it");
    await lastTurn().locator("[data-show-artifact]").focus();
    await page.keyboard.press("Enter");
    await page.locator("dialog iframe[data-shown]").waitFor();
    const inside = () => page.frameLocator("dialog iframe");
    await inside().locator("h1", { hasText: "Tolls 2" }).waitFor();
    await inside().locator("button").click();
    await inside().locator("button", { hasText: "paid" }).waitFor();
    await page.locator("[data-artifact-version]").selectOption("0");
    await inside().locator("h1", { hasText: "Tolls 1" }).waitFor();
    const [file] = await Promise.all([page.waitForEvent("download"), page.locator("[data-download-artifact]").click()]);
    assert.equal(file.suggestedFilename(), "artifact.html");
    await page.locator("dialog iframe[data-shown]").waitFor();
    await lookAt("artifact", async () => {
      await lastTurn().locator("[data-show-artifact]").click();
      await page.locator("dialog iframe[data-shown]").waitFor();
    });
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await ask("Make a drawing, please: a drawing");
    await lastTurn().locator("[data-show-artifact]").click();
    await page.locator("dialog iframe[data-shown]").waitFor();
    await page.keyboard.press("Escape");
    const noted = faults.length;
    await ask("Make a broken program.");
    await lastTurn().locator("[data-show-artifact]").click();
    await page.locator("[data-artifact-failed]", { hasText: "missing is not defined" }).waitFor();
    faults.splice(noted);
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  });

  await step("whatever a hostile artifact tries, nothing leaves, and nothing of the page is reached", async () => {
    const reached = [];
    const tcp = createServer((socket) => {
      reached.push("tcp");
      socket.on("data", (data) => reached.push(String(data).split("\r\n")[0]));
      socket.on("error", () => undefined);
    });
    await new Promise((resolve) => tcp.listen(0, "127.0.0.1", resolve));
    const { port } = tcp.address();
    const udp = createSocket("udp4", () => reached.push("udp"));
    for (const listener of [tcp, udp]) listener.unref();
    await new Promise((resolve) => udp.bind(port, "127.0.0.1", resolve));
    // What the frame is refused stands in its console; what matters here is what arrives.
    const other = await openPage(page.context().browser(), url, []);
    const pages = [];
    other.context().on("page", (opened) => pages.push(opened.url()));
    await other.goto(url);
    await other.locator("[data-role=employee]").click();
    await other.locator("[data-starter=allowed]:enabled").waitFor();
    for (const [question, shown] of [[`hostile page ${port}`, false], ["hostile diagram", true]]) {
      await other.locator("main textarea").last().fill(`Show me a ${question}.`);
      await other.keyboard.press("Enter");
      await other.locator("[data-turn]").last().locator("[data-show-artifact]").click();
      if (shown) await other.locator("dialog iframe[data-shown], dialog [data-artifact-failed]").first().waitFor();
      else {
        await other.locator("dialog iframe[data-shown]").waitFor();
        const told = await other.locator("[data-artifact-failed]").innerText();
        for (const name of ["parent", "cookie", "storage", "topHacked"]) assert.match(told, new RegExp(`\\b${name}=SecurityError`, "u"));
        assert.match(told, /popup=nothing hint=NotSupportedError rtc=TypeError <img src=x/u);
        assert.ok(Number(await other.locator("dialog iframe").getAttribute("height")) <= 4000);
        assert.equal(await other.locator("dialog img").count(), 0);
      }
      await other.waitForTimeout(3500);
      await picture(other, `hostile-${shown ? "diagram" : "page"}-en-light-1280`);
      assert.equal(new URL(other.url()).origin, url);
      await other.keyboard.press("Escape");
      await other.locator("dialog").waitFor({ state: "detached" });
    }
    assert.equal(await other.evaluate(() => globalThis.hacked), undefined);
    assert.deepEqual(pages, []);
    // To a program's own `location = …` this browser opens a connection before it refuses to go there; nothing is sent over it.
    assert.deepEqual(reached.filter((what) => what !== "tcp"), [], "something reached another computer");
    assert.ok(reached.length <= 1, "more than that one way opens a connection");
    await other.context().close();
  });

  await step("the page can be installed, opens without a connection, says so, and keeps nothing of a conversation", async () => {
    const faultless = [];
    const other = await openPage(page.context().browser(), url, faultless, { serviceWorkers: "allow" });
    await other.goto(url);
    await other.locator("[data-role=employee]").click();
    await other.locator("[data-starter=allowed]:enabled").waitFor();
    await other.evaluate(() => navigator.serviceWorker.ready);
    const manifest = await other.evaluate(async () => (await fetch(document.querySelector("link[rel=manifest]").href)).json());
    assert.deepEqual([manifest.start_url, manifest.display, manifest.icons.map(({ sizes }) => sizes)], ["/", "standalone", ["192x192", "512x512", "512x512"]]);
    const sizes = await other.evaluate(async (icons) => Promise.all(icons.map(async ({ src }) => (await createImageBitmap(await (await fetch(src)).blob())).width)), manifest.icons);
    assert.deepEqual(sizes, [192, 512, 512]);
    await other.locator("main textarea").last().fill("What is a lock?");
    await other.keyboard.press("Enter");
    await other.locator("[data-turn=finished]").waitFor();
    await other.reload();
    await other.locator("[data-turn=finished]").waitFor();
    const kept = await other.evaluate(async () => (await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map((request) => new URL(request.url).pathname)))).flat());
    assert.deepEqual(kept.filter((path) => path !== "/" && !path.startsWith("/assets/")), []);
    assert.ok(kept.includes("/"));
    await other.context().setOffline(true);
    await other.reload();
    await other.locator("[data-offline]").waitFor();
    assert.doesNotMatch(await other.locator("body").innerText(), /canal|chamber/u);
    for (const [colorScheme, width] of [["light", 360], ["dark", 1280]]) {
      await other.emulateMedia({ colorScheme });
      await other.setViewportSize({ width, height: 780 });
      await axe(other, "offline");
      await fits(other, "offline");
      await picture(other, `offline-en-${colorScheme}-${width}`);
    }
    await other.context().setOffline(false);
    await other.locator("[data-turn=finished]").waitFor();
    await other.context().close();
  });

  await step("the accessibility statement is there for everybody, and a barrier can be reported", async () => {
    const other = await openPage(page.context().browser(), url, []);
    await other.goto(`${url}/sign-in`);
    await other.locator("[data-accessibility]").click();
    await other.locator("[data-statement]").waitFor();
    await lookAt("accessibility", () => other.locator("[data-statement]").waitFor(), other);
    await other.locator("[data-barrier]").fill("The gate is too narrow.");
    assert.equal(await other.locator("[data-report]").isEnabled(), true);
    await other.locator("main a", { hasText: "sign-in" }).click();
    await other.locator("[data-role=auditor]").click();
    await other.locator("[data-account]").click();
    await other.locator("[data-leave]").waitFor();
    await other.goto(`${url}/accessibility`);
    await other.locator("[data-statement]").waitFor();
    await judge("accessibility-inside-en-light-1280", other);
    await other.context().close();
  });

  await step("on a telephone the keyboard does not cover the field, and nothing zooms", async () => {
    const other = await openPage(page.context().browser(), url, [], { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await other.goto(url);
    await other.locator("[data-role=employee]").tap();
    await other.locator("[data-starter=allowed]:enabled").waitFor();
    await other.locator("main textarea").fill("What is a lock? ".repeat(12));
    await other.keyboard.press("Enter");
    await other.locator("[data-turn=finished]").waitFor();
    // `interactive-widget=resizes-content`: the keyboard makes the window lower.
    await other.setViewportSize({ width: 360, height: 380 });
    await other.locator("main textarea").last().tap();
    await other.locator("main textarea").last().fill("And now?");
    const { bottom, send, size, scale } = await other.evaluate(() => ({
      bottom: document.querySelector("main textarea").getBoundingClientRect().bottom,
      send: document.querySelector("[data-send]").getBoundingClientRect().bottom,
      size: Math.min(...[...document.querySelectorAll("main textarea, main select")].map((field) => Number.parseFloat(getComputedStyle(field).fontSize))),
      scale: visualViewport.scale,
    }));
    assert.ok(bottom > 0 && send <= 380, `the field ends at ${bottom}, the button at ${send}`);
    assert.ok(size >= 16, `letters of ${size} px make a telephone zoom in`);
    assert.equal(scale, 1);
    await picture(other, "keyboard-en-light-360");
    await other.context().close();
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
  await walkComfort({ page, url: house.url, picture, faults, step: async (name, body) => (wanted === undefined || name.includes(wanted) ? step(name, body) : undefined) });
  await browser.close();
  house.server.closeAllConnections();
  house.server.close();
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exitCode = result.failed > 0 ? 1 : 0;
}
