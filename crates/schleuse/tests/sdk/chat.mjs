// Talks to a house with OpenAI's own SDK for Node, as a developer's first program would.
//   chat.mjs BASE_URL KEYS PACKAGE
// KEYS is the `keys` object of the ready file, PACKAGE the package.json of the folder that the SDK is installed in. The
// house has the models `tiny`, which answers, `calling`, which calls a tool, `busy`, which is rate limited, and `dying`,
// which breaks off in the middle of a stream. Exits 0 when everything was as it should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [url, keysText, manifest] = process.argv.slice(2);
const OpenAI = createRequire(manifest)("openai");
const keys = JSON.parse(keysText);
const IBAN = "DE89370400440532013000";
const HELLO = [{ role: "user", content: "Hallo" }];

const client = (apiKey) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 30_000 });
const employee = client(keys.employee);
const ask = (body, options) => employee.chat.completions.create({ model: "tiny", messages: HELLO, ...body }, options);

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const said = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

async function refused(kind, code, promise) {
  const error = await promise.then(
    () => assert.fail(`not refused with ${code}`),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error?.constructor?.name}: ${error}`);
  assert.equal(error.code, code);
  assert.ok(error.type && error.error.next);
  assert.equal(error.error.request_id, error.headers.get("x-schleuse-request-id"));
  return error;
}

const checks = {
  async models() {
    const { data } = await employee.models.list();
    assert.equal(data[0].id, "tiny");
    assert.equal((await employee.models.retrieve("tiny")).id, "tiny");
  },
  async chat() {
    for (const role of ["employee", "engineer", "security", "admin"]) {
      const answer = await client(keys[role]).chat.completions.create({ model: "tiny", messages: HELLO });
      assert.ok(answer.choices[0].message.content);
      assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    }
    const { response } = await ask({}).withResponse();
    assert.ok(response.headers.get("x-schleuse-request-id"));
  },
  async stream() {
    const plain = await collect(await ask({ stream: true }));
    assert.ok(said(plain));
    assert.ok(plain.every((chunk) => chunk.usage === undefined && chunk.choices.length === 1));
    const counted = await collect(await ask({ stream: true, stream_options: { include_usage: true } }));
    const last = counted.pop();
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.total_tokens > 0);
    assert.ok(counted.every((chunk) => chunk.usage === null));
    assert.equal(said(counted), said(plain));
  },
  async leaving() {
    const stream = await ask({ stream: true });
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      break;
    }
  },
  async tools() {
    const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
    const whole = (await ask({ tools, tool_choice: "required" })).choices[0].message;
    assert.ok(whole.tool_calls[0].function.name);
    JSON.parse(whole.tool_calls[0].function.arguments);
    // The SDK's own helper puts the pieces together, and trips over any that do not fit.
    const runner = employee.chat.completions.stream({ model: "calling", messages: HELLO, tools, tool_choice: "required" });
    const { message } = (await runner.finalChatCompletion()).choices[0];
    const { id, function: called } = message.tool_calls[0];
    assert.deepEqual([id, called.name, JSON.parse(called.arguments)], ["call-1", "get_weather", { city: "Köln", days: 2 }]);
    // What the SDK gives back goes in again.
    const answer = { role: "tool", tool_call_id: whole.tool_calls[0].id, content: "sonnig" };
    assert.ok((await ask({ messages: [...HELLO, whole, answer], tools })).choices.length);
  },
  async completions() {
    assert.ok((await employee.completions.create({ model: "tiny", prompt: "Hallo" })).choices[0].text);
    const texts = ["", ""];
    const chunks = await collect(await employee.completions.create({ model: "tiny", prompt: "Hallo", n: 2, stream: true }));
    for (const choice of chunks.flatMap((chunk) => chunk.choices)) texts[choice.index] += choice.text;
    assert.ok(texts.every(Boolean));
  },
  async embeddings() {
    const embed = async (more) => (await employee.embeddings.create({ model: "tiny", input: "Hallo", ...more })).data[0].embedding;
    const plain = await embed({ encoding_format: "float" });
    // The SDK's own default: asked for in base64, unpacked by itself.
    const packed = await embed({});
    assert.ok(plain.length > 3 && packed.length === plain.length);
    assert.equal(typeof (await embed({ encoding_format: "base64" })), "string");
  },
  async errors() {
    const content = `Grüße 😀 ${IBAN}`;
    for (const stream of [false, true]) {
      const error = await refused(OpenAI.PermissionDeniedError, "sensitive_data_detected", ask({ messages: [{ role: "user", content }], stream }));
      assert.equal(error.status, 403);
      assert.equal(error.type, "policy_violation");
      assert.ok(error.message.includes("BLOCKED: Sensitive data detected"));
      const { type, path, start, end } = error.error.findings[0];
      assert.deepEqual([type, path, Buffer.from(content).subarray(start, end).toString()], ["IBAN", "/messages/0/content", IBAN]);
    }
    const auditor = client(keys.auditor);
    await refused(OpenAI.PermissionDeniedError, "access_denied", auditor.chat.completions.create({ model: "tiny", messages: HELLO }));
    await refused(OpenAI.AuthenticationError, "invalid_api_key", client("sk-wrong").models.list());
    await refused(OpenAI.NotFoundError, "model_not_found", ask({ model: "gpt-4o" }));
    const unknown = await refused(OpenAI.BadRequestError, "invalid_request", ask({ temprature: 1 }));
    assert.equal(unknown.param, "temprature");
    await refused(OpenAI.PermissionDeniedError, "no_permitted_route", ask({}, { headers: { "x-schleuse-label": "GEHEIM" } }));
    for (const stream of [false, true]) {
      await assert.rejects(ask({ model: "busy", stream }), (error) => error instanceof OpenAI.RateLimitError && error.headers.get("retry-after") === "7");
    }
    const seen = [];
    const broken = (async () => {
      for await (const chunk of await ask({ model: "dying", stream: true })) seen.push(chunk);
    })();
    await assert.rejects(broken, (error) => error instanceof OpenAI.APIError && error.code === "upstream_failed");
    assert.ok(said(seen).startsWith("Ein Anfang"));
  },
};

for (const check of Object.values(checks)) await check();
console.log(`${Object.keys(checks).length} checks passed`);
