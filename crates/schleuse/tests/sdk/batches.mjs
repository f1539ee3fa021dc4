// Has a house work through batches with OpenAI's own SDK for Node.
//   batches.mjs BASE_URL KEYS PACKAGE
// KEYS is the `keys` object of the ready file, PACKAGE the package.json of the folder that the SDK is installed in. The
// house has the model `tiny`, which answers. Exits 0 when everything was as it should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const [url, keysText, manifest] = process.argv.slice(2);
const OpenAI = createRequire(manifest)("openai");
const keys = JSON.parse(keysText);
const IBAN = "DE89370400440532013000";
const OVER = ["completed", "failed", "cancelled", "expired"];

const client = (role) => new OpenAI({ baseURL: `${url}/v1`, apiKey: keys[role], maxRetries: 0, timeout: 30_000 });
const employee = client("employee");

function line(custom_id, content) {
  const body = { model: "tiny", messages: [{ role: "user", content }], max_tokens: 16 };
  return JSON.stringify({ custom_id, method: "POST", url: "/v1/chat/completions", body });
}

async function upload(lines, more, options) {
  const file = await OpenAI.toFile(Buffer.from(lines.join("\n")), "fragen.jsonl");
  return employee.files.create({ file, purpose: "batch", ...more }, options);
}

function begin(file) {
  return employee.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    metadata: { zweck: "probe" },
  });
}

async function wait(batch) {
  const until = Date.now() + 60_000;
  while (!OVER.includes(batch.status)) {
    assert.ok(Date.now() < until, JSON.stringify(batch));
    await sleep(50);
    batch = await employee.batches.retrieve(batch.id);
  }
  return batch;
}

async function linesOf(id) {
  const text = await (await employee.files.content(id)).text();
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

async function refused(kind, code, promise) {
  const error = await promise.then(
    () => assert.fail(`not refused with ${code}`),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error?.constructor?.name}: ${error}`);
  assert.equal(error.code, code);
  assert.ok(error.error.next);
  return error;
}

const checks = {
  async batch() {
    const batch = await wait(await begin(await upload([line("a", "Hallo"), line("b", `Konto ${IBAN}`), line("c", "Tag")])));
    assert.equal(batch.status, "completed");
    assert.deepEqual(batch.request_counts, { total: 3, completed: 2, failed: 1 });
    assert.deepEqual(batch.metadata, { zweck: "probe" });
    const output = await linesOf(batch.output_file_id);
    assert.deepEqual(output.map((answer) => answer.custom_id), ["a", "c"]);
    for (const answer of output) assert.ok(answer.response.body.choices[0].message.content);
    const [blocked] = await linesOf(batch.error_file_id);
    assert.equal(blocked.response.body.error.code, "sensitive_data_detected");
    assert.ok(!JSON.stringify(blocked).includes(IBAN));
  },
  async errors() {
    const batch = await wait(await begin(await upload([line("a", "Hallo"), "kein JSON"])));
    assert.equal(batch.status, "failed");
    assert.deepEqual(batch.errors.data.map(({ line, code }) => [line, code]), [[2, "invalid_json_line"]]);
  },
  async cancel() {
    const lines = Array.from({ length: 2000 }, (_, number) => line(`q${number}`, "Hallo"));
    const begun = await begin(await upload(lines));
    const cancelling = await employee.batches.cancel(begun.id);
    assert.ok(["cancelling", "cancelled"].includes(cancelling.status), cancelling.status);
    assert.equal((await wait(cancelling)).status, "cancelled");
  },
  async files() {
    const file = await upload([line("a", "Hallo")], { expires_after: { anchor: "created_at", seconds: 3600 } });
    assert.equal(file.expires_at, file.created_at + 3600);
    const ids = [];
    for await (const known of employee.files.list({ purpose: "batch", limit: 1 })) ids.push(known.id);
    assert.equal(ids[0], file.id);
    assert.equal(new Set(ids).size, 4);
    assert.equal(await (await employee.files.content(file.id)).text(), line("a", "Hallo"));
    assert.ok((await employee.files.delete(file.id)).deleted);
    await refused(OpenAI.NotFoundError, "not_found", employee.files.retrieve(file.id));
    const batches = [];
    for await (const batch of employee.batches.list({ limit: 1 })) batches.push(batch.id);
    assert.equal(new Set(batches).size, 3);
  },
  async labels() {
    const file = await upload([line("a", "Hallo")], {}, { headers: { "x-schleuse-label": "CONFIDENTIAL" } });
    const batch = await wait(await begin(file));
    const content = await employee.files.content(batch.output_file_id);
    assert.equal(content.headers.get("x-schleuse-label"), "CONFIDENTIAL");
  },
  async refusals() {
    const file = await upload([line("a", "Hallo")]);
    await refused(OpenAI.NotFoundError, "not_found", client("engineer").files.content(file.id));
    await refused(OpenAI.PermissionDeniedError, "access_denied", client("auditor").files.list());
    const image = employee.files.create({ file: await OpenAI.toFile(Buffer.from("x"), "x.png"), purpose: "vision" });
    assert.ok((await refused(OpenAI.BadRequestError, "invalid_request", image)).message.includes("vision"));
  },
};

for (const check of Object.values(checks)) await check();
console.log(`${Object.keys(checks).length} checks passed`);
