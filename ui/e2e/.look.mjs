import { chromium } from "playwright-core";
import { serve } from "../testing/serve.mjs";
const out = "/tmp/look";
const { server, url } = await serve(0, { pause: 6, providers: process.argv.includes("providers") });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
const shots = process.argv.slice(2).filter((a) => a.includes("="));
// role=page,width,lang,theme,height
for (const shot of shots) {
  const [role, rest] = shot.split("=");
  const [page_, width = "1280", lang = "en", theme = "light", height = "860"] = rest.split(",");
  const ctx = await browser.newContext({ viewport: { width: +width, height: +height }, locale: lang === "de" ? "de-DE" : "en-GB", colorScheme: theme });
  const page = await ctx.newPage();
  page.on("console", (m) => m.type() === "error" && console.log(shot, m.text()));
  page.on("pageerror", (e) => console.log(shot, "pageerror", e.message));
  await page.goto(url + "/" + (role === "none" ? page_ : ""));
  if (role !== "none") {
    await page.locator(`[data-role=${role}]`).click();
    await page.locator("[data-account]:visible,[data-menu]:visible").first().waitFor();
    await page.goto(url + "/" + page_.split("+")[0]);
    await page.locator("[data-account]:visible,[data-menu]:visible").first().waitFor();
    await page.waitForTimeout(700);
    for (const act of page_.split("+").slice(1)) {
      if (act.startsWith("starter-")) { await page.locator(`[data-starter=${act.slice(8)}]`).click(); await page.waitForTimeout(1300); }
      else if (act.startsWith("ask-")) { await page.locator("textarea").fill(act.slice(4)); await page.keyboard.press("Enter"); await page.waitForTimeout(1300); }
      else if (act.startsWith("fill-")) { const [s, v] = act.slice(5).split("@"); await page.locator(s).first().fill(v); }
      else if (act === "wait") await page.waitForTimeout(2500);
      else if (act === "full") { }
      else { await page.locator(act).first().click(); await page.waitForTimeout(500); }
    }
  } else await page.waitForTimeout(700);
  const name = `${role}-${page_.replace(/[^\w-]+/gu, "_").slice(0, 40)}-${width}-${lang}-${theme}`;
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: page_.includes("+full") });
  console.log(name);
  await ctx.close();
}
await browser.close(); server.closeAllConnections(); server.close();
