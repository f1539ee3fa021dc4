"""Asks a house for responses with OpenAI's own Python SDK.

    responses.py BASE_URL KEYS

KEYS is the `keys` object of the ready file. The house has the models `tiny`, which answers, `calling`, which calls a
tool, `busy`, which is rate limited, and `dying`, which breaks off in the middle of a stream. Exits 0 when everything
was as it should be.
"""

import json
import sys

import openai

url, keys = sys.argv[1], json.loads(sys.argv[2])
IBAN = "DE89370400440532013000"
TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


def client(key):
    return openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=30)


employee = client(keys["employee"])


def check_response():
    response = employee.responses.create(model="tiny", input="Hallo", instructions="Sei kurz.", max_output_tokens=24)
    assert response.object == "response" and response.output_text, response
    assert response.status in ("completed", "incomplete"), response
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens, response
    assert response.store is False or response.model_extra.get("store") is False, response


def check_stream():
    events = list(employee.responses.create(model="tiny", input="Hallo", stream=True))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type in ("response.completed", "response.incomplete"), events[-1]
    assert events[-1].response.output_text == text


def check_tools():
    with employee.responses.stream(model="calling", input="Hallo", tools=TOOLS, tool_choice="required") as stream:
        for _ in stream:
            pass
        response = stream.get_final_response()
    call = response.output[0]
    assert (call.type, call.call_id, call.name) == ("function_call", "call-1", "get_weather"), call
    assert json.loads(call.arguments) == {"city": "Köln", "days": 2}, call
    whole = employee.responses.create(model="tiny", input="Hallo", tools=TOOLS, tool_choice="required")
    assert any(item.type == "function_call" for item in whole.output), whole
    # What the SDK gives back goes in again.
    history = [{"role": "user", "content": "Hallo"}] + whole.output + response.output
    history += [{"type": "function_call_output", "call_id": call.call_id, "output": "sonnig"}]
    assert employee.responses.create(model="tiny", input=history, store=False).output


def refused(kind, code, ask):
    try:
        ask()
    except kind as error:
        assert error.code == code and error.body["next"], error.body
        return error
    raise AssertionError("not refused with " + code)


def check_refusals():
    for stream in [False, True]:
        error = refused(
            openai.PermissionDeniedError,
            "sensitive_data_detected",
            lambda: employee.responses.create(model="tiny", input="Konto " + IBAN, stream=stream),
        )
        assert error.body["findings"][0]["path"] == "/input", error.body
    for field in ["previous_response_id", "conversation"]:
        error = refused(
            openai.BadRequestError,
            "invalid_request",
            lambda: employee.responses.create(model="tiny", input="Hallo", **{field: "x"}),
        )
        assert error.param == field, error.body
    refused(
        openai.BadRequestError,
        "invalid_request",
        lambda: employee.responses.create(model="tiny", input="Hallo", tools=[{"type": "web_search"}]),
    )
    try:
        employee.responses.create(model="busy", input="Hallo")
        raise AssertionError("not rate limited")
    except openai.RateLimitError as error:
        assert error.response.headers["retry-after"] == "7"


def check_broken_stream():
    text = ""
    try:
        for event in employee.responses.create(model="dying", input="Hallo", stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
    except openai.APIError as error:
        assert error.code == "upstream_failed", error.body
        assert text.startswith("Ein Anfang"), text
        return
    raise AssertionError("a broken stream ended like a whole one: " + text)


checks = [check for name, check in list(globals().items()) if name.startswith("check_")]
for check in checks:
    check()
print(len(checks), "checks passed")
