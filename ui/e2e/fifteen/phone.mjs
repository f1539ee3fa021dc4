// 14: a telephone of 360 px, with its keyboard on the screen, as an installed app, and without a network.
import assert from "node:assert/strict";
import { axe, fits } from "../browser.mjs";
import { begun, ended, field, forgive, newChat, person, pictures, row, same, startEngine, startHouse } from "../stage.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
/** So much is left above a keyboard on the screen. */
const ABOVE_KEYBOARD = 400;

/** Whether the field and the button that sends lie in the window, and nothing over them. */
const FREE = () =>
  [document.querySelector("main textarea"), document.querySelector("[data-send], [data-stop]")].every((element) => {
    const box = element.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth && (element.contains(top) || top?.contains(element));
  });

export async function phone() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  for (const language of ["de", "en"]) {
    const page = await person(house, "employee", { language, ...PHONE });
    await newChat(page, house);
    same(`${language}: the composer is free`, await page.evaluate(FREE), true);
    await engine.follow({ text: "Ein Tor geht auf, ein Tor geht zu. ".repeat(60), piece: 12, ms: 4 });
    await field(page).tap();
    await page.setViewportSize({ width: PHONE.viewport.width, height: ABOVE_KEYBOARD });
    same(`${language}: the composer is free above the keyboard`, await page.evaluate(FREE), true);
    await page.keyboard.type("Wie geht das Tor auf?");
    await page.locator("[data-send]").tap();
    await begun(page, 200);
    same(`${language}: the composer is free while an answer is written`, await page.evaluate(FREE), true);
    assert.equal(await ended(page), "finished");
    await fits(page, `${language}, phone, keyboard`);
    await pictures(page, `14-keyboard-${language}`);
    await page.setViewportSize(PHONE.viewport);
    same(`${language}: the composer is free when the keyboard is gone`, await page.evaluate(FREE), true);
    // A browser of a telephone zooms in on what is smaller.
    row(`${language}: size of what is typed`, await field(page).evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize)), 16, { unit: "px", atLeast: true });
    same(`${language}: the window did not zoom`, await page.evaluate(() => visualViewport.scale), 1);
    row(`${language}: width that is too much`, await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, { unit: "px" });
    const small = await page.evaluate(() => [...document.querySelectorAll("main button, main select, main textarea")].filter((element) => element.checkVisibility()).map((element) => element.getBoundingClientRect()).filter(({ width, height }) => width > 0 && Math.min(width, height) < 24).length);
    same(`${language}: things to tap that are smaller than 24 px`, small, 0);
    await axe(page, `${language}, phone`);
    await fits(page, `${language}, phone`);
    await pictures(page, `14-phone-${language}`);
    await page.context().close();
  }
  await installed(house);
}

/** As an installed app: what it is installed by, and what is left of it without a network. */
async function installed(house) {
  const page = await person(house, "employee", { ...PHONE, serviceWorkers: "allow" });
  await newChat(page, house);
  const manifest = await page.evaluate(async () => (await fetch(document.querySelector("link[rel=manifest]").href)).json());
  same("it is installed as an app of its own", manifest.display, "standalone");
  row("icons of 192 and 512 px, one of them to be cut", ["192x192", "512x512"].filter((sizes) => manifest.icons.some((icon) => icon.sizes === sizes)).length + manifest.icons.filter(({ purpose }) => purpose === "maskable").length, 3, { atLeast: true });
  const viewport = await page.locator("meta[name=viewport]").getAttribute("content");
  same("it goes to the edges of the screen, and a keyboard makes it smaller", /viewport-fit=cover/u.test(viewport) && /interactive-widget=resizes-content/u.test(viewport), true);
  const sheets = await page.evaluate(async () => (await Promise.all([...document.querySelectorAll("link[rel=stylesheet]")].map(async ({ href }) => (await fetch(href)).text()))).join(""));
  row("places that keep clear of round corners and of the bar below", sheets.split("safe-area-inset").length - 1, 2, { atLeast: true });
  await page.evaluate(async () => navigator.serviceWorker.ready);
  const kept = await page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  });
  same("what is kept on the telephone beside the shell", kept.filter((path) => path !== "/" && !path.startsWith("/assets/")).join(" "), "");
  await page.context().setOffline(true);
  await page.reload();
  await page.locator("#root > *").first().waitFor();
  row("letters of the shell without a network", (await page.locator("body").innerText()).trim().length, 20, { atLeast: true });
  await fits(page, "phone, without a network");
  await pictures(page, "14-without-a-network");
  await page.context().setOffline(false);
  forgive(/ERR_INTERNET_DISCONNECTED/u);
  await page.context().close();
}
