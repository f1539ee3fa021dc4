// Adds to ui/package-lock.json the optional packages for other systems that a registry mirror left out, so that
// `npm ci` finds lock and manifest in step everywhere. They carry no digest and are never installed on Linux.
// Run it after every `npm install` behind such a mirror:  node toolchain/complete-lock.mjs
import { readFileSync, writeFileSync } from "node:fs";

const SYSTEMS = ["android", "darwin", "freebsd", "netbsd", "openbsd", "openharmony", "sunos", "aix", "win32", "linux"];
const PROCESSORS = ["arm64", "x64", "ia32", "arm", "ppc64", "s390x", "riscv64", "loong64", "wasm32", "mips64el"];

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const rows = { ...lock.packages };
for (const { optionalDependencies = {}, dev } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (rows[`node_modules/${name}`]) continue;
    const parts = name === "fsevents" ? ["darwin"] : name.split(/[/-]/u);
    const os = SYSTEMS.filter((system) => parts.includes(system));
    const cpu = PROCESSORS.filter((processor) => parts.includes(processor));
    const libc = parts.includes("musl") ? ["musl"] : [];
    if (os.length + cpu.length === 0) throw new Error(`${name} names no system`);
    if (os.includes("linux") && cpu.includes("x64") && libc.length === 0) throw new Error(`${name} is needed and missing`);
    rows[`node_modules/${name}`] = {
      version,
      ...(cpu.length > 0 ? { cpu } : {}),
      ...(dev ? { dev } : {}),
      ...(libc.length > 0 ? { libc } : {}),
      optional: true,
      ...(os.length > 0 ? { os } : {}),
    };
  }
}
lock.packages = Object.fromEntries(Object.entries(rows).toSorted(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
