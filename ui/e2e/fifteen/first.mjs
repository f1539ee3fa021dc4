// 1 and 15: the first visit. How soon one may ask, what comes over the wire for it, what Lighthouse says, and how few steps lead to an answer.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";
import { launch } from "../browser.mjs";
import { begun, ended, person, pictures, row, same, startEngine, startHouse, theBrowser } from "../stage.mjs";
import { watchTasks } from "../tasks.mjs";

const SLOWED = 4;
/** A local network, in bytes a second and in milliseconds there and back. */
const LAN = { offline: false, downloadThroughput: 12_500_000, uploadThroughput: 12_500_000, latency: 2 };

/** Notes when one may first ask. */
const WATCH_USABLE = () => {
  const look = () => {
    const field = document.querySelector("main textarea");
    if (field && !field.disabled && document.querySelector("[data-starter]:enabled")) globalThis.usable = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
};

/** The same person with nothing kept of the page. */
async function coldPage(page) {
  const context = await (await theBrowser()).newContext({ locale: "de-DE", storageState: await page.context().storageState(), viewport: { width: 1280, height: 860 } });
  const cold = await context.newPage();
  await cold.addInitScript(WATCH_USABLE);
  return cold;
}

const isUsable = async (page) => {
  await page.waitForFunction(() => globalThis.usable !== undefined, undefined, { timeout: 60_000 });
  return page.evaluate(() => globalThis.usable);
};

/** 1: first chat usable. */
export async function usable() {
  const house = await startHouse([await startEngine()]);
  const page = await person(house);
  const slow = await coldPage(page);
  const session = await slow.context().newCDPSession(slow);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", LAN);
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWED });
  let bytes = 0;
  let count = 0;
  const elsewhere = [];
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    count += 1;
  });
  slow.on("request", (request) => new URL(request.url()).origin === house.url || elsewhere.push(request.url()));
  await slow.goto(`${house.url}/chat`);
  row(`cold cache, LAN, processor ${SLOWED} times slower: one may ask after`, await isUsable(slow), 1500, { unit: "ms", clock: true });
  row("bytes over the wire until then", bytes / 1024, 300, { unit: "KB" });
  row("requests until then", count, 40);
  same("requests to elsewhere", elsewhere.length, 0);
  await pictures(slow, "01-first");

  const quick = await coldPage(page);
  const { all, longest } = await watchTasks(quick, async () => {
    await quick.goto(`${house.url}/chat`);
    await isUsable(quick);
  });
  row(`processor of the main thread until then, times ${SLOWED}`, all * SLOWED, 1500, { unit: "ms", clock: true, slack: 3 });
  row("longest task until then", longest, 100, { unit: "ms of the processor", clock: true, slack: 3 });

  const cookies = await page.context().cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  for (const [name, path, headers] of [["sign-in", "/sign-in", {}], ["chat", "/chat", { cookie }]]) {
    const { performance, accessibility, practices, told } = await lighthouse(house.url + path, headers);
    row(`Lighthouse, ${name}: performance`, performance, 95, { atLeast: true, clock: true, slack: 2 });
    row(`Lighthouse, ${name}: accessibility`, accessibility, 95, { atLeast: true });
    row(`Lighthouse, ${name}: best practices`, practices, 95, { atLeast: true });
    if (Math.min(performance, accessibility, practices) < 95) console.log(told.join("\n"));
  }
}

/** Points of Lighthouse, 0 to 100, for a page on a LAN with a slowed processor, and what it found. A recording that Lighthouse itself says it
 * missed is made again, three times in all. */
async function lighthouse(url, extraHeaders) {
  for (let left = 2; ; left -= 1) {
    const { runtimeError, ...points } = await judged(url, extraHeaders);
    if (runtimeError === undefined) return points;
    assert.ok(left > 0, JSON.stringify(runtimeError));
  }
}

async function judged(url, extraHeaders) {
  const tools = process.env.SCHLEUSE_TOOLS;
  assert.ok(tools, "SCHLEUSE_TOOLS names no tools folder");
  const { default: judge } = await import(pathToFileURL(`${tools}/lighthouse/node_modules/lighthouse/core/index.js`).href);
  const port = await freePort();
  const browser = await launch([`--remote-debugging-port=${port}`]);
  try {
    const { lhr } = await judge(url, {
      port,
      logLevel: "error",
      output: "json",
      onlyCategories: ["performance", "accessibility", "best-practices"],
      formFactor: "desktop",
      screenEmulation: { mobile: false, width: 1280, height: 860, deviceScaleFactor: 1, disabled: false },
      throttlingMethod: "simulate",
      throttling: { rttMs: 2, throughputKbps: 100_000, cpuSlowdownMultiplier: SLOWED },
      extraHeaders,
      disableStorageReset: true,
    });
    if (lhr.runtimeError !== undefined) return { runtimeError: lhr.runtimeError };
    const points = (name) => Math.round((lhr.categories[name].score ?? 0) * 100);
    const told = Object.values(lhr.audits)
      .filter(({ score, scoreDisplayMode }) => score !== null && score < 0.9 && scoreDisplayMode !== "informative")
      .map(({ id, title, displayValue = "" }) => `${id}: ${title} ${displayValue}`);
    return { performance: points("performance"), accessibility: points("accessibility"), practices: points("best-practices"), told };
  } finally {
    await browser.close();
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** 15: first run. */
export async function firstRun() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  await engine.follow({ text: "Gern: eine Schleuse hebt Schiffe.", piece: 8, ms: 20 });
  for (const language of ["de", "en"]) {
    const page = await person(house, null, { language });
    await page.goto(`${house.url}/`);
    const began = Date.now();
    let clicks = 0;
    const click = async (selector) => {
      clicks += 1;
      await page.locator(selector).first().click();
    };
    await click("[data-role=employee]");
    await page.locator("[data-starter]:enabled").first().waitFor();
    same(`${language}: dialogs, tours and consents in the way`, await page.locator("dialog[open], [role=dialog], [role=alertdialog]").count(), 0);
    row(`${language}: starters that are offered`, await page.locator("[data-starter]:enabled").count(), 3, { atLeast: true });
    same(`${language}: language of the page`, await page.locator("html").getAttribute("lang"), language);
    await pictures(page, `15-first-run-${language}`);
    await click("[data-starter]:enabled");
    await begun(page);
    assert.equal(await ended(page), "finished");
    same(`${language}: clicks from the sign-in to an answer`, clicks, 2);
    row(`${language}: sign-in → answer`, (Date.now() - began) / 1000, 30, { unit: "s" });
    await page.context().close();
  }
}
