import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { iconOf } from "./icon";

const ICONS = [
  { name: "icon-192.png", size: 192, margin: 0, purpose: "any" },
  { name: "icon-512.png", size: 512, margin: 0, purpose: "any" },
  { name: "maskable-512.png", size: 512, margin: 0.14, purpose: "maskable" },
  { name: "touch-180.png", size: 180, margin: 0.08, purpose: undefined },
];

const named = (bundle: object, start: string) => Object.keys(bundle).find((name) => name.startsWith(`assets/${start}`)) ?? "";

/** Makes the page something that can be installed: icons from its mark, a manifest, and a worker that keeps the shell and nothing else. */
export function app(): Plugin[] {
  let root = "";
  return [
    {
      name: "app-manifest",
      apply: "build",
      enforce: "pre",
      configResolved: (config) => {
        root = config.root;
      },
      buildStart() {
        const mark = readFileSync(join(root, "src/app/mark.svg"), "utf8");
        const icons = ICONS.map((icon) => ({ ...icon, source: iconOf(mark, icon.size, icon.margin) }));
        for (const { name, source } of icons) this.emitFile({ type: "asset", fileName: hashed(name, source), source });
        const manifest = JSON.stringify({
          id: "/",
          name: "Schleuse",
          short_name: "Schleuse",
          start_url: "/",
          scope: "/",
          display: "standalone",
          background_color: "#fbfcfb",
          theme_color: "#0b5763",
          icons: icons.flatMap(({ name, size, purpose, source }) => (purpose === undefined ? [] : [{ src: `/${hashed(name, source)}`, sizes: `${size}x${size}`, type: "image/png", purpose }])),
        });
        this.emitFile({ type: "asset", fileName: hashed("app.webmanifest", Buffer.from(manifest)), source: manifest });
      },
      transformIndexHtml: {
        order: "post",
        handler: (_html, { bundle = {} }) => [
          { tag: "link", attrs: { rel: "manifest", href: `/${named(bundle, "app-")}` }, injectTo: "head" },
          { tag: "link", attrs: { rel: "apple-touch-icon", href: `/${named(bundle, "touch-180-")}` }, injectTo: "head" },
        ],
      },
    },
    {
      name: "app-worker",
      apply: "build",
      enforce: "post",
      closeBundle() {
        const dist = join(root, "dist");
        const html = readFileSync(join(dist, "index.html"), "utf8");
        const shell = ["/", ...new Set(initialOf(html, (name) => readFileSync(join(dist, "assets", name), "utf8")))];
        const digest = createHash("sha256").update(html).update(shell.join("\n")).digest("hex").slice(0, 16);
        const worker = readFileSync(join(root, "building/service-worker.js"), "utf8");
        writeFileSync(join(dist, "service-worker.js"), worker.replace('["SHELL"]', JSON.stringify(shell)).replace('"VERSION"', JSON.stringify(digest)));
        const licences = join(dist, "licenses.md");
        writeFileSync(licences, readFileSync(licences, "utf8") + licencesBelow(root, "mermaid"));
      },
    },
  ];
}

function hashed(name: string, source: Buffer): string {
  const [, base = name, ending = ""] = /^(.*)\.(\w+)$/u.exec(name) ?? [];
  return `assets/${base}-${createHash("sha256").update(source).digest("hex").slice(0, 8)}.${ending}`;
}

/** The addresses of what the page loads by itself. */
function initialOf(html: string, read: (name: string) => string): string[] {
  const open = [...html.matchAll(/"\/assets\/([\w.-]+\.(?:js|css|svg))"/gu)].map(([, name]) => name ?? "");
  const found = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    if (name.endsWith(".js")) open.push(...[...read(name).matchAll(/(?:import|from)\s*["']\.\/([\w.-]+)["']/gu)].map(([, other]) => other ?? ""));
  }
  return [...found].toSorted().map((name) => `/assets/${name}`);
}

/** The licences of a package that is taken as it was built by others, and of everything that it was built from. */
function licencesBelow(root: string, first: string): string {
  const open = [first];
  const texts = new Map<string, string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (texts.has(name)) continue;
    const folder = join(root, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string; license?: string; dependencies?: Record<string, string> };
    const file = readdirSync(folder).find((one) => /^licen[cs]e/iu.test(one));
    texts.set(name, `\n## ${name} - ${about.version} (${about.license ?? "see below"})\n\n${file ? readFileSync(join(folder, file), "utf8").trim() : ""}\n`);
    open.push(...Object.keys(about.dependencies ?? {}));
  }
  return `\n# In the diagrams\n${[...texts.keys()].toSorted().map((name) => texts.get(name) ?? "").join("")}`;
}
