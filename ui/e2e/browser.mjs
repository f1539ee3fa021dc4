// What the walk through the pages needs of a browser: a page whose faults are noted, steps, pictures, and measurements.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Refusals are what is tested here, and Chromium logs each answer that is not 2xx. */
const EXPECTED = /status of (?:401|403|404)/u;

export async function launch(more = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...more,
    ],
  });
}

/** A page in a browser of its own (cookies, storage); what goes wrong in it is added to `faults`. */
export async function openPage(browser, origin, faults, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 860 }, bypassCSP: false, serviceWorkers: "block", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("request", (request) => {
    const target = new URL(request.url());
    if (target.origin !== origin && !["data:", "blob:"].includes(target.protocol)) faults.push(`a request left the house: ${target.href}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`page error: ${error.message}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return page;
}

/** Runs steps one after the other; a fault noted during a step fails it. */
export function stepper(faults, onFailure) {
  const result = { passed: 0, failed: 0 };
  async function step(name, body) {
    const before = faults.length;
    try {
      await body();
      assert.deepEqual(faults.slice(before), []);
      result.passed += 1;
      console.log(`ok      ${name}`);
    } catch (error) {
      result.failed += 1;
      console.log(`FAILED  ${name}\n        ${String(error.message).split("\n").slice(0, 30).join("\n        ")}`);
      await onFailure(result.failed).catch(() => undefined);
    }
  }
  return { step, result };
}

export function photographer(folder) {
  if (folder) mkdirSync(folder, { recursive: true });
  return async (page, name, fullPage = false) => {
    if (!folder) return;
    const before = page.viewportSize();
    if (fullPage) await page.setViewportSize({ ...before, height: await wholeHeight(page) });
    await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
    if (fullPage) await page.setViewportSize(before);
  };
}

/** How high a window must be to show everything, also what scrolls in a dialog. What sticks to its lower edge stays there. */
async function wholeHeight(page) {
  return page.evaluate(() => {
    const inside = [...document.querySelectorAll("dialog[open] *")].map(({ scrollHeight, clientHeight }) => innerHeight + scrollHeight - clientHeight);
    return Math.min(8000, Math.max(innerHeight, document.documentElement.scrollHeight, ...inside));
  });
}

/** No violation of WCAG 2.2 A and AA or of axe's best practices. */
export async function axe(page, name) {
  // Evaluated through the debugger, which the page's content security policy does not bind.
  await page.evaluate(`${AXE};undefined`);
  const violations = await page.evaluate(async () => {
    // Colours that are still on their way from one scheme to the other have no contrast of their own.
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const moving = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.allSettled(moving.map((transition) => transition.finished));
    // There the system chooses the colours, and axe reads those of the style sheet still.
    const isForced = matchMedia("(forced-colors: active)").matches;
    const { violations: found } = await globalThis.axe.run(document, isForced ? { rules: { "color-contrast": { enabled: false } } } : {});
    return found.map(({ id, nodes }) => {
      const places = nodes.slice(0, 3).map(({ target, any }) => `${target.join(" ")}${any[0] ? ` (${any[0].message})` : ""}`);
      return `${id} (${nodes.length}): ${places.join(", ")}`;
    });
  });
  assert.deepEqual(violations, [], name);
}

/** Nothing is wider than the window, no text is cut off, and nothing lies over a button. */
export async function fits(page, name) {
  const faults = await page.evaluate(() => {
    const found = [];
    const describe = (element) => `<${element.tagName.toLowerCase()}> “${(element.textContent ?? "").trim().slice(0, 50)}”`;
    const { documentElement: root } = document;
    if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth - root.clientWidth} px too wide`);
    const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const scrolls = (element) => {
      for (let at = element; at; at = at.parentElement) {
        if (/auto|scroll/u.test(getComputedStyle(at).overflowX)) return at !== root && at !== document.body;
      }
      return false;
    };
    const forReadersOnly = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const { clipPath, position } = getComputedStyle(at);
        if (position === "absolute" && clipPath !== "none") return true;
      }
      return false;
    };
    for (const element of document.querySelectorAll("body *")) {
      const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "");
      if (texts.length === 0 || element.closest("svg, select, option, noscript") || !shown(element) || forReadersOnly(element)) continue;
      const style = getComputedStyle(element);
      // A shortened title says itself in full when pointed at.
      const shortened = style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
      const cut = element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 2;
      if (cut && /hidden|clip/u.test(`${style.overflowX} ${style.overflowY}`) && !(shortened && element.closest("[title], [data-account], header, [data-starter]"))) {
        found.push(`cut off: ${describe(element)}`);
      }
      const outside = texts.some((text) => {
        const range = document.createRange();
        range.selectNodeContents(text);
        const box = range.getBoundingClientRect();
        return box.width > 0 && (box.left < -1 || box.right > root.clientWidth + 1);
      });
      const frame = element.closest("button, a, td, li, section, dialog, article, [data-comparison]");
      const spills = texts.some((text) => {
        const range = document.createRange();
        range.selectNodeContents(text);
        return frame !== null && range.getBoundingClientRect().right > frame.getBoundingClientRect().right + 1;
      });
      if (spills && !shortened && !scrolls(element)) found.push(`out of its frame: ${describe(element)}`);
      if (outside && !scrolls(element)) found.push(`out of the window: ${describe(element)}`);
    }
    for (const element of document.querySelectorAll("main button, main a, main input, main select")) {
      const box = element.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      if (box.width < 2 || y < 0 || y > innerHeight || x < 0 || x > root.clientWidth || !shown(element) || forReadersOnly(element)) continue;
      const top = document.elementFromPoint(x, y);
      if (top && !element.contains(top) && !top.contains(element) && !top.closest(".sticky, header, dialog, [data-account]")) {
        found.push(`${describe(top)} lies over ${describe(element)}`);
      }
    }
    return found;
  });
  assert.deepEqual(faults.slice(0, 12), [], name);
}

/** What a screen reader walks by: one heading of the page, no level left out, one region that speaks. */
export async function structure(page, name) {
  const faults = await page.evaluate(() => {
    const found = [];
    const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
    const levels = [...(dialog ?? document.querySelector("main")).querySelectorAll("h1, h2, h3, h4, h5, h6")]
      .filter((heading) => heading.checkVisibility())
      .map((heading) => Number(heading.tagName[1]));
    const top = dialog ? 2 : 1;
    if (levels[0] !== top) found.push(`the first heading is h${levels[0]}`);
    if (levels.filter((level) => level <= top).length !== 1) found.push(`headings: ${levels.join(" ")}`);
    if (levels.some((level, index) => index > 0 && level > levels[index - 1] + 1)) found.push(`a level is left out: ${levels.join(" ")}`);
    const speaking = [...document.querySelectorAll("[role=status], [role=alert], [role=log], [aria-live], output")];
    if (speaking.length !== 1) found.push(`${speaking.length} regions speak`);
    if (dialog && !dialog.contains(speaking[0])) found.push("what speaks is outside of the dialog, where nobody hears it");
    if (document.querySelectorAll("main").length !== 1) found.push("not one main");
    if (document.title.trim() === "") found.push("no title");
    return found;
  });
  assert.deepEqual(faults, [], name);
}
