// 2, 5 and 6: what arrives is drawn at once and stays where it is, an answer survives whatever happens to its readers, and Stop stops.
import assert from "node:assert/strict";
import { lengthy } from "../../testing/texts.mjs";
import { api, ask, begun, ended, forgive, kept, newChat, person, pictures, row, same, startCable, startEngine, startHouse } from "../stage.mjs";
import { quantile, watchTasks } from "../tasks.mjs";

/** Tokens a second. */
const PACE_MS = 5;
const KILOBYTES = 60;

/** So much plain text, in which no two places are alike. */
export function prose(bytes) {
  const parts = [];
  for (let size = 0, number = 0; size < bytes; number += 1) {
    const sentence = `Das Schiff ${number} lag um ${number % 24} Uhr vor dem Tor, und die Wärterin schrieb „Höhe ${number * 7} cm“ in ihr Buch 🚢.${number % 5 === 4 ? "\n\n" : " "}`;
    parts.push(sentence);
    size += Buffer.byteLength(sentence);
  }
  return parts.join("").trimEnd();
}

/** What the answer shows, as it was written: its paragraphs are all that its Markdown is. */
const shown = async (page) => page.evaluate(() => [...[...document.querySelectorAll("[data-answer]")].at(-1).querySelectorAll("p")].map(({ textContent }) => textContent).join("\n\n").trimEnd());

/** Counts the letters that come in over the stream of events, and those that are in the page after each frame. */
const WATCH_LETTERS = () => {
  const letters = (text) => text.replaceAll(/[^a-zA-ZäöüÄÖÜß]/gu, "").length;
  globalThis.arrived = [];
  globalThis.drawn = [];
  let total = 0;
  let rest = "";
  const decoder = new TextDecoder();
  const { read } = ReadableStreamDefaultReader.prototype;
  ReadableStreamDefaultReader.prototype.read = async function counted() {
    const result = await read.call(this);
    if (result.value instanceof Uint8Array) {
      rest += decoder.decode(result.value, { stream: true });
      const frames = rest.split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const data = /^event: ?text$/mu.test(frame) ? /^data: ?(.*)$/mu.exec(frame)?.[1] : undefined;
        if (data === undefined) continue;
        total += letters(JSON.parse(data).text);
        globalThis.arrived.push([performance.now(), total]);
      }
    }
    return result;
  };
  const channel = new MessageChannel();
  let count = 0;
  let before = "";
  // After the frame in which it was drawn.
  channel.port1.addEventListener("message", () => globalThis.drawn.push([performance.now(), count]));
  channel.port1.start();
  const look = () => {
    const text = document.querySelector("[data-answer]")?.textContent ?? "";
    if (text !== before) {
      before = text;
      count = letters(text);
      channel.port2.postMessage(0);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
};

/** 2: token arrival → pixels. */
export async function pixels() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  const watched = await person(house);
  await watched.addInitScript(WATCH_LETTERS);
  await newChat(watched, house);
  // As many bytes in pieces of the size of a token take 75 s; more of them at once are no easier to draw.
  const text = prose(20 * 1024);
  await engine.follow({ text, piece: 8, ms: PACE_MS });
  await ask(watched, "Was war?");
  assert.equal(await ended(watched, 120_000), "finished");
  assert.equal(await shown(watched), text);
  const late = await watched.evaluate(() => {
    let at = 0;
    return globalThis.arrived.map(([when, letters]) => {
      while (at < globalThis.drawn.length && (globalThis.drawn[at][1] < letters || globalThis.drawn[at][0] < when)) at += 1;
      return at < globalThis.drawn.length ? globalThis.drawn[at][0] - when : Number.NaN;
    });
  });
  const drawn = late.filter((ms) => !Number.isNaN(ms));
  row("arrivals that were drawn", drawn.length / late.length, 0.98, { atLeast: true });
  row("arrival → pixels, p95", quantile(drawn, 0.95), 50, { unit: "ms", clock: true, slack: 12 });

  const page = await person(house);
  await newChat(page, house);
  const rich = lengthy(KILOBYTES);
  await engine.follow({ text: rich, piece: 20, ms: PACE_MS });
  const watchedTasks = await watchTasks(page, async () => {
    await ask(page, "Schreib alles auf.");
    await begun(page, 1500);
    // Somebody reads the beginning: it stays where it is.
    await page.evaluate(() => {
      scrollTo({ top: 0 });
      globalThis.places = new Set();
      const look = () => {
        globalThis.places.add(Math.round(document.querySelector("[data-answer] .prose > :nth-child(3)").getBoundingClientRect().top));
        requestAnimationFrame(look);
      };
      requestAnimationFrame(() => requestAnimationFrame(look));
    });
    assert.equal(await ended(page, 120_000), "finished");
  });
  assert.equal((await kept(page)).messages[1].content, rich);
  same("places that what is read had on the screen", (await page.evaluate(() => [...globalThis.places])).length, 1);
  if (!row(`longest task while ${KILOBYTES} KB arrive`, watchedTasks.longest, 100, { unit: "ms of the processor" })) console.log(watchedTasks.parts.join(", "));
  row(`processor for ${KILOBYTES} KB`, watchedTasks.all / 1000, 5, { unit: "s", clock: true, slack: 3 });
  await pictures(page, "02-sixty-kilobytes");
}

/** Notes how long after each connection to a run its answer goes on. */
const WATCH_CONNECTIONS = () => {
  globalThis.continued = [];
  const get = globalThis.fetch;
  globalThis.fetch = async (...given) => {
    const answer = await get(...given);
    if (answer.ok && new URL(answer.url).pathname.endsWith("/events")) {
      const began = performance.now();
      const length = () => [...document.querySelectorAll("[data-answer]")].at(-1)?.textContent.length ?? 0;
      const before = length();
      const look = () => (length() > before ? globalThis.continued.push(performance.now() - began) : requestAnimationFrame(look));
      look();
    }
    return answer;
  };
};

/** 5: reload, closed tab, sleep, second device, killed house. */
export async function resume() {
  const engine = await startEngine();
  const house = await startHouse([engine], '[labels]\napproval = "two"\n');
  const cable = await startCable(house);
  const page = await person(cable);
  await page.addInitScript(WATCH_CONNECTIONS);
  const text = prose(12 * 1024);
  const waits = [];
  const note = async (target) => {
    await target.waitForFunction(() => globalThis.continued.length > 0, undefined, { timeout: 30_000 });
    waits.push(await target.evaluate(() => globalThis.continued.at(-1)));
  };
  await newChat(page, cable);
  await engine.follow({ text, piece: 8, ms: 8 });
  await ask(page, "Was war?");
  await begun(page, 300);
  const address = page.url();
  const straight = address.replace(cable.url, house.url);

  await page.reload();
  await note(page);
  const second = await person(house);
  await second.addInitScript(WATCH_CONNECTIONS);
  await second.goto(straight);
  await note(second);
  // Asleep, and awake again.
  await page.evaluate(() => {
    globalThis.continued = [];
  });
  await page.context().setOffline(true);
  cable.pull();
  await page.waitForTimeout(2500);
  cable.put();
  await page.context().setOffline(false);
  const woken = Date.now();
  await page.waitForFunction(() => globalThis.continued.length > 0, undefined, { timeout: 30_000 });
  row("text goes on after a sleep", Date.now() - woken, 1000, { unit: "ms", clock: true, slack: 10 });
  await note(page);
  forgive(/ERR_(?:INCOMPLETE_CHUNKED_ENCODING|INTERNET_DISCONNECTED|CONNECTION_|EMPTY_RESPONSE|NETWORK_CHANGED)/u);
  const other = await page.context().newPage();
  await page.close();
  await other.addInitScript(WATCH_CONNECTIONS);
  await other.goto(address);
  await note(other);
  assert.equal(await other.locator("[data-turn]").getAttribute("data-turn"), "streaming", "the answer was over before everything had happened");
  for (const reader of [other, second]) {
    await ended(reader);
    alike("bytes that differ from what the model wrote", await shown(reader), text);
  }
  alike("bytes that the house kept otherwise", (await kept(other)).messages[1].content, text);
  row("text goes on after a connection, slowest of reload, second device, sleep, closed tab", Math.max(...waits), 300, { unit: "ms", clock: true, slack: 20 });
  same("questions that reached the model", (await engine.questions()).length, 1);

  // Somebody waits for a second person while the house is killed.
  const security = await person(house, "security");
  const conversation = new URL(address).pathname.split("/").at(-1);
  const asked = await api(security, `/api/chat/conversations/${conversation}/declassify`, { method: "POST", body: { to: "PUBLIC", reason: "Es ist öffentlich." } });
  assert.equal(asked.status, 202);
  await engine.follow({ text, piece: 8, ms: 8 });
  await ask(other, "Und danach?");
  await other.waitForFunction(() => document.querySelectorAll("[data-answer]").length === 2);
  await begun(other, 1500);
  await house.kill();
  await house.again();
  await ended(other);
  forgive(/ERR_(?:INCOMPLETE_CHUNKED_ENCODING|CONNECTION_|EMPTY_RESPONSE)/u);
  await second.goto(straight);
  await ended(second);
  const { messages } = await kept(second);
  const partial = messages.at(-1).content;
  assert.ok(partial.length > 0 && text.startsWith(partial), "what was kept of the answer is not its beginning");
  for (const reader of [other, second]) alike("bytes of the killed answer that differ from what was kept", await shown(reader), partial.trimEnd());
  const waiting = await api(security, "/api/approvals");
  same("approvals that still wait after the kill", waiting.body.approvals.filter(({ state }) => state === "pending").length, 1);
  await engine.follow({ text: "Wieder da." });
  await other.locator("[data-again]").last().click();
  await other.locator("[data-again-with]").first().click();
  await other.waitForFunction(() => [...document.querySelectorAll("[data-answer]")].at(-1)?.textContent === "Wieder da.");
  await pictures(other, "05-resumed");
  cable.stop();
}

/** Counts the characters that two texts do not have in common, from the first that differs on. */
function alike(what, one, other) {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  if (!same(what, Math.max(one.length, other.length) - at, 0)) console.log(`${JSON.stringify(one.slice(at - 30))}\n${JSON.stringify(other.slice(at - 30))}`);
}

/** 6: Stop. */
export async function stop() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  const page = await person(house);
  const text = prose(40 * 1024);
  await engine.follow({ text, piece: 8, ms: 10 });
  const times = [];
  for (const number of [1, 2, 3, 4, 5]) {
    await newChat(page, house);
    await ask(page, "Was war?");
    await begun(page, 100);
    const before = await engine.written();
    // From the click to the moment at which the model server sees its asker leave.
    const began = performance.now();
    await Promise.all([page.locator("[data-stop]").evaluate((button) => button.click()), engine.aborted(number).then(() => times.push(performance.now() - began))]);
    const after = await engine.written();
    assert.equal(await ended(page), "stopped");
    row("pieces that the model still wrote, of 5,000", after.pieces - before.pieces, 20, { clock: true, slack: 25 });
    const { messages } = await kept(page);
    const { state, content } = messages.at(-1);
    assert.ok(state === "stopped" && content.length >= 100 && text.startsWith(content), `${state}: ${content.length}`);
    alike("bytes of the partial answer that are shown otherwise", await shown(page), content.trimEnd());
    assert.equal((await engine.written()).pieces, after.pieces, "the model went on writing");
  }
  row("click → the model server is let go, quickest of five", Math.min(...times), 200, { unit: "ms", clock: true });
  row("click → the model server is let go, slowest of five", Math.max(...times), 200, { unit: "ms", clock: true, slack: 20 });
  await pictures(page, "06-stopped");
}
