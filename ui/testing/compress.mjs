// Puts beside each built file the same by gzip, which the house gives to every browser that takes it. Nothing is compressed while it runs.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const assets = new URL("../dist/assets/", import.meta.url);
for (const name of readdirSync(assets)) {
  const bytes = readFileSync(new URL(name, assets));
  const small = gzipSync(bytes, { level: 9 });
  // What is compressed already, or too small to gain a packet, stays alone.
  if (bytes.length > 1024 && small.length < bytes.length * 0.9) writeFileSync(new URL(`${name}.gz`, assets), small);
}
