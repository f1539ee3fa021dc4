// What a play has of its stage (`crates/testkit/src/stage.rs`): model servers that follow a script, real houses, and rows of what was
// measured. A play is started by a stage, which answers each line of JSON with one.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import connect from "node:net";
import { createInterface } from "node:readline";
import { launch, openPage, photographer } from "./browser.mjs";

const lines = createInterface({ input: process.stdin });
const waiting = [];
lines.on("line", (line) => waiting.shift()?.(JSON.parse(line)));

/** Has the stage do something, and gives what it says. */
async function stage(what, more = {}) {
  const answer = await new Promise((resolve) => {
    waiting.push(resolve);
    process.stdout.write(`${JSON.stringify({ do: what, ...more })}\n`);
  });
  if (answer.error !== undefined) throw new Error(`the stage cannot do \`${what}\`: ${answer.error}`);
  return answer;
}

/** With the marks of the table themselves. Otherwise what depends on the clock of a busy machine may take that many times as long. */
const IS_PROOF = process.env.SCHLEUSE_MARKS === "true";

let number = 0;
export const play = (test) => {
  number = test;
};

/**
 * One row of results. `clock` says that the machine's other work adds to it: then it may miss its mark `slack` times outside of a proof.
 */
export function row(what, measured, mark, { unit = "", atLeast = false, clock = false, slack = 8 } = {}) {
  const limit = clock && !IS_PROOF ? (atLeast ? mark / slack : mark * slack) : mark;
  const rounded = Math.round(measured * 100) / 100;
  const ok = typeof measured === "number" && (atLeast ? measured >= limit : measured <= limit);
  console.log(JSON.stringify({ test: number, what, measured: rounded, unit, mark, at_least: atLeast, limit, ok }));
  return ok;
}

/** One row of results that has to be exactly so. */
export function same(what, measured, expected) {
  const ok = measured === expected;
  console.log(JSON.stringify({ test: number, what, measured, unit: "", mark: expected, exact: true, limit: expected, ok }));
  return ok;
}

/** A model server. Without a script it answers with a short text. */
export async function startEngine(models = ["tiny"]) {
  const { engine, url } = await stage("engine", { models });
  const one = {
    url,
    models,
    follow: async (script) => stage("script", { engine, script }),
    questions: async () => (await stage("questions", { engine })).questions,
    written: async () => stage("written", { engine }),
    aborted: async (count) => stage("aborted", { engine, count }),
    leave: async () => stage("leave", { engine }),
  };
  await one.follow({ text: "Eine Schleuse hat **zwei** Tore." });
  return one;
}

/** A house in front of model servers, on loopback, where each role signs in with a click. `more` is TOML; `clearance` is that of the servers. */
export async function startHouse(engines, more = "", { clearance } = {}) {
  const cleared = clearance === undefined ? "" : `max_label = "${clearance}"\n`;
  const upstreams = engines.map(({ url, models }, index) => `[[upstream]]\nname = "engine-${index}"\nurl = "${url}"\nmodels = ${JSON.stringify(models)}\n${cleared}`);
  const { house, ready } = await stage("house", { config: `${more}\n${upstreams.join("\n")}` });
  const { origin } = new URL(ready.url);
  // For who works on the page: the one in ui/dist, in front of a house that has an older one in it.
  const front = process.env.SCHLEUSE_FRONT === "true" ? await (await import("../testing/serve.mjs")).serve(0, { house: origin }) : undefined;
  return {
    url: front?.url ?? origin,
    kill: async () => stage("kill", { house }),
    again: async () => stage("again", { house }),
  };
}

/** A server that nobody may ever ask; gives what was asked. */
export async function startBeacon() {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "image/png" }).end();
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}`, asked, stop: () => server.close() };
}

/** A cable to a house, with an address of its own: it can be pulled out, which cuts everything, and put in again. */
export async function startCable(house) {
  const { port } = new URL(house.url);
  const open = new Set();
  let isOut = false;
  const server = connect.createServer((near) => {
    if (isOut) {
      near.destroy();
      return;
    }
    const far = connect.connect(Number(port), "127.0.0.1");
    for (const end of [near, far]) {
      open.add(end);
      end.on("error", () => undefined);
      end.on("close", () => {
        open.delete(end);
        (end === near ? far : near).destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    pull: () => {
      isOut = true;
      for (const end of open) end.destroy();
    },
    put: () => {
      isOut = false;
    },
    stop: () => {
      for (const end of open) end.destroy();
      server.close();
    },
  };
}

let browser;
const faults = [];
export const pictures = photographer(process.env.SCHLEUSE_PICTURES);

export async function theBrowser() {
  browser ??= await launch();
  return browser;
}

/** Somebody at the house, signed in by role unless `role` is null; with a browser of their own. */
export async function person(house, role = "employee", { language = "en", ...options } = {}) {
  const page = await openPage(await theBrowser(), house.url, faults, { locale: language === "de" ? "de-DE" : "en-GB", ...options });
  if (role !== null) await signIn(page, house, role);
  return page;
}

export async function signIn(page, house, role) {
  await page.goto(`${house.url}/`);
  await page.locator(`[data-role=${role}]`).click();
  await page.locator("[data-account]:visible, [data-menu]:visible").first().waitFor();
}

/** Their house's answer, asked with the session of the page. */
export async function api(page, path, { method = "GET", body } = {}) {
  return page.evaluate(
    async ([where, how, what]) => {
      const answer = await fetch(where, { method: how, headers: what === undefined ? {} : { "content-type": "application/json" }, ...(what === undefined ? {} : { body: what }) });
      const text = await answer.text();
      return { status: answer.status, body: text === "" ? null : JSON.parse(text) };
    },
    [path, method, body === undefined ? undefined : JSON.stringify(body)],
  );
}

/** A chat without a turn, ready to be asked. */
export async function newChat(page, house) {
  await page.goto(`${house.url}/chat`);
  await page.locator("[data-starter]:enabled").first().waitFor();
}

export const field = (page) => page.locator("main textarea").last();

export async function ask(page, text) {
  await field(page).fill(text);
  await page.keyboard.press("Enter");
}

/** Waits until nothing is being answered any more; gives how the last turn ended. */
export async function ended(page, timeout = 60_000) {
  await page.waitForFunction(
    () => {
      const turns = [...document.querySelectorAll("[data-turn]")];
      return turns.length > 0 && turns.every((turn) => ["finished", "refused", "stopped", "failed"].includes(turn.dataset.turn));
    },
    undefined,
    { timeout },
  );
  return page.locator("[data-turn]").last().getAttribute("data-turn");
}

/** Waits until the last answer shows more than so many characters. */
export const begun = async (page, length = 12) =>
  page.waitForFunction((least) => ([...document.querySelectorAll("[data-answer]")].at(-1)?.textContent ?? "").length > least, length, { timeout: 30_000 });

/** The conversation that is open, as the house has it. */
export async function kept(page) {
  const id = new URL(page.url()).pathname.split("/").at(-1);
  return (await api(page, `/api/chat/conversations/${id}`)).body;
}

/** What the browsers complained of so far: requests that left the house, breaches of the policy, errors. */
export const complaints = () => faults.splice(0);

/** Forgives the complaints that had to come, such as those of a cut connection. */
export function forgive(pattern) {
  faults.splice(0, faults.length, ...faults.filter((fault) => !pattern.test(fault)));
}

/** Ends what a failed test left, with a picture of each page. */
export async function leaveFailed(name) {
  const pages = browser?.contexts().flatMap((context) => context.pages()) ?? [];
  for (const [index, page] of pages.entries()) await pictures(page, `${name}-${index}`).catch(() => undefined);
  await browser?.close().catch(() => undefined);
  browser = undefined;
}

export async function leave() {
  assert.deepEqual(faults, [], "what the browser complained of");
  await browser?.close();
  browser = undefined;
}
