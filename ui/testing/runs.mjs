// What the mock house answers, piece by piece; a run goes on whoever listens.
import { refusal } from "./shapes.mjs";
import { canned, hostile, lengthy } from "./texts.mjs";
import { FINDERS } from "./trust.mjs";

/** What a run's passage says of what was done. */
const DONE = { BLOCK: "BLOCKED", REDACT: "REDACTED", PSEUDONYMIZE: "PSEUDONYMIZED" };

/** Plays one run to its end: `texts` is what the model is shown, the question last. */
export async function play(run, texts, { model, label, language, requestId, pause, isReleased }) {
  const { message } = run;
  const emit = (event, data) => {
    run.events.push({ event, data });
    for (const wake of run.waiting) wake();
  };
  const end = (state) => {
    message.state = state;
    run.over = true;
    emit("done", { state });
  };
  const refuse = (code, findings = []) => {
    message.refusal = refusal(code, language, requestId, findings).error;
    emit("refusal", { error: message.refusal });
    end("failed");
  };
  const passage = { request_id: requestId, label, sensitivity: 0, action: "ALLOWED", route: "engine" };
  emit("model", { model });
  await sleep(pause * 4);
  if (passage.label.startsWith("SECRET")) {
    message.passage = { ...passage, action: "DENIED", route: null };
    emit("passage", message.passage);
    return refuse("no_permitted_route");
  }
  const findings = texts.flatMap((text, index) => findIn(text, `/messages/${index}/content`));
  const blocked = findings.filter(({ action }) => action === "BLOCKED" && !isReleased);
  message.passage = passage;
  if (blocked.length > 0) Object.assign(passage, { sensitivity: 0.99, action: "BLOCKED", route: null });
  else if (findings.length > 0) Object.assign(passage, { sensitivity: 0.8, action: findings.find(({ action }) => action === "REDACTED")?.action ?? "PSEUDONYMIZED" });
  emit("passage", passage);
  if (blocked.length > 0) return refuse("sensitive_data_detected", blocked.map(({ action: _action, ...finding }) => (finding.path === `/messages/${texts.length - 1}/content` ? { ...finding, message: message.parent } : finding)));
  const question = texts.at(-1);
  const [, kilobytes, what] = /(\d+) KB of (everything|list|table|code|line)/u.exec(question) ?? [];
  const long = /long story|lange Geschichte/u.test(question);
  const isHostile = question.includes("hostile corpus");
  const said = isHostile ? hostile() : kilobytes ? lengthy(Number(kilobytes), what) : `${message.masks.length > 0 ? letter(message.masks, language) : canned(question, language)} ${long ? "And the water rose. ".repeat(200) : ""}`.trim();
  // A long text comes as fast as a good model is: two hundred pieces a second.
  const pieces = message.masks.length > 0 ? (said.match(/[^]{1,3}/gu) ?? []) : isHostile ? (said.match(/[^]{1,997}/gu) ?? []) : kilobytes ? (said.match(/[^]{1,26}/gu) ?? []) : said.split(/(?<= )/u);
  const began = performance.now();
  for (const [index, text] of pieces.entries()) {
    if (run.stopped) {
      emit("stopped", {});
      return end("stopped");
    }
    if (/break off|abbrechen/u.test(question) && index === 6) return refuse("upstream_failed");
    message.content += text;
    emit("text", { text });
    // oxlint-disable-next-line no-await-in-loop
    if (!isHostile || index < 40 || index % 20 === 0) await sleep(isHostile ? 2 : kilobytes ? Math.max(0, began + index * 5 - performance.now()) : pause);
  }
  message.usage = { prompt: question.length >> 2, completion: pieces.length };
  emit("usage", message.usage);
  end("complete");
}

/** Every event from the one after `last` on, whenever it comes. */
export function follow(run, last, response, isAlive) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let at = last;
  const write = () => {
    for (; at < run.events.length; at += 1) {
      const { event, data } = run.events[at];
      response.write(`id: ${at + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
    if (!run.over) return;
    run.waiting.delete(write);
    response.end();
  };
  run.waiting.add(write);
  // A session that ended takes its streams with it.
  const timer = setInterval(() => {
    if (!isAlive()) response.end();
  }, 100);
  response.on("close", () => {
    clearInterval(timer);
    run.waiting.delete(write);
  });
  write();
}

/** Says back what stands for something, in a sentence, in emphasis, in code and in a table. */
function letter(masks, language) {
  const [first] = masks;
  const names = masks.map(({ stands }) => stands).join(", ");
  return language === "de"
    ? `Guten Tag **${first.stands}**, hier ist der Entwurf für ${names}.\n\n${first.stands}: empfangen\n\n| Wer | Was |\n| --- | --- |\n| ${first.stands} | bekommt ihn |\n\n\`${first.stands}\` steht auch im Code.`
    : `Dear **${first.stands}**, here is the draft for ${names}.\n\n${first.stands}: received\n\n| Who | What |\n| --- | --- |\n| ${first.stands} | gets it |\n\n\`${first.stands}\` stands in code, too.`;
}

function sleep(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}


function findIn(text, path) {
  return FINDERS.filter(({ action }) => action in DONE).flatMap(({ type, pattern, action }) =>
    [...text.matchAll(pattern)].map((match) => {
      const start = Buffer.byteLength(text.slice(0, match.index));
      return { type, path, start, end: start + Buffer.byteLength(match[0]), score: 0.99, action: DONE[action] };
    }),
  );
}
