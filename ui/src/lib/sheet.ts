import type { Language } from "./language";

/** The number that a cell shows, as it is written in a language; nothing for text, and for what only looks like a number (`007`, `01069`). */
export function numberIn(cell: string, language: Language): number | undefined {
  const text = cell.trim().replace(/^\u2212/u, "-").replaceAll(/[\u00a0\u202f]/gu, "");
  const [group, point, grouped] = language === "de" ? [".", ",", /^-?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?$/u] : [",", ".", /^-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?$/u];
  const simple = /^-?(?:0|[1-9]\d{0,14})(?:[.,]\d+)?$/u;
  if (grouped.test(text)) return Number(text.replaceAll(group, "").replace(point, "."));
  // `1.234` is a thousand in German only, and was taken above; every other single mark is a decimal one.
  return simple.test(text) ? Number(text.replace(",", ".")) : undefined;
}

/**
 * Rows as CSV, for Excel of that language: German with semicolons and decimal commas. A text that a spreadsheet would take for a formula
 * gets an apostrophe in front.
 */
export function csv(rows: string[][], language: Language): string {
  const separator = language === "de" ? ";" : ",";
  const cell = (text: string) => {
    const number = numberIn(text, language);
    if (number !== undefined) return language === "de" ? plainNumber(number).replace(".", ",") : plainNumber(number);
    const safe = /^[=+\-@\t\r]/u.test(text) ? `'${text}` : text;
    return safe.includes(separator) || /["\n\r]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `${rows.map((row) => row.map(cell).join(separator)).join("\r\n")}\r\n`;
}

/** Rows as a workbook with one sheet (ECMA-376), its first row in bold; numbers are numbers. */
export function workbook(rows: string[][], sheet: string, language: Language): Uint8Array<ArrayBuffer> {
  const body = rows.map((row, index) => {
    const style = index === 0 ? ' s="1"' : "";
    const cells = row.map((text, column) => {
      const place = `r="${columnName(column)}${index + 1}"${style}`;
      const number = index === 0 ? undefined : numberIn(text, language);
      return number === undefined ? `<c ${place} t="inlineStr"><is><t xml:space="preserve">${escaped(text.slice(0, 32_767))}</t></is></c>` : `<c ${place}><v>${number}</v></c>`;
    });
    return `<row r="${index + 1}">${cells.join("")}</row>`;
  });
  const name = escaped(sheet.replaceAll(/[\\/?*[\]:]/gu, " ").trim().slice(0, 31) || "1");
  const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const relations = "http://schemas.openxmlformats.org/package/2006/relationships";
  const type = "application/vnd.openxmlformats-officedocument.spreadsheetml";
  return zip({
    "[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${type}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${type}.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="${type}.styles+xml"/></Types>`,
    "_rels/.rels": `<Relationships xmlns="${relations}"><Relationship Id="rId1" Type="${office}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    "xl/workbook.xml": `<workbook xmlns="${main}" xmlns:r="${office}"><sheets><sheet name="${name}" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships xmlns="${relations}"><Relationship Id="rId1" Type="${office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${office}/styles" Target="styles.xml"/></Relationships>`,
    "xl/styles.xml": `<styleSheet xmlns="${main}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs></styleSheet>`,
    "xl/worksheets/sheet1.xml": `<worksheet xmlns="${main}"><sheetData>${body.join("")}</sheetData></worksheet>`,
  });
}

function plainNumber(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(10).replace(/\.?0+$/u, "") : text;
}

/** `A` … `Z`, `AA` … */
function columnName(index: number): string {
  const letter = String.fromCodePoint(65 + (index % 26));
  return index < 26 ? letter : columnName(Math.floor(index / 26) - 1) + letter;
}

/** Text for XML 1.0, which has no way to write most control characters. */
function escaped(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const readable = text.replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD");
  return readable.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Files in one ZIP archive, not compressed (APPNOTE 6.3, method 0). */
function zip(files: Record<string, string>): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const [path, data] = [encoder.encode(name), encoder.encode(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${text}`)];
    // Version 2.0, UTF-8 names, stored, 1 January 1980.
    const common = [...u16(20), ...u16(0x0800), ...u16(0), ...u16(0), ...u16(0x21), ...u32(crc32(data)), ...u32(data.length), ...u32(data.length), ...u16(path.length), ...u16(0)];
    directory.push(Uint8Array.from([...u32(0x0201_4b50), ...u16(20), ...common, ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(at), ...path]));
    const head = Uint8Array.from([...u32(0x0403_4b50), ...common, ...path]);
    parts.push(head, data);
    at += head.length + data.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Uint8Array.from([...u32(0x0605_4b50), ...u16(0), ...u16(0), ...u16(directory.length), ...u16(directory.length), ...u32(size), ...u32(at), ...u16(0)]);
  const all = [...parts, ...directory, end];
  const out = new Uint8Array(at + size + end.length);
  let offset = 0;
  for (const part of all) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

function u16(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)];
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

/** CRC-32 of ISO 3309, as ZIP wants it. */
export function crc32(data: Uint8Array): number {
  let value = 0xffff_ffff;
  for (const byte of data) value = (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return (value ^ 0xffff_ffff) >>> 0;
}
