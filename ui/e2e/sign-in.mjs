// Signs in to a house through two identity providers, in Chromium, as two people who have one subject would.
//   node e2e/sign-in.mjs URL PROVIDERS      PROVIDERS: JSON [{id, issuer, login, password, name, sub}, …]
// Prints how long a stream went on after it was signed out elsewhere. Exits 1 if anything is wrong.
import assert from "node:assert/strict";
import { launch, openPage, photographer, stepper } from "./browser.mjs";

const [address, text] = process.argv.slice(2);
const [first, second] = JSON.parse(text);
const url = new URL(address).origin;
const PATIENCE_MS = 30_000;
const LONG = `Say it slowly: ${"and the water rose, and it fell again, ".repeat(40)}`;
const folder = process.env.SCHLEUSE_PICTURES;

const browser = await launch();
const faults = [];
const picture = photographer(folder);
const pages = [];
const { step, result } = stepper(faults, async (number) => {
  for (const [index, page] of pages.entries()) await picture(page, `sign-in-failed-${number}-${index}`);
});

/** A browser of its own. Going to a provider is the only way out of the house. */
async function open() {
  const own = [];
  const page = await openPage(browser, url, own);
  pages.push(page);
  const isAway = (fault) =>
    fault.startsWith("a request left the house") && [first, second].some((provider) => fault.includes(provider.issuer));
  page.on("requestfinished", () => faults.push(...own.splice(0).filter((fault) => !isAway(fault))));
  return page;
}

async function signIn(page, provider, back = "/") {
  await page.goto(`${url}/sign-in?return=${encodeURIComponent(back)}`);
  await page.locator(`[data-provider=${provider.id}]`).click();
  await page.locator("input[name=login]").fill(provider.login);
  await page.locator("input[name=password]").fill(provider.password);
  await page.locator("button[type=submit]").click();
  await page.locator("[data-account]:visible, [data-menu]:visible").first().waitFor();
  assert.equal(new URL(page.url()).origin, url);
}

const session = (page) => page.evaluate(async () => (await fetch("/auth/session")).json());

async function ask(page, question) {
  await page.locator("textarea").fill(question);
  await page.keyboard.press("Enter");
}

/** Waits until the newest answer has some text. */
const begun = (page) =>
  page.waitForFunction(() => ([...document.querySelectorAll("[data-answer]")].at(-1)?.textContent ?? "").length > 12, undefined, {
    timeout: PATIENCE_MS,
  });

/** Starts a long answer, ends the session with `end`, and measures how long this page still believes that it is in. */
async function cutOff(page, end) {
  await page.goto(`${url}/chat`);
  await page.locator("[data-starter]:enabled").first().waitFor();
  await ask(page, LONG);
  await begun(page);
  const began = performance.now();
  await end();
  await page.waitForFunction(
    () => location.pathname === "/sign-in" || ["failed", "refused"].includes([...document.querySelectorAll("[data-turn]")].at(-1)?.dataset.turn),
    undefined,
    { timeout: PATIENCE_MS, polling: 20 },
  );
  const after = Math.round(performance.now() - began);
  console.log(`        cut off after ${after} ms`);
  assert.ok(after <= 1000, `${after} ms`);
}

const here = await open();
const elsewhere = await open();
const other = await open();

await step("somebody signs in through the first provider, chats, and finds it again after a reload", async () => {
  await signIn(here, first, "/chat");
  const { name, person, groups, session: own } = await session(here);
  assert.equal(name, first.name);
  assert.match(person, /^p-[0-9a-f]{20}$/u);
  assert.deepEqual(groups, first.groups);
  assert.equal(own.method, "oidc");
  await ask(here, "Good morning, lock keeper");
  await here.locator("[data-turn=finished]").waitFor({ timeout: PATIENCE_MS });
  const shown = await here.locator("[data-answer]").allInnerTexts();
  await here.reload();
  await here.locator("[data-turn=finished]").waitFor();
  assert.deepEqual(await here.locator("[data-answer]").allInnerTexts(), shown);
  await picture(here, "sign-in-chat");
});

await step("no script can read the session, and no other site's page can use it", async () => {
  assert.equal(await here.evaluate(() => document.cookie), "");
  const [cookie] = (await here.context().cookies(url)).filter((one) => one.name === "schleuse");
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, "Strict", "/"]);
});

await step("the same subject at the second provider is another person", async () => {
  await signIn(other, second, "/chat");
  const [a, b] = [await session(here), await session(other)];
  assert.notEqual(a.person, b.person);
  assert.equal(b.name, second.name);
  await other.locator("[data-starter]:enabled").first().waitFor();
  assert.equal(await other.locator("[data-conversation]").count(), 0);
});

await step("signing out elsewhere ends the stream here within a second", async () => {
  await signIn(elsewhere, first, "/sessions");
  const mine = await session(elsewhere);
  await cutOff(here, () =>
    elsewhere.evaluate(async (own) => {
      const { sessions } = await (await fetch("/auth/sessions")).json();
      for (const one of sessions.filter((each) => each.id !== own)) {
        const answer = await fetch(`/auth/sessions/${one.id}`, { method: "DELETE" });
        if (answer.status !== 204) throw new Error(`${answer.status}`);
      }
    }, mine.session.id),
  );
  assert.equal((await session(elsewhere)).person, mine.person);
});

await step("a logout at the provider ends the stream here within a second", async () => {
  await cutOff(elsewhere, async () => {
    const answer = await fetch(`${first.issuer}/people/${encodeURIComponent(first.sub)}/sign-out`);
    assert.ok((await answer.json()).ended >= 1);
  });
});

await step("a logout at one provider leaves the other's people alone", async () => {
  assert.equal((await session(other)).name, second.name);
});

await step("whoever signs out comes back to the sign-in, and the session is gone", async () => {
  await other.goto(`${url}/chat`);
  const menu = other.locator("[data-menu]:visible");
  if (await menu.count()) await menu.click();
  await other.locator("[data-account]:visible").click();
  await other.locator("[data-leave]:visible").click();
  await other.locator("[data-provider]").first().waitFor({ timeout: PATIENCE_MS });
  assert.equal(await other.evaluate(async () => (await fetch("/auth/session")).status), 401);
});

console.log(`${result.passed} passed, ${result.failed} failed`);
await browser.close();
process.exit(result.failed === 0 && result.passed > 0 ? 0 : 1);
