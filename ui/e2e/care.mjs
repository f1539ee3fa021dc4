// Walks through what the house does for a question before and after it is sent, in front of the mock house: findings while typing, words
// that go out as stand-ins, files, figures without a source, receipts, releases, and what is stored. Part of `page.mjs`; alone:
// node e2e/care.mjs [SCREENSHOT-FOLDER] [WORDS OF A STEP]
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { axe, fits, launch, openPage, photographer, stepper, structure } from "./browser.mjs";
import { german } from "./english.mjs";

const IBAN = ["DE89", "3704", "0044", "0532", "0130", "00"].join(" ");

/** Walks as somebody who is signed in as an employee and speaks English; leaves them so. `other` signs a second person in. */
export async function walkCare({ page, url, step, picture, other }) {
  const field = () => page.locator("main textarea").last();
  const newChat = async () => {
    await page.goto(`${url}/chat`);
    await page.locator("[data-starter=allowed]:enabled").waitFor();
  };
  const judge = async (name, target = page) => {
    await axe(target, name);
    await structure(target, name);
    await fits(target, name);
    if ((await target.locator("html").getAttribute("lang")) === "de") await german(target, name);
    await picture(target, name, true);
  };
  /** In both languages and lights, wide, narrow and magnified, and in forced colours, without leaving what is shown. */
  const lookAt = async (name) => {
    for (const [colorScheme, forcedColors, width, height] of [["dark", "none", 1280, 860], ["light", "none", 360, 780], ["light", "none", 320, 256], ["dark", "active", 1280, 860], ["light", "none", 1280, 860]]) {
      await page.emulateMedia({ colorScheme, forcedColors });
      await page.setViewportSize({ width, height });
      await judge(`${name}-${colorScheme}-${forcedColors}-${width}`);
    }
    await page.emulateMedia({ forcedColors: "none" });
  };
  /** What is said comes a moment after what it is said about. */
  const says = (words) => page.locator("[data-status]").filter({ hasText: words }).waitFor({ state: "attached" });
  const finished = () => page.locator("[data-turn=finished]").last().waitFor();

  await step("while one types, places are marked and listed, and marks stand where the words do", async () => {
    await newChat();
    await field().fill(`Please write to Erika Mustermann about the account ${IBAN}. ${"One more sentence that takes its room. ".repeat(20)}\n\nMax Mustermann`);
    await page.locator("[data-preview=findings]").waitFor();
    assert.match(await page.locator("[data-preview-summary]").innerText(), /^3 places: 2 × .*IBAN.*cannot pass/su);
    await says(/3 places/u);
    assert.deepEqual(await page.locator("[data-marked]").allInnerTexts(), ["Erika Mustermann", IBAN, "Max Mustermann"]);
    await page.locator("[data-preview-summary]").click();
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 860 });
      await field().evaluate(async (element) => {
        element.scrollTo(0, 40);
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      });
      const [layer, own] = await page.evaluate(() => ["[data-mark-layer]", "main textarea"].map((name) => document.querySelector(name)).map(({ scrollTop, scrollHeight, clientWidth }) => [scrollTop, scrollHeight, clientWidth]));
      assert.deepEqual(layer, own, "the marks are not where the words are");
    }
    await lookAt("preview");
    // Typing moves the marks along before the house has answered.
    await field().evaluate((element) => element.setSelectionRange(0, 0));
    await field().press("A");
    assert.deepEqual(await page.locator("[data-marked]").allInnerTexts(), ["Erika Mustermann", IBAN, "Max Mustermann"]);
  });

  await step("what would not pass is held once, with words and by keyboard alone", async () => {
    const before = await page.locator("[data-turn]").count();
    await field().press("Enter");
    assert.equal(await page.locator("[data-turn]").count(), before);
    await says(/Nothing has been sent yet/u);
    await page.locator("[data-preview-help]").waitFor();
    await page.locator("[data-place=IBAN] [data-mask]").focus();
    await page.keyboard.press("Enter");
    await page.locator("[data-preview=found]").waitFor();
    assert.equal(await page.locator("[data-marked=masked]").innerText(), IBAN);
    await page.locator("[data-mask-all]").click();
    assert.equal(await page.locator("[data-marked=masked]").count(), 3);
    await page.locator("[data-place=PERSON_NAME] [data-unmask]").last().click();
    await page.locator("[data-place=PERSON_NAME] [data-remove]").last().click();
    assert.ok(!(await field().inputValue()).includes("Max"));
  });

  await step("the own words stand in question and answer, no part of a stand-in is ever seen, and copies have the words", async () => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
    await page.evaluate(() => {
      globalThis.halves = [];
      new MutationObserver(() => {
        const answer = document.querySelector("[data-answer]")?.cloneNode(true);
        for (const note of answer?.querySelectorAll(".sr-only") ?? []) note.remove();
        const found = /PERS|IBAN_|_\d/u.exec(answer?.textContent ?? "");
        if (found) globalThis.halves.push(found[0]);
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await field().press("Enter");
    await finished();
    assert.deepEqual(await page.evaluate(() => globalThis.halves), []);
    assert.deepEqual(await page.locator("[data-question] [data-own-words]").evaluateAll((all) => all.map(({ dataset }) => dataset.ownWords)), ["[PERSON_1]", "[IBAN_1]"]);
    assert.match(await page.locator("[data-answer]").innerText(), /Erika Mustermann.{0,80}: received/su);
    assert.match(await page.locator("[data-question]").innerText(), /went out as \[PERSON_1\]/u);
    await page.locator("[data-own-words-note]").waitFor();
    await page.getByRole("button", { name: "Copy the answer" }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /Dear \*\*Erika Mustermann\*\*/u);
    assert.doesNotMatch(copied, /PERSON_1|IBAN_1/u);
    await lookAt("own-words");
    await field().fill("And once more to Erika Mustermann.");
    await field().press("Enter");
    await page.locator("[data-turn=finished]").nth(1).waitFor();
    assert.match(await page.locator("[data-question]").last().innerText(), /went out as \[PERSON_1\]/u);
    await page.reload();
    await page.locator("[data-question] [data-own-words]").first().waitFor();
  });

  await step("a text that needs more protection says so, and one click raises the label; the way is explained", async () => {
    await newChat();
    await field().fill("This is strictly confidential.");
    await page.locator("[data-preview]").waitFor();
    await page.locator("[data-preview-summary]").click();
    await page.locator("[data-raise=CONFIDENTIAL]").click();
    assert.equal(await page.locator("[data-choice=label]").inputValue(), "CONFIDENTIAL");
    await page.locator("[data-way]").click();
    await judge("way");
    await page.keyboard.press("Escape");
    await field().fill("");
  });

  await step("files are taken, read, refused with a reason, looked into, masked, left out and sent", async () => {
    await newChat();
    await field().fill("What do they say?");
    await page.locator("[data-picker]").setInputFiles([
      { name: "report.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(300_000, "x") },
      { name: "locked.docx", mimeType: "application/octet-stream", buffer: Buffer.from("x") },
      { name: "account.txt", mimeType: "text/plain", buffer: Buffer.from(`Account ${IBAN}\n`.repeat(200)) },
      { name: "a-very-long-name-that-does-not-fit-into-the-line-and-has-to-be-broken-somewhere.xlsx", mimeType: "application/octet-stream", buffer: Buffer.from("x") },
    ]);
    await page.waitForFunction(() => document.querySelectorAll("[data-file=ready]").length === 3 && document.querySelectorAll("[data-file=refused]").length === 1);
    assert.match(await page.locator("[data-file=refused]").innerText(), /locked with a password/u);
    await page.locator("[data-preview=findings]").waitFor();
    await lookAt("files");
    await page.locator("[data-file]", { hasText: "account" }).locator("[data-open-file]").click();
    await page.locator("[data-file-text] mark").first().waitFor();
    await judge("file");
    await page.locator("[data-mask-all]").click();
    await page.locator("[data-close]").click();
    await page.locator("[data-preview=findings]").waitFor({ state: "detached" });
    await page.locator("[data-file=refused] [data-detach]").click();
    const [asked] = await Promise.all([page.waitForRequest((request) => request.url().endsWith("/messages")), field().press("Enter")]);
    const body = asked.postDataJSON();
    assert.equal(body.attachments.length, 3);
    assert.equal(Object.values(body.attachment_masks)[0].length, 200);
    await finished();
    assert.equal(await page.locator("[data-sent-file]").count(), 3);
    await page.locator("[data-sent-file=pdf]").click();
    await page.locator("[data-file-text] .piece").first().waitFor();
    await judge("sent-file");
    await page.keyboard.press("Escape");
  });

  await step("fifty dropped files stop nothing, the rest is said, and one on its way is cancelled", async () => {
    await newChat();
    await page.evaluate(() => {
      const data = new DataTransfer();
      for (let index = 0; index < 53; index += 1) data.items.add(new File([`Line ${index}\n`.repeat(400)], `file-${index}.txt`, { type: "text/plain" }));
      const target = document.querySelector("[data-dropping]");
      for (const type of ["dragover", "drop"]) target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await says(/At most 50 files/u);
    await page.locator("[data-file]").last().locator("[data-detach]").click();
    await page.waitForFunction(() => document.querySelectorAll("[data-file=ready]").length === 49, undefined, { timeout: 60_000 });
    await page.locator("[data-file]").first().locator("[data-detach]").click();
    assert.equal(await page.locator("[data-file]").count(), 48);
  });

  await step("figures that stand in no source are marked, quietly and in both notations, and the check can be switched off", async () => {
    await newChat();
    await page.locator("[data-picker]").setInputFiles([{ name: "report.pdf", mimeType: "application/pdf", buffer: Buffer.from("x") }]);
    await page.locator("[data-file=ready]").waitFor();
    await field().fill("Please summarise the figures.");
    await field().press("Enter");
    await page.locator("[data-figures='4']").waitFor();
    assert.match(await page.locator("[data-figures]").innerText(), /4 of 9 figures stand in no source/u);
    const marked = await page.locator("[data-figure]").evaluateAll((all) => all.map(({ firstChild }) => firstChild.textContent));
    assert.deepEqual(marked, ["§ 12 Abs. 3", "7%", "2027", "€9,999.99"]);
    await page.locator("[data-figures-of]").click();
    await lookAt("figures");
    await page.locator("[data-figures-always=true]").click();
    await page.reload();
    await page.locator("[data-turn=finished]").waitFor();
    assert.equal(await page.locator("[data-figures]").count(), 0);
    await page.locator("[data-check-figures]").click();
    await page.locator("[data-figures='4']").waitFor();
    await page.locator("[data-figures-of]").click();
    await page.locator("[data-figures-always=false]").click();
  });

  await step("an answer's receipt is offered with what it proves", async () => {
    await page.locator("[data-receipt]").click();
    await judge("receipt");
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("[data-take-receipt]").click()]);
    assert.match(download.suggestedFilename(), /^receipt-.*\.tlog-proof$/u);
    assert.match(readFileSync(await download.path(), "utf8"), /tlog-proof/u);
    await page.keyboard.press("Escape");
  });

  await step("somebody else is asked to let a text pass, decides without seeing it, and it is sent once", async () => {
    await newChat();
    const text = `Please pay to ${IBAN}.`;
    await field().fill(text);
    await page.locator("[data-preview=findings]").waitFor();
    await page.locator("[data-preview-summary]").click();
    await page.locator("[data-preview] [data-ask-release]").click();
    await page.locator("[data-reason]").fill("Accounting needs it today.");
    await judge("release");
    await page.locator("[data-confirm]").click();
    await page.locator("[data-release=waiting]").waitFor();
    await judge("release-waits");
    const decider = await other("security");
    await decider.goto(`${url}/approvals`);
    await decider.locator("[data-approve]").waitFor();
    assert.ok(!(await decider.locator("main").innerText()).includes(IBAN));
    await judge("approvals", decider);
    await decider.locator("[data-approve]").click();
    await decider.locator("[data-confirm]").click();
    await decider.locator("[data-approval=approved]").waitFor();
    await decider.context().close();
    await page.locator("[data-release=granted]").waitFor({ timeout: 20_000 });
    await judge("release-granted");
    await page.locator("[data-send-released]").click();
    await finished();
    assert.equal(await field().inputValue(), "");
    assert.equal(await page.locator("[data-release]").count(), 0);
  });

  await step("what is stored about somebody is shown, and deleted when they give their own name", async () => {
    await page.goto(`${url}/data`);
    await page.locator("[data-store]").first().waitFor();
    await lookAt("data");
    await page.locator("[data-erase]").click();
    assert.ok(await page.locator("[data-confirm]").isDisabled());
    await judge("erase");
    await page.locator("[data-confirm-name]").fill("Ada Lindner");
    await page.locator("[data-confirm]").click();
    await page.locator("[data-erased]").waitFor();
    await newChat();
    assert.equal(await page.locator("[data-conversation]").count(), 0);
  });

  await step("the same in German", async () => {
    await page.evaluate(() => localStorage.setItem("schleuse.language", "de"));
    await newChat();
    await field().fill(`Bitte schreib an Erika Mustermann, Konto ${IBAN}. Das ist streng vertraulich.`);
    await page.locator("[data-preview=findings]").waitFor();
    await page.locator("[data-preview-summary]").click();
    await page.locator("[data-picker]").setInputFiles([{ name: "gesperrt.pdf", mimeType: "application/pdf", buffer: Buffer.from("x") }, { name: "bericht.pdf", mimeType: "application/pdf", buffer: Buffer.from("x") }]);
    await page.locator("[data-file=ready]").waitFor();
    await judge("preview-de");
    await page.locator("[data-open-file]").click();
    await page.locator("[data-file-text] .piece").first().waitFor();
    await judge("file-de");
    await page.keyboard.press("Escape");
    await page.goto(`${url}/approvals`);
    await page.locator("main h2").first().waitFor();
    await judge("approvals-de");
    await page.goto(`${url}/data`);
    await page.locator("[data-store]").first().waitFor();
    await judge("data-de");
    await page.evaluate(() => localStorage.setItem("schleuse.language", "en"));
    await newChat();
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [folder, wanted] = process.argv.slice(2);
  const house = await (await import("../testing/serve.mjs")).serve();
  const browser = await launch();
  const faults = [];
  const enter = async (role) => {
    const page = await openPage(browser, house.url, faults);
    await page.goto(house.url);
    await page.locator(`[data-role=${role}]`).click();
    await page.locator("[data-account]").waitFor();
    return page;
  };
  const page = await enter("employee");
  const picture = photographer(folder === "-" ? undefined : folder);
  const { step, result } = stepper(faults, (number) => picture(page, `failed-care-${number}`));
  await walkCare({ page, url: house.url, picture, other: enter, step: async (name, body) => (wanted === undefined || name.includes(wanted) ? step(name, body) : undefined) });
  await browser.close();
  house.server.closeAllConnections();
  house.server.close();
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exitCode = result.failed > 0 ? 1 : 0;
}
