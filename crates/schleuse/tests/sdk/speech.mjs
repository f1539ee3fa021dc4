// Has speech written down with OpenAI's own SDK for Node.
//   speech.mjs BASE_URL KEY MODELS PACKAGE
// MODELS is a JSON list of `{"name": …, "times": …}`: the models hear what stands as text in a file behind `RIFF`, and those
// with times tell when it was said. A model `deaf` takes no speech. PACKAGE is the package.json of the folder that the SDK is
// installed in. Exits 0 when everything was as it should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [url, apiKey, modelsText, manifest] = process.argv.slice(2);
const OpenAI = createRequire(manifest)("openai");
const models = JSON.parse(modelsText);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
const SAID = "Guten Tag, hier spricht Köln, es ist sechs Uhr.";
const IBAN = "DE89370400440532013000";

const sound = (said) => OpenAI.toFile(Buffer.from(`RIFF${said}`), "speech.wav");
const hear = async ({ name }, more = {}, said = SAID) => client.audio.transcriptions.create({ model: name, file: await sound(said), ...more });

async function refused(kind, code, promise) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof kind, `${error}`);
    if (code) assert.equal(error.code, code);
    return true;
  });
}

const rows = {
  async json(model) {
    const { text, usage } = await hear(model, { language: "de", temperature: 0.2, prompt: "Köln" });
    assert.equal(text, SAID);
    assert.ok(["duration", "tokens"].includes(usage.type));
  },
  async text(model) {
    assert.equal(await hear(model, { response_format: "text" }), `${SAID}\n`);
  },
  async times(model) {
    if (!model.times) return refused(OpenAI.BadRequestError, null, hear(model, { response_format: "srt" }));
    const subtitles = await hear(model, { response_format: "srt" });
    assert.ok(subtitles.startsWith("1\n00:00:00,000 --> 00:00:02,000\nGuten Tag, hier spricht\n\n2\n"), subtitles);
    assert.ok((await hear(model, { response_format: "vtt" })).startsWith("WEBVTT\n\n00:00:00.000 --> "));
    const heard = await hear(model, { response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
    assert.equal(heard.segments.map(({ text }) => text).join("").trim(), SAID);
    assert.deepEqual(heard.words.slice(0, 3).map(({ word }) => word), ["Guten", "Tag", "hier"]);
  },
  async stream(model) {
    const events = [];
    for await (const event of await hear(model, { stream: true })) events.push(event);
    const last = events.pop();
    assert.deepEqual([last.type, last.text], ["transcript.text.done", SAID]);
    assert.equal(events.map(({ delta }) => delta).join(""), SAID);
  },
  async translation({ name }) {
    assert.equal((await client.audio.translations.create({ model: name, file: await sound(SAID) })).text, SAID);
  },
  async blocked(model) {
    const secret = `Das Konto ist ${IBAN.match(/.{1,4}/g).join(" ")}`;
    await refused(OpenAI.PermissionDeniedError, "sensitive_data_detected", hear(model, { prompt: `Konto ${IBAN}` }));
    for (const response_format of ["json", "text", ...(model.times ? ["srt", "vtt", "verbose_json"] : [])]) {
      await refused(OpenAI.PermissionDeniedError, "sensitive_data_detected", hear(model, { response_format }, secret));
    }
    const reading = async () => {
      for await (const event of await hear(model, { stream: true }, secret)) assert.notEqual(event.type, "transcript.text.done");
    };
    await refused(OpenAI.APIError, "sensitive_data_detected", reading());
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
await refused(OpenAI.BadRequestError, "invalid_request", hear({ name: "deaf" }));
console.log(`${Object.keys(rows).length * models.length} cells passed`);
