// How long the page's main thread was busy, in milliseconds of the processor: what else runs on the machine makes every clock run fast, but
// not this one. In an idle machine both are the same.
import assert from "node:assert/strict";

const CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel"];

/** Notes every task of the page's main thread while `doing` runs; gives them with the longest first, and what that consisted of. */
export async function watchTasks(page, doing) {
  const browser = page.context().browser();
  await browser.startTracing(page, { categories: CATEGORIES });
  let trace;
  try {
    await doing();
    await page.waitForTimeout(200);
  } finally {
    trace = await browser.stopTracing();
  }
  const { traceEvents: events } = JSON.parse(trace.toString());
  const threads = new Map(events.filter((event) => event.name === "thread_name").map(({ pid, tid, args }) => [`${pid} ${tid}`, args.name]));
  const tasks = events
    .filter((event) => event.name === "RunTask" && event.ph === "X" && threads.get(`${event.pid} ${event.tid}`) === "CrRendererMain")
    .toSorted((x, y) => (y.tdur ?? 0) - (x.tdur ?? 0));
  const busy = tasks.map(({ tdur = 0 }) => tdur / 1000);
  assert.ok(busy.length > 0 && busy[0] > 0, "no task was measured");
  return { longest: busy[0], busy, all: busy.reduce((sum, ms) => sum + ms, 0), parts: partsOf(events, tasks[0]) };
}

/** What a task consisted of. */
function partsOf(events, { ts, dur, pid, tid }) {
  const inside = events.filter((event) => event.ph === "X" && event.pid === pid && event.tid === tid && event.ts >= ts && event.ts <= ts + dur && event.name !== "RunTask");
  const sums = new Map();
  for (const { name, tdur = 0 } of inside) sums.set(name, (sums.get(name) ?? 0) + tdur / 1000);
  return [...sums].toSorted(([, x], [, y]) => y - x).slice(0, 6).map(([name, ms]) => `${name} ${Math.round(ms)}`);
}

/** The value below which so much of the values lies. */
export function quantile(values, part) {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
