// Checks what was built: its size before the first message, and that nothing in it breaks the content security policy.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 300;
const dist = new URL("../dist/", import.meta.url);
const html = readFileSync(new URL("index.html", dist), "utf8");
const faults = [];

if (/<script(?![^>]*\ssrc=)/u.test(html)) faults.push("index.html holds an inline script");
if (/<style|\sstyle=|\son\w+=/u.test(html)) faults.push("index.html holds an inline style or handler");
for (const [, address] of html.matchAll(/\s(?:src|href)="([^"]*)"/gu)) {
  if (!address.startsWith("/assets/")) faults.push(`index.html loads \`${address}\`, which is not under /assets/`);
}

let total = gzipSync(html).length;
for (const name of readdirSync(new URL("assets/", dist))) {
  if (!/-[\w-]{8}\.\w+$/u.test(name)) faults.push(`assets/${name} has no hash in its name`);
  const bytes = readFileSync(new URL(`assets/${name}`, dist));
  if (name.endsWith(".css") && /url\(\s*["']?(?:https?:)?\/\//u.test(bytes.toString())) {
    faults.push(`assets/${name} loads from elsewhere`);
  }
  const zipped = gzipSync(bytes, { level: 9 }).length;
  total += zipped;
  console.log(`${(zipped / 1024).toFixed(1).padStart(7)} KB gzip  assets/${name}`);
}
console.log(`${(total / 1024).toFixed(1).padStart(7)} KB gzip  in all, of ${BUDGET_KB}`);
if (total > BUDGET_KB * 1024) faults.push(`the page is larger than ${BUDGET_KB} KB`);

for (const fault of faults) console.error(`fault: ${fault}`);
process.exitCode = faults.length > 0 ? 1 : 0;
