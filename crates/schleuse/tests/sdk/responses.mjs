// Asks a house for responses with OpenAI's own SDK for Node.
//   responses.mjs BASE_URL KEYS PACKAGE
// KEYS is the `keys` object of the ready file, PACKAGE the package.json of the folder that the SDK is installed in. The
// house has the models `tiny`, which answers, `calling`, which calls a tool, `busy`, which is rate limited, and `dying`,
// which breaks off in the middle of a stream. Exits 0 when everything was as it should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [url, keysText, manifest] = process.argv.slice(2);
const OpenAI = createRequire(manifest)("openai");
const keys = JSON.parse(keysText);
const IBAN = "DE89370400440532013000";
const TOOLS = [{ type: "function", name: "get_weather", strict: false, parameters: { type: "object", properties: { city: { type: "string" } } } }];

const employee = new OpenAI({ baseURL: `${url}/v1`, apiKey: keys.employee, maxRetries: 0, timeout: 30_000 });
const ask = (body) => employee.responses.create({ model: "tiny", input: "Hallo", ...body });

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
  async response() {
    const response = await ask({ instructions: "Sei kurz.", max_output_tokens: 24 });
    assert.ok(response.output_text);
    assert.equal(response.store, false);
    assert.equal(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
  },
  async stream() {
    let text = "";
    const stream = employee.responses.stream({ model: "tiny", input: "Hallo" });
    stream.on("response.output_text.delta", ({ delta }) => (text += delta));
    const response = await stream.finalResponse();
    assert.ok(text);
    assert.equal(response.output_text, text);
    const numbers = [];
    for await (const event of await ask({ stream: true })) numbers.push(event.sequence_number);
    assert.deepEqual(numbers, numbers.map((_, place) => place));
  },
  async tools() {
    const stream = employee.responses.stream({ model: "calling", input: "Hallo", tools: TOOLS, tool_choice: "required" });
    const [call] = (await stream.finalResponse()).output;
    assert.deepEqual([call.type, call.call_id, call.name], ["function_call", "call-1", "get_weather"]);
    assert.deepEqual(JSON.parse(call.arguments), { city: "Köln", days: 2 });
    // What the SDK gives back goes in again.
    const { type, call_id, name, arguments: text } = call;
    const input = [{ role: "user", content: "Hallo" }, { type, call_id, name, arguments: text }];
    input.push({ type: "function_call_output", call_id, output: "sonnig" });
    assert.ok((await ask({ input, tools: TOOLS, store: false })).output.length);
  },
  async refusals() {
    for (const stream of [false, true]) {
      const asking = ask({ input: `Konto ${IBAN}`, stream });
      const error = await refused(OpenAI.PermissionDeniedError, "sensitive_data_detected", asking);
      assert.equal(error.error.findings[0].path, "/input");
    }
    const earlier = await refused(OpenAI.BadRequestError, "invalid_request", ask({ previous_response_id: "x" }));
    assert.equal(earlier.param, "previous_response_id");
    await refused(OpenAI.BadRequestError, "invalid_request", ask({ background: true }));
  },
  async brokenStream() {
    let text = "";
    const reading = async () => {
      for await (const event of await ask({ model: "dying", stream: true })) text += event.delta ?? "";
    };
    const error = await reading().then(
      () => assert.fail(`a broken stream ended like a whole one: ${text}`),
      (error) => error,
    );
    assert.ok(error instanceof OpenAI.APIError, `${error}`);
    assert.ok(text.startsWith("Ein Anfang"), text);
  },
};

for (const check of Object.values(checks)) await check();
console.log(`${Object.keys(checks).length} checks passed`);
