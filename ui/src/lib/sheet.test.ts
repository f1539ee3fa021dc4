import { expect, it } from "vitest";
import { crc32, csv, numberIn, workbook } from "./sheet";

function check(cell: string, german: number | undefined, english: number | undefined) {
  expect([numberIn(cell, "de"), numberIn(cell, "en")], cell).toEqual([german, english]);
}

it("knows numbers as both languages write them", () => {
  check("7", 7, 7);
  check("-0,5", -0.5, -0.5);
  check("1.5", 1.5, 1.5);
  check("1.234", 1234, 1.234);
  check("1,234", 1.234, 1234);
  check("1.234.567,89", 1_234_567.89, undefined);
  check("1,234,567.89", undefined, 1_234_567.89);
  check("\u22123", -3, -3);
  check("007", undefined, undefined);
  check("01069", undefined, undefined);
  check("24.12.2026", undefined, undefined);
  check("2,50 €", undefined, undefined);
  check("", undefined, undefined);
  check("12345678901234567890", undefined, undefined);
});

it("writes CSV as German and English spreadsheets read it", () => {
  const rows = [["Schiff", "Zoll"], ["Anna; Berta", "1.5"], ['"Clara"', "1.234"]];
  expect(csv(rows, "de")).toBe('Schiff;Zoll\r\n"Anna; Berta";1,5\r\n"""Clara""";1234\r\n');
  expect(csv(rows, "en")).toBe('Schiff,Zoll\r\nAnna; Berta,1.5\r\n"""Clara""",1.234\r\n');
});

it("lets no cell become a formula", () => {
  expect(csv([["=1+1", "+49 30", "@SUM(A1)", "-x", "-3"]], "de")).toBe("'=1+1;'+49 30;'@SUM(A1);'-x;-3\r\n");
});

it("computes the checksum of the standard's example", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
});

it("makes a workbook: an archive whose directory names each part where it is", () => {
  const bytes = workbook([["A", "B"], ["<x>\u0000", "1,5"]], "Tor: 1", "de");
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  expect(view.getUint32(end, true)).toBe(0x0605_4b50);
  let at = view.getUint32(end + 16, true);
  const names: string[] = [];
  for (let index = 0; index < view.getUint16(end + 10, true); index += 1) {
    const [size, length, offset] = [view.getUint32(at + 24, true), view.getUint16(at + 28, true), view.getUint32(at + 42, true)];
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + length));
    const data = bytes.subarray(offset + 30 + length, offset + 30 + length + size);
    expect(view.getUint32(offset, true)).toBe(0x0403_4b50);
    expect(crc32(data)).toBe(view.getUint32(at + 16, true));
    names.push(name);
    if (name.endsWith("sheet1.xml")) expect(new TextDecoder().decode(data)).toContain('<c r="A2" t="inlineStr"><is><t xml:space="preserve">&lt;x&gt;\uFFFD</t></is></c><c r="B2"><v>1.5</v></c>');
    at += 46 + length;
  }
  expect(names).toContain("[Content_Types].xml");
  expect(names).toHaveLength(6);
});
