// Asks models behind every adapter with OpenAI's own SDK for Node, on both of its interfaces for conversations.
//   table_openai.mjs BASE_URL KEY MODELS PACKAGE
// MODELS is a JSON list of `{"name": …, "echoes": …}`: a model that echoes says what it was told, and calls a function
// with it as the argument `said`. PACKAGE is the package.json of the folder that the SDK is installed in. Each model is
// asked for a text in one piece and streamed, for a call of a function in one piece and streamed, for what must be
// blocked, and for a batch of both. Exits 0 when all cells were as they should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [url, apiKey, modelsText, manifest] = process.argv.slice(2);
const OpenAI = createRequire(manifest)("openai");
const models = JSON.parse(modelsText);
const client = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey,
  maxRetries: 0,
  timeout: 60_000,
  defaultHeaders: { "x-schleuse-label": "PUBLIC" },
});
const SAID = "Grüße aus Köln";
const IBAN = "DE89370400440532013000";
const parameters = {
  type: "object",
  properties: { said: { enum: [SAID] } },
  required: ["said"],
  additionalProperties: false,
};
const FUNCTION = { name: "repeat", description: "Repeats.", parameters };
const CHAT_TOOLS = { tools: [{ type: "function", function: FUNCTION }], tool_choice: "required", parallel_tool_calls: false };
const TOOLS = { tools: [{ type: "function", strict: true, ...FUNCTION }], tool_choice: "required", parallel_tool_calls: false };

const chatBody = ({ name }, text, more) => ({
  model: name,
  messages: [
    { role: "system", content: "Kurz." },
    { role: "user", content: text },
  ],
  max_tokens: 200,
  temperature: 0,
  ...more,
});
const responseBody = ({ name }, text, more) => ({ model: name, instructions: "Kurz.", input: text, max_output_tokens: 200, temperature: 0, ...more });
const chat = (model, more, text = SAID) => client.chat.completions.create(chatBody(model, text, more));
const respond = (model, more, text = SAID) => client.responses.create(responseBody(model, text, more));

function fits({ echoes }, text) {
  if (echoes) assert.equal(text, SAID);
  else assert.ok(text);
}

function isCall(name, text) {
  assert.equal(name, "repeat");
  assert.deepEqual(JSON.parse(text), { said: SAID });
}

async function blocked(ask) {
  for (const stream of [false, true]) {
    await assert.rejects(ask({ stream }, `Konto ${IBAN}`), (error) => {
      assert.ok(error instanceof OpenAI.PermissionDeniedError, `${error}`);
      assert.equal(error.code, "sensitive_data_detected");
      return true;
    });
  }
}

/** The answer to a line of its own; a second line, which must be blocked, is in the error file. */
async function batched(endpoint, body) {
  const line = ([custom_id, text]) => JSON.stringify({ custom_id, method: "POST", url: endpoint, body: body(text) });
  const lines = [["good", SAID], ["bad", `Konto ${IBAN}`]].map(line).join("\n");
  const file = await client.files.create({ file: await OpenAI.toFile(Buffer.from(lines), "fragen.jsonl"), purpose: "batch" });
  let batch = await client.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h" });
  const until = Date.now() + 60_000;
  while (!["completed", "failed", "cancelled", "expired"].includes(batch.status)) {
    assert.ok(Date.now() < until, batch.status);
    await new Promise((done) => setTimeout(done, 50));
    batch = await client.batches.retrieve(batch.id);
  }
  assert.deepEqual([batch.status, batch.request_counts], ["completed", { total: 2, completed: 1, failed: 1 }]);
  const read = async (id) => JSON.parse(await (await client.files.content(id)).text());
  const bad = await read(batch.error_file_id);
  assert.deepEqual([bad.custom_id, bad.response.body.error.code], ["bad", "sensitive_data_detected"]);
  const good = await read(batch.output_file_id);
  assert.deepEqual([good.custom_id, good.response.status_code], ["good", 200]);
  return good.response.body;
}

const rows = {
  async batchChat(model) {
    const settings = { model: model.name, max_tokens: 16, temperature: 0 };
    const answer = await batched("/v1/chat/completions", (text) => ({ ...settings, messages: [{ role: "user", content: text }] }));
    fits(model, answer.choices[0].message.content);
  },
  async batchResponses(model) {
    const settings = { model: model.name, max_output_tokens: 16, temperature: 0 };
    const answer = await batched("/v1/responses", (text) => ({ ...settings, input: text }));
    fits(model, answer.output.at(-1).content[0].text);
  },
  async chatWhole(model) {
    const answer = await chat(model);
    fits(model, answer.choices[0].message.content);
    assert.ok(answer.usage.total_tokens > 0);
  },
  async chatStreamed(model) {
    const answer = await client.chat.completions.stream(chatBody(model, SAID, {})).finalChatCompletion();
    fits(model, answer.choices[0].message.content);
  },
  async chatCall(model) {
    const { message, finish_reason } = (await chat(model, CHAT_TOOLS)).choices[0];
    assert.equal(finish_reason, "tool_calls");
    isCall(message.tool_calls[0].function.name, message.tool_calls[0].function.arguments);
  },
  async chatCallStreamed(model) {
    const runner = client.chat.completions.stream(chatBody(model, SAID, CHAT_TOOLS));
    const [call] = (await runner.finalChatCompletion()).choices[0].message.tool_calls;
    isCall(call.function.name, call.function.arguments);
  },
  async chatBlocked(model) {
    await blocked((more, text) => chat(model, more, text));
  },
  async responsesWhole(model) {
    const response = await respond(model);
    fits(model, response.output_text);
    assert.ok(response.usage.total_tokens > 0);
  },
  async responsesStreamed(model) {
    let text = "";
    const stream = client.responses.stream(responseBody(model, SAID, {}));
    stream.on("response.output_text.delta", ({ delta }) => (text += delta));
    assert.equal((await stream.finalResponse()).output_text, text);
    fits(model, text);
  },
  async responsesCall(model) {
    const [call] = (await respond(model, TOOLS)).output;
    isCall(call.name, call.arguments);
  },
  async responsesCallStreamed(model) {
    const [call] = (await client.responses.stream(responseBody(model, SAID, TOOLS)).finalResponse()).output;
    isCall(call.name, call.arguments);
  },
  async responsesBlocked(model) {
    await blocked((more, text) => respond(model, more, text));
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
