// The page that checks receipts, opened from disk in Chromium without a network, over real receipts and changed ones.
//   node e2e/receipts.mjs PAGE FOLDER     FOLDER: right.tlog-proof, bare.tlog-proof, entry.json, line.jsonl, vkey,
//                                         witness-vkey, other-vkey
// Exits 1 if anything is wrong.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { axe, fits, launch, openPage, photographer, stepper } from "./browser.mjs";

const [file, folder] = process.argv.slice(2);
const address = pathToFileURL(file).href;
const at = (name) => join(folder, name);
const read = (name) => readFileSync(at(name), "utf8");
const right = read("right.tlog-proof");

const browser = await launch();
const faults = [];
const picture = photographer(process.env.SCHLEUSE_PICTURES);
let page;
const { step, result } = stepper(faults, async (number) => picture(page, `receipts-failed-${number}`));

/** Opens the page anew, by browser's or own cryptography. */
async function open(hash = "", options = {}) {
  await page?.context().close();
  page = await openPage(browser, new URL(address).origin, faults, { locale: "en-GB", offline: true, ...options });
  await page.goto(address + hash);
}

const drop = (...files) => page.locator("#files").setInputFiles(files);
const changed = (text) => ({ name: "changed.tlog-proof", mimeType: "text/plain", buffer: Buffer.from(text) });

/** Waits until the page says so: good, stop, or neither yet. */
async function says(look, words) {
  await page.locator(`#verdict[data-look="${look}"]`).filter({ hasText: words }).waitFor();
  assert.equal(await page.locator("#entry").isVisible(), look === "good");
}

for (const [name, hash] of [["the browser's cryptography", ""], ["its own cryptography", "#own"]]) {
  await step(`a receipt is right, by ${name}`, async () => {
    await open(hash);
    await says("", "No receipt yet");
    await drop(at("right.tlog-proof"));
    await says("", "once the public key");
    await drop(at("vkey"));
    await says("good", "Right: this entry is in the log.");
    assert.match(await page.locator("#members").innerText(), /request_id/u);
    await drop(at("witness-vkey"));
    await says("good", "Right");
    assert.match(await page.locator("#did").innerText(), /The witness w\.example signed/u);
    await page.locator("#need").fill("2");
    await says("stop", "2 witnesses must have signed, and 1 have");
    await page.locator("#need").fill("1");
    await says("good", "Right");
  });

  await step(`every changed line is refused, by ${name}`, async () => {
    const lines = right.split("\n");
    for (const [number, line] of lines.entries()) {
      if (line === "") continue;
      const place = Math.floor(line.length * 0.8);
      const other = line[place] === "A" ? "B" : "A";
      const text = lines.with(number, line.slice(0, place) + other + line.slice(place + 1)).join("\n");
      await drop(changed(text));
      await says("stop", "Wrong: ");
      await drop(at("right.tlog-proof"));
      await says("good", "Right");
    }
    for (const text of ["", "x", right.replace("\n\n", "\n"), right.slice(0, -1), right.replace(/^index .*$/mu, "index 1")]) {
      await drop(changed(text));
      await says("stop", "Wrong: ");
    }
  });
}

await step("an entry may come beside its receipt, as bytes or as a line of the export", async () => {
  await open();
  await drop(at("bare.tlog-proof"), at("vkey"));
  await says("stop", "does not hold its entry");
  await drop(at("entry.json"));
  await says("good", "Right");
  await drop(at("line.jsonl"), at("bare.tlog-proof"));
  await says("good", "Right");
  await drop({ name: "entry.json", mimeType: "application/json", buffer: Buffer.from(read("entry.json").replace("\"v\":1", "\"v\":2")) });
  await says("stop", "not in the signed tree");
});

await step("another key, and what is no key, are refused", async () => {
  await open();
  await drop(at("right.tlog-proof"), at("other-vkey"));
  await says("stop", "Wrong: ");
  await page.locator("#vkey").fill("nonsense");
  await says("stop", "not a public key of this kind: nonsense");
  await drop({ name: "big", mimeType: "text/plain", buffer: Buffer.alloc(300_000, "x") });
  await says("stop", "larger than 256 KiB");
});

await step("in German, light and dark, wide and narrow, for everybody", async () => {
  for (const options of [{ colorScheme: "light" }, { colorScheme: "dark", viewport: { width: 320, height: 700 } }]) {
    await open("", { ...options, locale: "de-DE" });
    await axe(page, "empty");
    await drop(at("right.tlog-proof"), at("vkey"), at("witness-vkey"));
    await says("good", "Stimmt: Dieser Eintrag steht im Protokoll.");
    await axe(page, "right");
    await fits(page, "right");
    await picture(page, `receipt-right-${options.colorScheme}`, true);
    await drop(changed(right.replace("index 0", "index 1")));
    await says("stop", "Stimmt nicht: ");
    await axe(page, "wrong");
    await page.getByRole("button", { name: "English" }).click();
    await says("stop", "Wrong: ");
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
  }
});

await step("it is used by keyboard alone", async () => {
  await open();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "files");
  await page.keyboard.press("Tab");
  await page.keyboard.type("x");
  assert.equal(await page.locator("#vkey").inputValue(), "x");
});

await browser.close();
console.log(`${result.passed} steps passed, ${result.failed} failed`);
process.exitCode = result.failed === 0 ? 0 : 1;
