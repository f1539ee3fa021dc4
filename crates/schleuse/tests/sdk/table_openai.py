"""Asks models behind every adapter with OpenAI's own Python SDK, on both of its interfaces for conversations.

    table_openai.py BASE_URL KEY MODELS

MODELS is a JSON list of `{"name": …, "echoes": …}`: a model that echoes says what it was told, and calls a function with
it as the argument `said`. Each model is asked for a text in one piece and streamed, for a call of a function in one piece
and streamed, for what must be blocked, and for a batch of both. Exits 0 when all cells were as they should be.
"""

import json
import sys
import time

import openai

url, key, models = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = openai.OpenAI(
    base_url=url + "/v1", api_key=key, max_retries=0, timeout=60, default_headers={"x-schleuse-label": "PUBLIC"}
)
SAID = "Grüße aus Köln"
IBAN = "DE89370400440532013000"
PARAMETERS = {
    "type": "object",
    "properties": {"said": {"enum": [SAID]}},
    "required": ["said"],
    "additionalProperties": False,
}
FUNCTION = {"name": "repeat", "description": "Repeats.", "parameters": PARAMETERS}


def chat(model, **more):
    messages = [{"role": "system", "content": "Kurz."}, {"role": "user", "content": more.pop("text", SAID)}]
    return client.chat.completions.create(model=model["name"], messages=messages, max_tokens=200, temperature=0, **more)


def responses(model, **more):
    text = more.pop("text", SAID)
    return client.responses.create(
        model=model["name"], instructions="Kurz.", input=text, max_output_tokens=200, temperature=0, **more
    )


def fits(model, text):
    assert text == SAID if model["echoes"] else text, (model, text)


def is_call(model, name, arguments):
    assert name == "repeat", (model, name)
    said = json.loads(arguments)["said"]
    assert said == SAID, (model, arguments)


def chat_whole(model):
    answer = chat(model)
    fits(model, answer.choices[0].message.content)
    assert answer.model == model["name"] and answer.usage.total_tokens > 0, answer


def chat_streamed(model):
    chunks = list(chat(model, stream=True, stream_options={"include_usage": True}))
    fits(model, "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices))
    assert chunks[-1].usage.total_tokens > 0, chunks[-1]


def chat_call(model):
    tools = [{"type": "function", "function": FUNCTION}]
    answer = chat(model, tools=tools, tool_choice="required", parallel_tool_calls=False).choices[0]
    assert answer.finish_reason == "tool_calls", answer
    [call] = answer.message.tool_calls
    is_call(model, call.function.name, call.function.arguments)
    # What came goes in again, with its result.
    messages = [{"role": "user", "content": "Rechne."}, answer.message.to_dict()]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "2"}, {"role": "user", "content": SAID}]
    answer = client.chat.completions.create(model=model["name"], messages=messages, tools=tools, max_tokens=16, temperature=0)
    assert answer.choices[0].message.content == SAID or not model["echoes"], answer


def chat_call_streamed(model):
    name, arguments, reason = "", "", None
    named = {"type": "function", "function": {"name": "repeat"}}
    tools = [{"type": "function", "function": FUNCTION}]
    for chunk in chat(model, tools=tools, tool_choice=named, parallel_tool_calls=False, stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
        reason = chunk.choices[0].finish_reason or reason
    assert reason == "tool_calls", (model, reason)
    is_call(model, name, arguments)


def responses_whole(model):
    response = responses(model)
    fits(model, response.output_text)
    assert response.model == model["name"] and response.usage.total_tokens > 0, response


def responses_streamed(model):
    with client.responses.stream(model=model["name"], input=SAID, max_output_tokens=200, temperature=0) as stream:
        events = list(stream)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    # A model of random weights may go on to its limit.
    ends = ["response.completed"] if model["echoes"] else ["response.completed", "response.incomplete"]
    assert events[-1].type in ends and events[-1].response.output_text == text, events[-1]
    fits(model, text)


def responses_call(model):
    tools = [{"type": "function", "strict": True, **FUNCTION}]
    [call] = responses(model, tools=tools, tool_choice="required", parallel_tool_calls=False).output
    is_call(model, call.name, call.arguments)


def responses_call_streamed(model):
    tools = [{"type": "function", "strict": True, **FUNCTION}]
    asked = dict(model=model["name"], input=SAID, max_output_tokens=200, temperature=0, tools=tools, parallel_tool_calls=False)
    with client.responses.stream(tool_choice={"type": "function", "name": "repeat"}, **asked) as stream:
        [call] = stream.get_final_response().output
    is_call(model, call.name, call.arguments)


def blocked(ask):
    for stream in [False, True]:
        try:
            ask(text="Konto " + IBAN, stream=stream)
        except openai.PermissionDeniedError as error:
            assert error.code == "sensitive_data_detected", error.body
        else:
            raise AssertionError("not blocked")


def chat_blocked(model):
    blocked(lambda **more: chat(model, **more))


def responses_blocked(model):
    blocked(lambda **more: responses(model, **more))


def batch(model, path, body):
    """The answer to a line of its own; a second line, which must be blocked, is in the error file."""
    lines = [{"custom_id": name, "method": "POST", "url": path, "body": body(text)} for name, text in
             [("good", SAID), ("bad", "Konto " + IBAN)]]
    told = "\n".join(json.dumps(line) for line in lines).encode()
    file = client.files.create(file=("fragen.jsonl", told), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=path, completion_window="24h")
    until = time.monotonic() + 60
    while batch.status not in ["completed", "failed", "cancelled", "expired"]:
        assert time.monotonic() < until, batch
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    assert (batch.status, batch.request_counts.completed, batch.request_counts.failed) == ("completed", 1, 1), batch
    [bad] = [json.loads(line) for line in client.files.content(batch.error_file_id).text.splitlines()]
    assert (bad["custom_id"], bad["response"]["body"]["error"]["code"]) == ("bad", "sensitive_data_detected"), bad
    [good] = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    assert (good["custom_id"], good["response"]["status_code"]) == ("good", 200), good
    return good["response"]["body"]


def batch_chat(model):
    answer = batch(model, "/v1/chat/completions", lambda text: {
        "model": model["name"], "messages": [{"role": "user", "content": text}], "max_tokens": 16, "temperature": 0})
    fits(model, answer["choices"][0]["message"]["content"])


def batch_responses(model):
    answer = batch(model, "/v1/responses", lambda text: {
        "model": model["name"], "input": text, "max_output_tokens": 16, "temperature": 0})
    fits(model, answer["output"][-1]["content"][0]["text"])


rows = [row for name, row in list(globals().items()) if name.startswith(("chat_", "responses_", "batch_"))]
for model in models:
    for row in rows:
        try:
            row(model)
        except BaseException:
            print("failed:", model["name"], row.__name__, flush=True)
            raise
print(len(rows) * len(models), "cells passed")
