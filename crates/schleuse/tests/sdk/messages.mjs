// Talks to a house with Anthropic's own SDK for Node.
//   messages.mjs BASE_URL KEYS PACKAGE
// KEYS is the `keys` object of the ready file, PACKAGE the package.json of the folder that the SDK is installed in. The
// house has the models `tiny`, which answers, `calling`, which calls a tool, `busy`, which is rate limited, and `dying`,
// which breaks off in the middle of a stream. Exits 0 when everything was as it should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [url, keysText, manifest] = process.argv.slice(2);
const Anthropic = createRequire(manifest)("@anthropic-ai/sdk");
const keys = JSON.parse(keysText);
const IBAN = "DE89370400440532013000";
const HELLO = [{ role: "user", content: "Hallo" }];
const TOOLS = [{ name: "get_weather", input_schema: { type: "object", properties: { city: { type: "string" } } } }];

const client = (apiKey) => new Anthropic({ baseURL: url, apiKey, maxRetries: 0, timeout: 30_000 });
const employee = client(keys.employee);
const asked = { model: "tiny", max_tokens: 24, messages: HELLO };

async function refused(kind, code, promise) {
  const error = await promise.then(
    () => assert.fail(`not refused with ${code}`),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error?.constructor?.name}: ${error}`);
  assert.equal(error.error.type, "error");
  assert.equal(error.error.error.code, code);
  assert.ok(error.error.error.next);
  return error;
}

const checks = {
  async message() {
    const message = await employee.messages.create({ ...asked, system: "Sei kurz." });
    assert.equal(message.type, "message");
    assert.ok(message.content[0].text);
    assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
  },
  async stream() {
    let text = "";
    const stream = employee.messages.stream(asked).on("text", (piece) => (text += piece));
    const message = await stream.finalMessage();
    assert.ok(text);
    assert.equal(message.content[0].text, text);
    assert.ok(message.usage.output_tokens > 0);
    const kinds = [];
    for await (const event of await employee.messages.create({ ...asked, stream: true })) kinds.push(event.type);
    assert.deepEqual(kinds.slice(0, 2), ["message_start", "content_block_start"]);
    assert.deepEqual(kinds.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
  },
  async tools() {
    const stream = employee.messages.stream({ ...asked, model: "calling", tools: TOOLS, tool_choice: { type: "any" } });
    const message = await stream.finalMessage();
    const [call] = message.content;
    assert.equal(message.stop_reason, "tool_use");
    assert.deepEqual([call.type, call.id, call.name], ["tool_use", "call-1", "get_weather"]);
    assert.deepEqual(call.input, { city: "Köln", days: 2 });
    // What the SDK gives back goes in again.
    const result = { type: "tool_result", tool_use_id: call.id, content: "sonnig" };
    const messages = [...HELLO, { role: "assistant", content: message.content }, { role: "user", content: [result] }];
    assert.ok((await employee.messages.create({ ...asked, messages, tools: TOOLS })).content.length);
  },
  async count() {
    assert.ok((await employee.messages.countTokens({ model: "tiny", messages: HELLO })).input_tokens > 0);
  },
  async refusals() {
    await refused(Anthropic.AuthenticationError, "invalid_api_key", client("sk-nobody").messages.create(asked));
    const secret = { ...asked, messages: [{ role: "user", content: `Konto ${IBAN}` }] };
    for (const stream of [false, true]) {
      const asking = employee.messages.create({ ...secret, stream });
      const { error } = await refused(Anthropic.PermissionDeniedError, "sensitive_data_detected", asking);
      assert.equal(error.error.findings[0].path, "/messages/0/content");
    }
    const nothing = employee.messages.create({ ...asked, model: "nothing" });
    await refused(Anthropic.NotFoundError, "model_not_found", nothing);
    const busy = await employee.messages.create({ ...asked, model: "busy" }).catch((error) => error);
    assert.ok(busy instanceof Anthropic.RateLimitError, `${busy}`);
    assert.equal(busy.headers.get("retry-after"), "7");
  },
  async brokenStream() {
    let text = "";
    const stream = employee.messages.stream({ ...asked, model: "dying" }).on("text", (piece) => (text += piece));
    const error = await stream.finalMessage().then(
      () => assert.fail(`a broken stream ended like a whole one: ${text}`),
      (error) => error,
    );
    assert.ok(error instanceof Anthropic.APIError, `${error}`);
    assert.ok(text.startsWith("Ein Anfang"), text);
  },
};

for (const check of Object.values(checks)) await check();
console.log(`${Object.keys(checks).length} checks passed`);
