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

const names = readdirSync(new URL("assets/", dist)).filter((name) => !name.endsWith(".gz"));
const text = new Map(names.map((name) => [name, readFileSync(new URL(`assets/${name}`, dist))]));

/** What the page loads before anybody does anything: what index.html names, and what that imports without being asked. */
function initial() {
  const found = new Set();
  const open = [...html.matchAll(/\/assets\/([\w.-]+)/gu)].map(([, name]) => name);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name) || !text.has(name)) continue;
    found.add(name);
    if (!name.endsWith(".js")) continue;
    const imports = text.get(name).toString().matchAll(/(?:import|from)\s*["']\.\/([\w.-]+)["']/gu);
    open.push(...[...imports].map(([, other]) => other));
  }
  return found;
}

const first = initial();
const sizes = { first: gzipSync(html).length, later: 0 };
for (const [name, bytes] of text) {
  if (!/-[\w-]{8}\.\w+$/u.test(name)) faults.push(`assets/${name} has no hash in its name`);
  if (name.endsWith(".css") && /url\(\s*["']?(?:https?:)?\/\//u.test(bytes.toString())) {
    faults.push(`assets/${name} loads from elsewhere`);
  }
  const zipped = gzipSync(bytes, { level: 9 }).length;
  sizes[first.has(name) ? "first" : "later"] += zipped;
  console.log(`${(zipped / 1024).toFixed(1).padStart(7)} KB gzip  ${first.has(name) ? "at once  " : "on demand"}  assets/${name}`);
}
console.log(`${(sizes.later / 1024).toFixed(1).padStart(7)} KB gzip  on demand, in all`);
console.log(`${(sizes.first / 1024).toFixed(1).padStart(7)} KB gzip  before the first message, of ${BUDGET_KB}`);
if (sizes.first > BUDGET_KB * 1024) faults.push(`the page is larger than ${BUDGET_KB} KB`);

for (const fault of faults) console.error(`fault: ${fault}`);
process.exitCode = faults.length > 0 ? 1 : 0;
