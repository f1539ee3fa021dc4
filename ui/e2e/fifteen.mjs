// The fifteen tests of a chat that people prefer, each against a house of its own in front of model servers that follow a script. Started by a
// stage: `stage SCHLEUSE node e2e/fifteen.mjs NUMBER…`. What is measured goes out in rows, with the marks that it is held to.
import * as documents from "./fifteen/documents.mjs";
import * as errors from "./fifteen/errors.mjs";
import * as first from "./fifteen/first.mjs";
import * as german from "./fifteen/german.mjs";
import * as hostile from "./fifteen/hostile.mjs";
import * as large from "./fifteen/large.mjs";
import * as looks from "./fifteen/looks.mjs";
import * as phone from "./fifteen/phone.mjs";
import * as streams from "./fifteen/streams.mjs";
import * as tree from "./fifteen/tree.mjs";
import { complaints, leave, leaveFailed, play } from "./stage.mjs";

const TESTS = {
  1: first.usable,
  2: streams.pixels,
  3: large.thousandMessages,
  4: large.muchAtOnce,
  5: streams.resume,
  6: streams.stop,
  7: tree.branches,
  8: hostile.markdown,
  9: looks.everybody,
  10: documents.sources,
  11: documents.shares,
  12: german.words,
  13: errors.sentences,
  14: phone.phone,
  15: first.firstRun,
};

for (const number of process.argv.slice(2).map(Number)) {
  play(number);
  try {
    await TESTS[number]();
    await leave();
  } catch (error) {
    console.log(`FAILED  test ${number}: ${error.stack}`);
    for (const complaint of complaints()) console.log(`        ${complaint}`);
    process.exitCode = 1;
    await leaveFailed(`failed-${number}`);
  }
}
// What a failed test left open would keep this process.
process.exit();
