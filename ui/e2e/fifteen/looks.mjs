// 9: everything by keyboard, for a screen reader, in both languages, light, dark and forced colours, and at 400 % zoom.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { axe, fits, structure } from "../browser.mjs";
import { german } from "../english.mjs";
import { ask, begun, ended, newChat, person, pictures, row, same, startEngine, startHouse } from "../stage.mjs";

/** Who sees which page; a page that nobody of them has is missed below. */
const ROLES = ["employee", "security", "admin", "auditor"];
const LOOKS = [
  ["de", "light", "none"],
  ["en", "light", "none"],
  ["de", "dark", "none"],
  ["en", "dark", "none"],
  ["de", "light", "active"],
  ["en", "dark", "active"],
];

/** The pages there are, as the page itself names them. */
function namesOfPages() {
  const routes = readFileSync(new URL("../../src/app/routes.ts", import.meta.url), "utf8");
  const names = [...routes.matchAll(/^ {2}(\w+): \{ icon:/gmu)].map(([, name]) => name);
  assert.ok(names.length > 10, "the pages are not found in routes.ts");
  return names;
}

/** Waits until a page has its heading and is not waiting for anything. */
async function settled(page) {
  await page.locator("main h1").first().waitFor({ state: "attached" });
  await page.waitForLoadState("networkidle", { timeout: 4000 }).catch(() => undefined);
  // Buttons change their colours slowly when their data has come.
  await page.waitForFunction(() => document.getAnimations().every((animation) => !(animation instanceof CSSTransition)));
}

async function dress(page, [language, colorScheme, forcedColors]) {
  await page.emulateMedia({ colorScheme, forcedColors, reducedMotion: "reduce" });
  await page.evaluate((chosen) => localStorage.setItem("schleuse.language", chosen), language);
}

export async function everybody() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  const left = new Set(namesOfPages());
  let looked = 0;
  const judge = async (page, name, language) => {
    looked += 1;
    await pictures(page, `09-${name}`, true);
    await axe(page, name);
    await structure(page, name);
    await fits(page, name);
    if (language === "de") await german(page, name);
  };
  const faults = [];
  const noted = async (doing) => {
    try {
      await doing();
    } catch (error) {
      faults.push(String(error.message).slice(0, 600));
    }
  };

  const guest = await person(house, null);
  for (const look of LOOKS) {
    await guest.goto(`${house.url}/sign-in`);
    await dress(guest, look);
    await guest.reload();
    await guest.locator("[data-role]").first().waitFor();
    await noted(async () => judge(guest, `sign-in-${look.join("-")}`, look[0]));
  }
  await guest.context().close();

  for (const role of ROLES) {
    const page = await person(house, role);
    const { pages } = await page.evaluate(async () => (await fetch("/auth/session")).json());
    const own = [...left].filter((name) => pages.includes(name));
    for (const name of own) left.delete(name);
    if (role === "employee") {
      await engine.follow({ text: "Eine Schleuse hat **zwei** Tore:\n\n| Tor | Höhe |\n|---|---:|\n| oberes | 3,5 |\n\n```sh\necho Tor\n```\n" });
      await newChat(page, house);
      await ask(page, "Was ist eine Schleuse?");
      await ended(page);
    }
    const shown = [...own.map((name) => [name, `/${name}`]), ...(role === "employee" ? [["conversation", new URL(page.url()).pathname], ["shared", "/shared"], ["nowhere", "/nowhere"], ["denied", "/people"]] : [])];
    for (const [name, path] of shown) {
      for (const look of LOOKS) {
        await page.setViewportSize({ width: 1280, height: 860 });
        await dress(page, look);
        await page.goto(house.url + path);
        await settled(page);
        await noted(async () => judge(page, `${name}-${look.join("-")}-1280`, look[0]));
        if (look[2] === "active") continue;
        // A telephone, and 400 % zoom of 1280 × 1024.
        const [width, height] = look[1] === "light" ? [360, 780] : [320, 256];
        await page.setViewportSize({ width, height });
        await page.waitForTimeout(50);
        await noted(async () => {
          looked += 1;
          await pictures(page, `09-${name}-${look.join("-")}-${width}`, true);
          await fits(page, `${name}-${look.join("-")}-${width}`);
          await structure(page, `${name}-${look.join("-")}-${width}`);
        });
      }
    }
    await page.context().close();
  }
  same("pages that nobody has looked at", [...left].join(" "), "");
  row("looks that were judged", looked, 130, { atLeast: true });
  if (!same("violations of axe, cut or covered texts, foreign words", faults.length, 0)) console.log(faults.join("\n\n"));

  await byKeyboard(house, engine);
}

/** What has the focus, and whether one sees that it has. */
const FOCUSED = () => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const around = element.closest("form, label, li") ? getComputedStyle(element.closest("form, label, li")) : undefined;
  const marked = (outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 1) || boxShadow !== "none" || (around?.boxShadow ?? "none") !== "none";
  // In view, if not under something.
  const inView = box.bottom > 0 && box.top < innerHeight && box.width > 0;
  return { name: `${element.localName}${[...element.attributes].filter(({ name }) => name.startsWith("data-")).map(({ name }) => `[${name}]`).join("")} ${(element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 30)}`, marked, inView, borderColor, isBody: element === document.body };
};

/** A whole visit without a pointer: sign in, ask, stop, ask again, edit, change model and label, find, share, leave. */
async function byKeyboard(house, engine) {
  const page = await person(house, null, { language: "de" });
  await page.goto(`${house.url}/`);
  await page.locator("[data-role=employee]").waitFor();
  const invisible = [];
  const noted = new Set();
  const tabTo = async (selector, limit = 80) => {
    for (let count = 0; count < limit; count += 1) {
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(FOCUSED);
      if (!focused.isBody && !(focused.marked && focused.inView)) invisible.push(focused.name);
      noted.add(focused.name);
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    }
    throw new Error(`the keyboard does not reach ${selector}; it reached\n${[...noted].join("\n")}`);
  };
  await tabTo("[data-role=employee]");
  await page.keyboard.press("Enter");
  await page.locator("[data-starter]:enabled").first().waitFor();
  const announced = () => page.evaluate(() => globalThis.announced.splice(0));
  await page.evaluate(() => {
    globalThis.announced = [];
    let last = "";
    new MutationObserver(() => {
      const text = document.querySelector("[data-status]")?.textContent.trim() ?? "";
      if (text !== "" && text !== last) globalThis.announced.push(text);
      last = text;
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
  });

  await engine.follow({ text: "Ein Tor geht auf, ein Tor geht zu. ".repeat(40), piece: 12, ms: 10 });
  await tabTo("main textarea");
  await page.keyboard.type("Wie geht das Tor auf?");
  await page.keyboard.press("Enter");
  await begun(page, 30);
  await ended(page);
  await page.waitForFunction(() => globalThis.announced.length > 1);
  const phases = await announced();
  same("announcements of an answer: it is being written, it is there", phases.length, 2);
  same("announcements that differ", new Set(phases).size, phases.length);

  // Stop, without a pointer.
  await page.keyboard.type("Und zu?");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("[data-answer]").length === 2);
  await begun(page, 30);
  await tabTo("[data-stop]");
  await page.keyboard.press("Enter");
  same("stopped by keyboard", await ended(page), "stopped");
  await engine.follow({ text: "Kurz gesagt: mit Wasser." });
  for (const [what, selector] of [
    ["edit a question", "[data-edit]"],
    ["copy an answer", "[data-turn] button"],
    ["answer again", "[data-again]"],
    ["choose the model", "[data-choice=model]"],
    ["choose the label", "[data-choice=label]"],
    ["more options", "[data-composer-options]"],
    ["send", "main textarea"],
    ["the conversation's options", "[data-options]"],
    ["search the history", "[data-history-search]"],
    ["the account", "[data-account]"],
  ]) {
    await tabTo(selector, 120);
    same(`by keyboard: ${what}`, true, true);
  }
  await page.keyboard.press("Control+k");
  await page.locator("[data-palette]").waitFor();
  const commands = await page.locator("[data-palette] [role=option]").count();
  row("commands of the palette before a word is typed", commands, 10, { atLeast: true });
  await page.keyboard.press("Escape");
  await page.locator("[data-palette]").waitFor({ state: "detached" });
  same("stops of the keyboard without a visible focus", [...new Set(invisible)].join(" · "), "");
  await page.context().close();
}
