// 10 and 11: files beside a question. From what was found to its place on the page, and nothing of a file for whoever may not read it.
import assert from "node:assert/strict";
import { api, ask, ended, kept, newChat, person, pictures, row, same, startEngine, startHouse } from "../stage.mjs";

const ADDRESS = "wanderfalke@example.org";

/** A document of some pages with a line on each, in the plainest form that a PDF may have (ISO 32000-1, 7.5). */
export function pdf(lines) {
  const texts = lines.map((line) => `BT /F 14 Tf 72 720 Td (${line.replaceAll(/[()\\]/gu, "\\$&")}) Tj ET`);
  const kids = lines.map((_, page) => `${4 + page * 2} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${lines.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ...texts.flatMap((text, page) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F 3 0 R >> >> /Contents ${5 + page * 2} 0 R >>`,
      `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    ]),
  ];
  let file = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const at = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("")}`;
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(file, "latin1");
}

/** Puts files beside the question and waits until each was read. */
export async function attach(page, files) {
  await page.locator("main input[type=file]").setInputFiles(files);
  await page.locator("[data-file=ready]").nth(files.length - 1).waitFor({ timeout: 90_000 });
}

/** 10: from what was found to its place. */
export async function sources() {
  const engine = await startEngine();
  const house = await startHouse([engine], '[[guardrail]]\ntype = "EMAIL"\naction = "REDACT"\n');
  const page = await person(house);
  await newChat(page, house);
  const filler = Array.from({ length: 60 }, (_, line) => `Zeile ${line} von der Schleuse`).join(", ");
  const name = "Lageplan-Zugvogel.pdf";
  await attach(page, [{ name, mimeType: "application/pdf", buffer: pdf(["Auf der ersten Seite steht die Schleuse.", `Auf der zweiten steht ${ADDRESS} im Text. ${filler}`, "Auf der dritten steht nichts mehr."]) }]);
  await page.locator("[data-open-file]").click();
  await page.locator("dialog [data-file-text] mark").first().waitFor();
  const place = page.locator("dialog [data-place=EMAIL]").first();
  same("the page that is named", /2/u.test(await place.innerText()), true);
  const took = await page.evaluate(async (wanted) => {
    const button = document.querySelector("dialog [data-place=EMAIL] button");
    const began = performance.now();
    button.click();
    for (;;) {
      const mark = [...document.querySelectorAll("dialog mark")].find(({ textContent }) => textContent.includes(wanted));
      const box = mark?.getBoundingClientRect();
      if (box && box.top >= 0 && box.bottom <= innerHeight) return performance.now() - began;
      await new Promise((next) => requestAnimationFrame(next));
    }
  }, ADDRESS);
  row("click → the place is in view and marked", took, 500, { unit: "ms", clock: true });
  await pictures(page, "10-place");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  await engine.follow({ text: "Das steht auf der zweiten Seite." });
  await ask(page, "Wo steht die Adresse?");
  assert.equal(await ended(page), "finished");
  const { messages } = await kept(page);
  const [file] = messages.at(-2).attachments;
  same("the file goes with the question", file.name, name);
  const [question] = await engine.questions();
  const sent = JSON.stringify(question);
  same("the text reached the model, and the address did not", sent.includes("Auf der zweiten steht") && !sent.includes(ADDRESS), true);
  same("nothing of the original travels on", /%PDF|endobj|base64/u.test(sent), false);

  const stranger = await person(house, "engineer");
  const [real, none] = await Promise.all([api(stranger, `/api/chat/attachments/${file.id}`), api(stranger, "/api/chat/attachments/nothing-of-this-name")]);
  const told = ({ status, body }) => JSON.stringify([status, body.error.code, body.error.message, body.error.next]);
  same("to others a file that is there is like one that is not", told(real), told(none));
  const text = await api(stranger, `/api/chat/attachments/${file.id}/text`);
  same("nor its text", text.status, 404);
  same("and its name is nowhere", JSON.stringify([real.body, text.body]).includes("Zugvogel"), false);
}

/** 11: a share, read by somebody who may see less. */
export async function shares() {
  const engine = await startEngine(["high"]);
  const clearances = ["employee", "engineer"].map((role) => `[[clearance]]\nwho = "role:${role}"\nmax_label = "CONFIDENTIAL//hr"\n`).join("");
  const house = await startHouse([engine], `[[compartment]]\nname = "hr"\n${clearances}[[clearance]]\nwho = "role:security"\nmax_label = "INTERNAL"\n[[guardrail]]\ntype = "EMAIL"\naction = "RAISE_LABEL"\nto = "CONFIDENTIAL//hr"\n`, { clearance: "CONFIDENTIAL//hr" });
  const owner = await person(house);
  await newChat(owner, house);
  await engine.follow({ text: "Harmlos." });
  await ask(owner, "Guten Tag");
  assert.equal(await ended(owner), "finished");
  await attach(owner, [{ name: "Personalakte-Zugvogel.txt", mimeType: "text/plain", buffer: Buffer.from(`Frau Zugvogel, ${ADDRESS}, wird befördert.`) }]);
  await engine.follow({ text: "Frau Zugvogel wird befördert." });
  await ask(owner, "Was steht in der Akte?");
  assert.equal(await ended(owner), "finished");
  await engine.follow({ text: "Gern geschehen." });
  await ask(owner, "Danke");
  assert.equal(await ended(owner), "finished");
  const id = new URL(owner.url()).pathname.split("/").at(-1);
  const share = (await api(owner, `/api/chat/conversations/${id}/shares`, { method: "POST", body: { with: ["everyone"] } })).body;
  const SECRETS = /Zugvogel|wanderfalke|befördert|Personalakte/u;
  for (const language of ["de", "en"]) {
    const below = await person(house, "security", { language });
    await below.goto(house.url + share.path);
    await below.locator("[data-withheld]").first().waitFor();
    same(`${language}: questions that are shown`, (await below.locator("[data-question]").allInnerTexts()).join(" "), "Guten Tag");
    same(`${language}: answers that are shown`, (await below.locator("[data-answer]").allInnerTexts()).join(" "), "Harmlos.");
    row(`${language}: parts that are withheld and marked`, await below.locator("[data-withheld]").count(), 1, { atLeast: true });
    same(`${language}: what is withheld is nowhere in the page`, SECRETS.test(await below.content()), false);
    const told = await api(below, `/api/chat/shared/${share.id}`);
    same(`${language}: nor in what the house says`, SECRETS.test(JSON.stringify(told.body)), false);
    await pictures(below, `11-withheld-${language}`);
    await below.context().close();
  }
  const cleared = await person(house, "engineer");
  await cleared.goto(house.url + share.path);
  await cleared.locator("[data-answer]", { hasText: "befördert" }).waitFor();
  same("who may read it reads all of it", await cleared.locator("[data-withheld]").count(), 0);
}
