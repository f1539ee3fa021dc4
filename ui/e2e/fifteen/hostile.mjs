// 8: what is half written does not flicker, and what is written with bad intent runs nothing, loads nothing and leads nowhere.
import assert from "node:assert/strict";
import { hostile } from "../../testing/texts.mjs";
import { ask, begun, ended, newChat, person, pictures, row, same, startBeacon, startEngine, startHouse } from "../stage.mjs";
import { watchTasks } from "../tasks.mjs";

/** Elements that a text may become, and nothing else. */
const HARMLESS = /^(?:math|m[a-z]+|div|p|h[1-6]|ul|ol|li|strong|em|del|code|pre|span|table|thead|tbody|tr|th|td|blockquote|hr|br|button|svg|path|mark|iframe)$/u;

/** Half of everything that Markdown knows, one after the other, so that each is open for a while. */
const HALVES = [
  "## A heading with **bold** and `code`\n\n",
  "A paragraph that begins **bold and goes on for a while** and *leans while it is written* and ~~goes away~~ and `is code` and [leads](https://example.org/somewhere \"nowhere\").\n\n",
  "1. first\n2. second\n   - nested **one**\n     - nested *two*\n       1. nested `three`\n   - and back\n3. third\n\n",
  "```rust\nfn main() {\n    let open = \"a fence that is open for long\";\n    println!(\"{open}\");\n}\n```\n\n",
  "~~~\nanother fence\n~~~\n\n",
  `| ${Array.from({ length: 200 }, (_, column) => `column ${column}`).join(" | ")} |\n|${" --- |".repeat(200)}\n|${" 1 |".repeat(200)}\n|${" 2 |".repeat(200)}\n\n`,
  "It costs $5 or $7, and 20 $ more. But $E = mc^2$, and\n\n$$\n\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}\n$$\n\n",
  "> quoted\n> > twice **bold\n> over lines**\n\n",
  "العربية تُكتب من اليمين، עברית גם, and back 👩‍👩‍👧‍👦 🏳️‍🌈 é ﷺ.\n\n",
  "- [x] done\n- [ ] open\n\n***\n\nSetext\n======\n\nThe end of the halves.",
].join("");

/** Notes, frame by frame, what of an answer that was shown is not shown any more. */
const WATCH_FLICKER = () => {
  globalThis.flicker = { vanished: 0, replaced: [], shrunk: 0, frames: 0 };
  let blocks = [];
  let height = 0;
  const look = () => {
    requestAnimationFrame(look);
    const prose = document.querySelector("[data-answer] .prose");
    if (!prose || document.querySelector("[data-turn]")?.dataset.turn !== "streaming") return;
    globalThis.flicker.frames += 1;
    const now = [...prose.children].map((element) => ({ element, text: element.textContent }));
    // The last two blocks are being written; those before them stay the same elements with the same text.
    for (const [index, { element, text }] of blocks.slice(0, -2).entries()) {
      // The first formula of a visit is plain text until what draws it has come.
      if (!element.isConnected && element.localName === "code") continue;
      if (!element.isConnected) globalThis.flicker.replaced.push(`${element.localName} ${text.slice(0, 40)}`);
      else if (now[index]?.text !== text && !element.querySelector("pre, math, [data-code]")) globalThis.flicker.vanished += 1;
    }
    const tall = prose.getBoundingClientRect().height;
    if (tall < height - 60) globalThis.flicker.shrunk += 1;
    height = tall;
    blocks = now;
  };
  requestAnimationFrame(look);
};

export async function markdown() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  const beacon = await startBeacon();
  const page = await person(house);
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url())));
  page.on("dialog", (dialog) => {
    asked.push(new URL(`dialog:${dialog.message()}`));
    void dialog.dismiss();
  });
  await page.addInitScript(WATCH_FLICKER);
  await newChat(page, house);
  await engine.follow({ text: HALVES, piece: 3, ms: 4 });
  await ask(page, "Schreib alles halb.");
  await begun(page, 40);
  await ended(page, 90_000);
  const { frames, vanished, replaced, shrunk } = await page.evaluate(() => globalThis.flicker);
  row("frames that were looked at", frames, 30, { atLeast: true });
  same("blocks that were read and drawn anew", replaced.join(" · "), "");
  same("blocks that were read and changed", vanished, 0);
  same("frames in which the answer became much smaller", shrunk, 0);
  const answer = page.locator("[data-answer]").last();
  same("prices stay prices", (await answer.innerText()).includes("It costs $5 or $7, and 20 $ more."), true);
  row("formulas are mathematics", await answer.locator("math").count(), 2, { atLeast: true });
  same("columns of a wide table", await answer.locator("table th").count(), 200);
  await pictures(page, "08-halves");

  const text = hostile(beacon.url);
  await engine.follow({ text, piece: 4096, ms: 2 });
  await newChat(page, house);
  asked.length = 0;
  const { longest, parts } = await watchTasks(page, async () => {
    await ask(page, "Gib mir das Schlimmste.");
    await answer.locator("p", { hasText: "The end of it." }).waitFor({ timeout: 90_000 });
    await ended(page, 90_000);
    await page.waitForTimeout(300);
  });
  if (!row(`longest task with ${Math.round(text.length / 1024)} KB of it, a line of a megabyte among it`, longest, 500, { unit: "ms of the processor" })) console.log(parts.join(", "));
  const found = await answer.evaluate((element) => ({
    elements: [...new Set([...element.querySelectorAll("*")].map(({ localName }) => localName))],
    addresses: element.querySelectorAll("[href], [src]:not(iframe), [srcset], [action], [data], [style], [formaction], [xlink\\:href], [srcdoc]").length,
    // Diagrams are drawn in a frame without an origin, which reaches nothing.
    frames: [...element.querySelectorAll("iframe")].map((frame) => `${new URL(frame.src, location.href).pathname} ${frame.getAttribute("sandbox")}`).filter((frame) => frame !== "/frame.html allow-scripts").join(" · "),
    handlers: [...element.querySelectorAll("*")].flatMap(({ attributes }) => [...attributes].map(({ name }) => name)).filter((name) => name.startsWith("on")).length,
    hidden: /[\u202A-\u202E\u2066-\u2069\u200B\u{E0041}]/u.test([...element.querySelectorAll("p, pre")].map(({ textContent }) => textContent).join("")),
  }));
  same("elements that a text must not become", found.elements.filter((name) => !HARMLESS.test(name)).join(" "), "");
  same("frames that could reach something", found.frames, "");
  same("addresses, styles and handlers", found.addresses + found.handlers, 0);
  same("hidden characters in the page", found.hidden, false);
  same("scripts that ran", await page.evaluate(() => globalThis.hacked ?? null), null);
  // Whoever clicks on everything gets nowhere either.
  for (const place of await answer.locator("p").all()) await place.click({ position: { x: 5, y: 5 }, force: true, timeout: 2000 }).catch(() => undefined);
  await page.reload();
  await answer.locator("p", { hasText: "The end of it." }).waitFor();
  const elsewhere = asked.filter((url) => url.origin !== house.url).map(String);
  same("requests and dialogs of the browser to elsewhere", elsewhere.join(" "), "");
  same("requests of paths that are not the page's own", asked.filter((url) => !/^\/(?:assets|api|auth|v1|chat|house\.json|frame\.html$)/u.test(url.pathname)).join(" "), "");
  same("what the beacon heard", beacon.asked.join(" "), "");
  // The beacon hears what is sent to it, or its silence says nothing.
  await fetch(`${beacon.url}/control`);
  assert.deepEqual(beacon.asked, ["GET /control"]);
  beacon.stop();
  await page.evaluate(() => scrollTo(0, 0));
  await pictures(page, "08-hostile");
}
