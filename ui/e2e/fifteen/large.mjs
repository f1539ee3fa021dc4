// 3 and 4: a conversation of a thousand messages, and much at once.
import assert from "node:assert/strict";
import { api, ask, ended, field, newChat, person, pictures, row, same, startEngine, startHouse } from "../stage.mjs";
import { quantile, watchTasks } from "../tasks.mjs";

const MESSAGES = 1000;
const LINES = 20_000;
const FILES = 50;
const TASK = { unit: "ms of the processor" };

/** A conversation as a file that the house takes in. */
export function exported(count) {
  const text = ["The keeper wrote **seventeen** ships into the book:\n\n- upper gate\n- lower gate\n\n", "```python\ndef fill(x):\n    return x * 2\n```\n\n", "| a | b |\n|---|---|\n| 1 | 2 |\n\nAnd $x_1$ rose. "].join("");
  return Array.from({ length: count }, (_, index) => ({
    id: `m${index}`,
    parent: index === 0 ? null : `m${index - 1}`,
    role: index % 2 === 0 ? "user" : "assistant",
    content: index % 2 === 0 ? `Question ${index / 2}: what about the lock of day ${index}?` : `${text} Needle ${(index - 1) / 2}. ${"The water rose, and it fell again. ".repeat(10)}`,
    state: "complete",
    created: new Date(1_760_000_000_000 + index * 1000).toISOString(),
    model: index % 2 === 0 ? null : "tiny",
    passage: null,
  }));
}

/** Runs something under watch, and holds its longest task to the mark. */
async function unfrozen(page, what, doing) {
  const { longest, parts } = await watchTasks(page, doing);
  if (!row(`${what}: longest task`, longest, 100, TASK)) console.log(parts.join(", "));
}

/** 3: a thousand messages. */
export async function thousandMessages() {
  const house = await startHouse([await startEngine()]);
  const page = await person(house);
  await newChat(page, house);
  const empty = (await api(page, "/api/chat/conversations", { method: "POST", body: {} })).body.id;
  const file = (await api(page, `/api/chat/conversations/${empty}/export?format=json`)).body;
  const imported = await api(page, "/api/chat/import", { method: "POST", body: { ...file, title: "A thousand", messages: exported(MESSAGES) } });
  assert.equal(imported.status, 201, JSON.stringify(imported.body));
  const { id } = imported.body;
  await page.reload();
  const link = page.locator(`[data-conversation="${id}"] a`).first();
  await link.waitFor();
  let opened;
  await unfrozen(page, `${MESSAGES} messages, opening`, async () => {
    opened = await page.evaluate(async (wanted) => {
      const began = performance.now();
      document.querySelector(`[data-conversation="${wanted}"] a`).click();
      while (!document.querySelector("[data-turn]")) await new Promise((next) => requestAnimationFrame(next));
      return performance.now() - began;
    }, id);
    await page.waitForFunction((turns) => document.querySelectorAll("[data-turn]").length === turns, MESSAGES / 2, { timeout: 60_000 });
  });
  row("opening: first turns after", opened, 400, { unit: "ms", clock: true, slack: 12 });

  await unfrozen(page, "scrolling", async () => {
    for (let count = 0; count < 20; count += 1) {
      await page.mouse.move(700, 300);
      await page.mouse.wheel(0, -4000);
      await page.waitForTimeout(30);
    }
  });

  let presses = [];
  const typing = await watchTasks(page, async () => {
    await field(page).focus();
    presses = await page.evaluate(async () => {
      const times = [];
      for (let index = 0; index < 40; index += 1) {
        const began = performance.now();
        document.execCommand("insertText", false, "x");
        times.push(performance.now() - began);
        await new Promise((next) => requestAnimationFrame(next));
      }
      return times;
    });
  });
  row("typing: a press, p95", quantile(presses, 0.95), 16, { unit: "ms", clock: true, slack: 12 });
  row("typing: longest task", typing.longest, 100, TASK);
  await field(page).fill("");

  await unfrozen(page, "finding", async () => {
    await page.keyboard.press("Control+Shift+f");
    await page.keyboard.type("needle 7.");
    await page.waitForFunction(() => (CSS.highlights.get("found")?.size ?? 0) > 0);
  });
  await page.keyboard.press("Escape");
  same("the browser's own search finds what is out of view", await page.evaluate(() => globalThis.find("Needle 444.")), true);
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  row("heap", usedSize / 1_048_576, 150, { unit: "MB" });
  await pictures(page, "03-thousand");
}

/** 4: twenty thousand lines, fifty files. */
export async function muchAtOnce() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  const page = await person(house);
  await newChat(page, house);
  await field(page).focus();
  const last = `${LINES - 1}: the water rose, and it fell again, as on each day`;
  await unfrozen(page, `${LINES} lines, pasting`, async () => {
    await page.evaluate((count) => {
      const data = new DataTransfer();
      data.setData("text/plain", Array.from({ length: count }, (_, line) => `${line}: the water rose, and it fell again, as on each day`).join("\n"));
      document.querySelector("main textarea").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }, LINES);
    await page.locator("[data-pasted]").waitFor();
    await page.keyboard.type("What is in it?");
  });
  await pictures(page, "04-pasted");
  await unfrozen(page, `${LINES} lines, sending`, async () => {
    await page.keyboard.press("Enter");
    assert.equal(await ended(page), "finished");
  });
  const [question] = await engine.questions();
  const content = question.messages.at(-1).content;
  same("lines that reached the model", content.split("\n").filter((line) => /^\d+: the water rose/u.test(line)).length, LINES);
  assert.ok(content.includes(last));
  await unfrozen(page, `${LINES} lines, unfolding`, async () => {
    await page.locator("[data-unfold]").click();
    await page.locator("[data-unfold][aria-expanded=true]").waitFor();
  });

  await newChat(page, house);
  const drop = async (from, count) =>
    page.evaluate(
      ([first, many]) => {
        const data = new DataTransfer();
        for (let index = first; index < first + many; index += 1) data.items.add(new File([`Akte ${index}: `, "das Wasser stieg, und es fiel wieder. ".repeat(400)], `akte-${index}.txt`, { type: "text/plain" }));
        const target = document.querySelector("main textarea");
        for (const type of ["dragenter", "dragover", "drop"]) target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      [from, count],
    );
  await unfrozen(page, `${FILES} files, dropping`, async () => {
    await drop(0, FILES);
    await page.locator("[data-file]").nth(FILES - 1).waitFor();
    same("chips of files", await page.locator("[data-file]").count(), FILES);
    same("files that can be cancelled", await page.locator("[data-file] [data-detach]").count(), FILES);
    row("files whose progress is shown", await page.locator("[data-file] progress").count(), 1, { atLeast: true });
    await page.locator("[data-file] [data-detach]").last().click();
    same("chips after one was cancelled", await page.locator("[data-file]").count(), FILES - 1);
    await page.locator("[data-file=ready]").nth(FILES - 2).waitFor({ timeout: 150_000 });
  });
  await pictures(page, "04-files");
  await unfrozen(page, `${FILES - 1} files, sending`, async () => {
    await ask(page, "Was steht in den Akten?");
    assert.equal(await ended(page), "finished");
  });
  const sent = JSON.stringify((await engine.questions()).at(-1));
  same("files that reached the model", Array.from({ length: FILES }, (_, index) => index).filter((index) => sent.includes(`Akte ${index}: `)).length, FILES - 1);
}
