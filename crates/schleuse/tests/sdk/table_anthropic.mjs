// Asks models behind every adapter with Anthropic's own SDK for Node.
//   table_anthropic.mjs BASE_URL KEY MODELS PACKAGE
// MODELS is a JSON list of `{"name": …, "echoes": …, "counts": …}`: a model that echoes says what it was told, and calls a
// tool with it as the input `said`; one that counts tells how long a question is. PACKAGE is the package.json of the folder
// that the SDK is installed in. Each model is asked for a text in one piece and streamed, for a call of a tool in one piece
// and streamed, for a length, and for what must be blocked. Exits 0 when all cells were as they should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [url, apiKey, modelsText, manifest] = process.argv.slice(2);
const Anthropic = createRequire(manifest)("@anthropic-ai/sdk");
const models = JSON.parse(modelsText);
const client = new Anthropic({
  baseURL: url,
  apiKey,
  maxRetries: 0,
  timeout: 60_000,
  defaultHeaders: { "x-schleuse-label": "PUBLIC" },
});
const SAID = "Grüße aus Köln";
const IBAN = "DE89370400440532013000";
const input_schema = {
  type: "object",
  properties: { said: { enum: [SAID] } },
  required: ["said"],
  additionalProperties: false,
};
const TOOLS = {
  tools: [{ name: "repeat", description: "Repeats.", input_schema }],
  tool_choice: { type: "any", disable_parallel_tool_use: true },
};

const body = ({ name }, more, text = SAID) => ({
  model: name,
  max_tokens: 200,
  temperature: 0,
  system: "Kurz.",
  messages: [{ role: "user", content: text }],
  ...more,
});

function fits({ echoes }, text) {
  if (echoes) assert.equal(text, SAID);
  else assert.ok(text);
}

function isCall(message) {
  assert.equal(message.stop_reason, "tool_use");
  const [call] = message.content;
  assert.deepEqual([call.type, call.name], ["tool_use", "repeat"]);
  assert.deepEqual(call.input, { said: SAID });
}

const rows = {
  async whole(model) {
    const message = await client.messages.create(body(model));
    fits(model, message.content[0].text);
    assert.ok(message.usage.input_tokens > 0);
  },
  async streamed(model) {
    let text = "";
    const stream = client.messages.stream(body(model));
    stream.on("text", (piece) => (text += piece));
    assert.equal((await stream.finalMessage()).content[0].text, text);
    fits(model, text);
  },
  async call(model) {
    isCall(await client.messages.create(body(model, TOOLS)));
  },
  async callStreamed(model) {
    isCall(await client.messages.stream(body(model, TOOLS)).finalMessage());
  },
  async count(model) {
    const { model: name, messages, system } = body(model);
    const counting = client.messages.countTokens({ model: name, messages, system });
    if (model.counts) assert.ok((await counting).input_tokens > 3);
    else await assert.rejects(counting, (error) => error.error.error.param === "/v1/messages/count_tokens");
  },
  async blocked(model) {
    for (const stream of [false, true]) {
      await assert.rejects(client.messages.create(body(model, { stream }, `Konto ${IBAN}`)), (error) => {
        assert.ok(error instanceof Anthropic.PermissionDeniedError, `${error}`);
        assert.equal(error.error.error.code, "sensitive_data_detected");
        return true;
      });
    }
  },
};

for (const model of models) {
  for (const [name, row] of Object.entries(rows)) {
    await row(model).catch((error) => {
      console.log(`failed: ${model.name} ${name}`);
      throw error;
    });
  }
}
console.log(`${Object.keys(rows).length * models.length} cells passed`);
