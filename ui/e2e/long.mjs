// Measures the page with what makes chats slow: a thousand messages, twenty thousand pasted lines, a long answer that comes fast. A task of
// more than 100 ms is a fault. Part of `page.mjs`; alone, with all figures: node e2e/long.mjs
import assert from "node:assert/strict";
import { axe, launch, openPage, stepper } from "./browser.mjs";

const MOST_MS = 100;

/** Walks as somebody who is signed in as an employee; gives the figures. */
export async function walkLong({ page, url, step, kilobytes = 60, kinds = ["everything"] }) {
  const figures = {};
  const browser = page.context().browser();
  let traced = false;
  /** Begins to note every task of the page's main thread. */
  const watch = async () => {
    if (traced) await browser.stopTracing();
    traced = true;
    await browser.startTracing(page, { categories: ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel"] });
  };
  /**
   * The longest of them, in milliseconds of the processor: what else runs on the machine makes every clock run fast, but not this one. In an
   * idle machine both are the same.
   */
  const longest = async (name) => {
    await page.waitForTimeout(200);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    traced = false;
    const threads = new Map(traceEvents.filter((event) => event.name === "thread_name").map(({ pid, tid, args }) => [`${pid} ${tid}`, args.name]));
    const tasks = traceEvents.filter((event) => event.name === "RunTask" && event.ph === "X" && threads.get(`${event.pid} ${event.tid}`) === "CrRendererMain");
    const busy = tasks.map(({ tdur = 0 }) => tdur / 1000).toSorted((x, y) => y - x);
    assert.ok(busy.length > 0 && busy[0] > 0, "no task was measured");
    figures[name] = { ...figures[name], longest_task_ms: Math.round(busy[0]), tasks_over_50_ms: busy.filter((ms) => ms > 50).length };
    assert.ok(busy[0] <= MOST_MS, `${name}: tasks of ${busy.filter((ms) => ms > 50).map(Math.round).join(", ")} ms, the longest with ${partsOf(traceEvents, tasks).join(", ")}`);
  };

  await step("the measure of long tasks finds one", async () => {
    await watch();
    // Work and not time: on a busy machine a second may hold little of it.
    await page.evaluate(() => {
      let sum = 0;
      for (let count = 0; count < 600_000_000; count += 1) sum += count % 7;
      return sum;
    });
    await assert.rejects(longest("work for nothing"), /tasks of/u);
    delete figures["work for nothing"];
  });

  await step("a conversation of a thousand messages opens, scrolls, is searched and typed under without a long task", async () => {
    const said = ["The keeper wrote **seventeen** ships into the book:\n\n- upper gate\n- lower gate\n\n", "```python\ndef fill(x):\n    return x * 2\n```\n\n", "| a | b |\n|---|---|\n| 1 | 2 |\n\nAnd $x_1$ rose. "];
    const messages = Array.from({ length: 1000 }, (_, index) => ({
      id: `m${index}`,
      parent: index === 0 ? null : `m${index - 1}`,
      role: index % 2 === 0 ? "user" : "assistant",
      content: index % 2 === 0 ? `Question ${index / 2}: what about the lock of day ${index}?` : `${said.join("")} Needle ${(index - 1) / 2}. ${"The water rose, and it fell again. ".repeat(10)}`,
      state: "complete",
      created: new Date(1_760_000_000_000 + index * 1000).toISOString(),
      model: index % 2 === 0 ? null : "llama-3.3-70b",
      passage: index % 2 === 0 ? null : { request_id: `req_${index}`, label: "INTERNAL", sensitivity: 0, action: "ALLOWED", route: "engine" },
    }));
    await page.goto(`${url}/chat`);
    await page.locator("[data-starter=allowed]:enabled").waitFor();
    const { id } = await page.evaluate(async (body) => (await fetch("/api/chat/import", { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } })).json(), { title: "A thousand", label: "INTERNAL", messages });
    await page.reload();
    await page.locator(`[data-conversation="${id}"] a`).first().waitFor();
    await watch();
    const opened = await page.evaluate(async (wanted) => {
      const began = performance.now();
      document.querySelector(`[data-conversation="${wanted}"] a`).click();
      while (!document.querySelector("[data-turn]")) await new Promise((next) => requestAnimationFrame(next));
      return Math.round(performance.now() - began);
    }, id);
    await page.waitForFunction(() => document.querySelectorAll("[data-turn]").length === 500, undefined, { timeout: 60_000 });
    const settledAfter = await page.evaluate(() => Math.round(performance.now()));
    assert.ok(settledAfter > 0);
    figures["1,000 messages, opening"] = { first_turns_after_ms: opened };
    await longest("1,000 messages, opening");

    await watch();
    for (let count = 0; count < 20; count += 1) {
      await page.mouse.move(700, 300);
      await page.mouse.wheel(0, -4000);
      await page.waitForTimeout(30);
    }
    await longest("1,000 messages, scrolling");

    await watch();
    const presses = await page.evaluate(async () => {
      const field = document.querySelector("main textarea");
      field.focus();
      const times = [];
      for (let index = 0; index < 40; index += 1) {
        const began = performance.now();
        document.execCommand("insertText", false, "x");
        times.push(performance.now() - began);
        await new Promise((next) => requestAnimationFrame(next));
      }
      return times.toSorted((a, b) => a - b);
    });
    figures["1,000 messages, typing"] = { press_p95_ms: Math.round(presses[Math.floor(presses.length * 0.95)] * 10) / 10 };
    await longest("1,000 messages, typing");

    await watch();
    await page.keyboard.press("Control+Shift+f");
    await page.keyboard.type("needle 7.");
    await page.waitForFunction(() => (CSS.highlights.get("found")?.size ?? 0) > 0);
    await longest("1,000 messages, finding");
    await page.keyboard.press("Escape");
    // The browser's own search finds what is out of view, too.
    assert.ok(await page.evaluate(() => globalThis.find("Needle 444.")), "the browser's search does not find it");
    const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
    figures["1,000 messages, memory"] = { heap_mb: Math.round(heap / 1_048_576) };
  });

  await step("twenty thousand pasted lines lie beside the field, are sent, and are folded in the conversation", async () => {
    await page.goto(`${url}/chat`);
    await page.locator("[data-starter=allowed]:enabled").waitFor();
    await page.locator("main textarea").focus();
    await watch();
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.setData("text/plain", Array.from({ length: 20_000 }, (_, line) => `${line}: the water rose, and it fell again, as on each day`).join("\n"));
      document.querySelector("main textarea").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await page.locator("[data-pasted]").waitFor();
    await page.keyboard.type("What is in it?");
    await longest("20,000 pasted lines, pasting");
    await axe(page, "pasted");
    await watch();
    await page.keyboard.press("Enter");
    await page.locator("[data-turn=finished]").waitFor();
    await longest("20,000 pasted lines, sending");
    await watch();
    await page.locator("[data-unfold]").click();
    await page.locator("[data-unfold][aria-expanded=true]").waitFor();
    await longest("20,000 pasted lines, unfolding");
  });

  for (const what of kinds) await step(`${kilobytes} KB of ${what} at 200 pieces a second are drawn without a long task, and what is read does not move`, async () => {
    await page.goto(`${url}/chat`);
    await page.locator("[data-starter=allowed]:enabled").waitFor();
    await watch();
    await page.locator("main textarea").fill(`Write ${kilobytes} KB of ${what}, please.`);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => (document.querySelector("[data-answer]")?.textContent.length ?? 0) > 1500);
    // Somebody reads the beginning: it stays where it is.
    await page.evaluate(() => scrollTo({ top: 0 }));
    await page.waitForTimeout(100);
    const place = () => page.evaluate(() => Math.round(document.querySelector("[data-answer] .prose > *").getBoundingClientRect().top));
    const before = await place();
    await page.waitForFunction(() => document.querySelector("[data-turn]")?.dataset.turn === "finished", undefined, { timeout: 120_000 });
    assert.equal(await place(), before, "what was being read has moved");
    await page.waitForTimeout(500);
    const size = await page.evaluate(() => document.querySelector("[data-answer]").textContent.length);
    figures[`${kilobytes} KB of ${what}`] = { characters_shown: size };
    await longest(`${kilobytes} KB of ${what}`);
  });

  return figures;
}

/** What the longest task consisted of. */
function partsOf(events, tasks) {
  const [{ ts, dur, pid, tid }] = tasks.toSorted((x, y) => (y.tdur ?? 0) - (x.tdur ?? 0));
  const inside = events.filter((event) => event.ph === "X" && event.pid === pid && event.tid === tid && event.ts >= ts && event.ts <= ts + dur && event.name !== "RunTask");
  const sums = new Map();
  for (const { name, tdur = 0 } of inside) sums.set(name, (sums.get(name) ?? 0) + tdur / 1000);
  return [...sums].toSorted(([, x], [, y]) => y - x).slice(0, 6).map(([name, ms]) => `${name} ${Math.round(ms)}`);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const house = await (await import("../testing/serve.mjs")).serve();
  const browser = await launch();
  const faults = [];
  const page = await openPage(browser, house.url, faults);
  const { step, result } = stepper(faults, async () => undefined);
  await page.goto(house.url);
  await page.locator("[data-role=employee]").click();
  await page.locator("[data-account]").waitFor();
  const wanted = process.argv[2];
  console.table(await walkLong({ page, url: house.url, kinds: ["everything", "list", "table", "code", "line"], step: async (name, body) => (wanted === undefined || name.includes(wanted) ? step(name, body) : undefined) }));
  await browser.close();
  house.server.closeAllConnections();
  house.server.close();
  process.exitCode = result.failed > 0 ? 1 : 0;
}
