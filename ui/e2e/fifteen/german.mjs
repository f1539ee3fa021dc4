// 12: German as it is written: compounds, umlauts, plurals, dates, decimal commas, and a table that a German Excel takes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { ask, ended, newChat, person, pictures, same, startEngine, startHouse } from "../stage.mjs";

/** What was written, and the words by which it must be found. */
const FOUND = [
  ["Wo steht die Kündigungsfristenregelung für Auszubildende?", ["Kündigungsfrist", "kündigungsfristen", "Kuendigungsfrist", "kundigungsfrist", "Frist"]],
  ["Gilt die Straßenverkehrsordnung auch auf der Müllumschlagstrasse?", ["Strasse", "Straße", "Muell", "Müll", "Verkehrsordnung"]],
  ["Welche Verträge mit Häusern und Bäumen laufen aus?", ["Vertrag", "Haus", "Baum", "Vertraege"]],
  ["Der Termin ist am 24.12.2026 um 9 Uhr.", ["24.12.2026"]],
  ["Der Pegel stand bei 3,75 Metern.", ["3,75"]],
];

const TABLE = "| Schiff | Tonnen | Gebühr | Datum |\n|---|---:|---:|---|\n| Möwe | 1.234,5 | 12,75 € | 24.12.2026 |\n| Spatz; klein | 7 | 0,50 € | 01.02.2026 |\n";

export async function words() {
  const engine = await startEngine();
  const house = await startHouse([engine]);
  const page = await person(house, "employee", { language: "de" });
  await engine.follow({ text: "Gern." });
  for (const [text] of FOUND) {
    await newChat(page, house);
    await ask(page, text);
    assert.equal(await ended(page), "finished");
  }
  await newChat(page, house);
  const search = page.locator("[data-history-search]:visible");
  for (const [text, queries] of FOUND) {
    for (const query of queries) {
      await search.fill("");
      await page.locator("[data-hit]").first().waitFor({ state: "detached" });
      await search.fill(query);
      const hit = page.locator("[data-hit]", { hasText: text.slice(0, 24) }).first();
      const isThere = await hit.waitFor({ timeout: 5000 }).then(() => true, () => false);
      same(`„${query}“ finds „${text.slice(0, 40)}…“, and it is marked`, isThere && (await hit.locator("mark").count()) > 0, true);
    }
  }
  await search.fill("Donaudampfschiff");
  await page.waitForTimeout(600);
  same("what nobody wrote is not found", await page.locator("[data-hit]").count(), 0);
  await search.fill("Frist");
  await page.locator("[data-hit]").first().waitFor();
  await pictures(page, "12-found");

  await engine.follow({ text: TABLE });
  await newChat(page, house);
  await ask(page, "Als Tabelle, bitte.");
  assert.equal(await ended(page), "finished");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: house.url });
  await page.locator("[data-copy-csv]").click();
  await page.locator("[data-status]", { hasText: "Kopiert" }).waitFor({ state: "attached" });
  same("a copied table is one for a German Excel", await page.evaluate(() => navigator.clipboard.readText()), 'Schiff;Tonnen;Gebühr;Datum\r\nMöwe;1234,5;12,75 €;24.12.2026\r\n"Spatz; klein";7;0,50 €;01.02.2026\r\n');
  const [sheet] = await Promise.all([page.waitForEvent("download"), page.locator("[data-xlsx]").click()]);
  const cells = unzipped(readFileSync(await sheet.path()))["xl/worksheets/sheet1.xml"] ?? "";
  same("numbers of a workbook are numbers", ["1234.5", "7"].every((number) => cells.includes(`<v>${number}</v>`)), true);
  same("words with umlauts are in the workbook", cells.includes("Möwe") && cells.includes("Spatz; klein"), true);
  await pictures(page, "12-table");
  const shown = await page.locator("[data-answer]").last().innerText();
  same("dates and commas stand as they were written", shown.includes("24.12.2026") && shown.includes("12,75 €"), true);
}

/** The files of a ZIP archive as texts (APPNOTE 4.3: the central directory at the end leads to each). */
function unzipped(bytes) {
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const files = {};
  let at = bytes.readUInt32LE(end + 16);
  for (let count = bytes.readUInt16LE(end + 10); count > 0; count -= 1) {
    const [method, size, nameSize, extraSize, commentSize, local] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20), bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32), bytes.readUInt32LE(at + 42)];
    const begin = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const body = bytes.subarray(begin, begin + size);
    files[bytes.toString("utf8", at + 46, at + 46 + nameSize)] = (method === 8 ? inflateRawSync(body) : body).toString("utf8");
    at += 46 + nameSize + extraSize + commentSize;
  }
  return files;
}
