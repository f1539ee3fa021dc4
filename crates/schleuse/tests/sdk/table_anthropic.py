"""Asks models behind every adapter with Anthropic's own Python SDK.

    table_anthropic.py BASE_URL KEY MODELS

MODELS is a JSON list of `{"name": …, "echoes": …, "counts": …}`: a model that echoes says what it was told, and calls a
tool with it as the input `said`; one that counts tells how long a question is. Each model is asked for a text in one piece
and streamed, for a call of a tool in one piece and streamed, for a length, and for what must be blocked. Exits 0 when all
cells were as they should be.
"""

import json
import sys

import anthropic

url, key, models = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = anthropic.Anthropic(
    base_url=url, api_key=key, max_retries=0, timeout=60, default_headers={"x-schleuse-label": "PUBLIC"}
)
# Models of random weights say the same each time; the SDK has no word for it any more.
CALM = {"temperature": 0}
SAID = "Grüße aus Köln"
IBAN = "DE89370400440532013000"
SCHEMA = {
    "type": "object",
    "properties": {"said": {"enum": [SAID]}},
    "required": ["said"],
    "additionalProperties": False,
}
TOOLS = [{"name": "repeat", "description": "Repeats.", "input_schema": SCHEMA}]


def body(model, text=SAID, **more):
    messages = [{"role": "user", "content": text}]
    return dict(model=model["name"], max_tokens=200, extra_body=CALM, system="Kurz.", messages=messages, **more)


def fits(model, text):
    assert text == SAID if model["echoes"] else text, (model, text)


def is_call(model, message):
    assert message.stop_reason == "tool_use", message
    [call] = message.content
    assert (call.type, call.name) == ("tool_use", "repeat"), call
    assert call.input["said"] == SAID, (model, call)


def cell_whole(model):
    message = client.messages.create(**body(model))
    fits(model, message.content[0].text)
    assert message.usage.input_tokens > 0 and message.model == model["name"], message


def cell_streamed(model):
    with client.messages.stream(**body(model)) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert message.content[0].text == text and message.usage.output_tokens > 0, message
    fits(model, text)


def cell_call(model):
    message = client.messages.create(**body(model, tools=TOOLS, tool_choice={"type": "any", "disable_parallel_tool_use": True}))
    is_call(model, message)
    # What came goes in again, with its result.
    result = {"type": "tool_result", "tool_use_id": message.content[0].id, "content": "2"}
    history = [{"role": "user", "content": "Rechne."}, {"role": "assistant", "content": message.content}]
    history += [{"role": "user", "content": [result, {"type": "text", "text": SAID}]}]
    answer = client.messages.create(model=model["name"], max_tokens=16, extra_body=CALM, messages=history, tools=TOOLS)
    # A model of random weights may say nothing at all.
    assert not model["echoes"] or answer.content[0].text == SAID, answer


def cell_call_streamed(model):
    choice = {"type": "tool", "name": "repeat", "disable_parallel_tool_use": True}
    with client.messages.stream(**body(model, tools=TOOLS, tool_choice=choice)) as stream:
        is_call(model, stream.get_final_message())


def cell_count(model):
    asked = dict(model=model["name"], messages=[{"role": "user", "content": SAID}], system="Kurz.")
    try:
        assert client.messages.count_tokens(**asked).input_tokens > 3 and model["counts"]
    except anthropic.BadRequestError as error:
        assert error.body["error"]["param"] == "/v1/messages/count_tokens" and not model["counts"], error.body


def cell_blocked(model):
    for stream in [False, True]:
        try:
            client.messages.create(**body(model, "Konto " + IBAN), stream=stream)
        except anthropic.PermissionDeniedError as error:
            assert error.body["error"]["code"] == "sensitive_data_detected", error.body
        else:
            raise AssertionError("not blocked")


rows = [row for name, row in list(globals().items()) if name.startswith("cell_")]
for model in models:
    for row in rows:
        try:
            row(model)
        except BaseException:
            print("failed:", model["name"], row.__name__, flush=True)
            raise
print(len(rows) * len(models), "cells passed")
