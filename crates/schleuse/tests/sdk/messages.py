"""Talks to a house with Anthropic's own Python SDK.

    messages.py BASE_URL KEYS

KEYS is the `keys` object of the ready file. The house has the models `tiny`, which answers, `calling`, which calls a
tool, `busy`, which is rate limited, and `dying`, which breaks off in the middle of a stream. Exits 0 when everything
was as it should be.
"""

import json
import sys

import anthropic

url, keys = sys.argv[1], json.loads(sys.argv[2])
IBAN = "DE89370400440532013000"
HELLO = [{"role": "user", "content": "Hallo"}]
TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


def client(key):
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=30)


employee = client(keys["employee"])
asked = {"model": "tiny", "max_tokens": 24, "messages": HELLO}


def check_message():
    for role in ["employee", "engineer", "security", "admin"]:
        message = client(keys[role]).messages.create(**asked)
        assert message.type == "message" and message.role == "assistant", message
        assert message.content[0].type == "text" and message.content[0].text, message
        assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0, message
        assert message._request_id == message.id.removeprefix("msg_"), message
        assert message.stop_reason in ("end_turn", "max_tokens"), message
    raw = employee.messages.with_raw_response.create(**asked, system="Sei kurz.")
    assert raw.headers["x-schleuse-request-id"] and raw.headers["x-schleuse-label"] == "INTERNAL"


def check_stream():
    with employee.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text and message.content[0].text == text, message
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0, message
    kinds = [event.type for event in employee.messages.create(**asked, stream=True)]
    assert kinds[:2] == ["message_start", "content_block_start"], kinds
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"], kinds
    assert set(kinds[2:-3]) == {"content_block_delta"}, kinds


def check_tools():
    with employee.messages.stream(
        model="calling", max_tokens=24, messages=HELLO, tools=TOOLS, tool_choice={"type": "any"}
    ) as stream:
        message = stream.get_final_message()
    call = message.content[0]
    assert message.stop_reason == "tool_use" and call.type == "tool_use", message
    assert (call.id, call.name, call.input) == ("call-1", "get_weather", {"city": "Köln", "days": 2}), call
    whole = employee.messages.create(**asked, tools=TOOLS, tool_choice={"type": "any"})
    assert any(block.type == "tool_use" for block in whole.content), whole
    # What the SDK gives back goes in again.
    history = HELLO + [{"role": "assistant", "content": message.content}]
    history += [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sonnig"}]}]
    assert employee.messages.create(model="tiny", max_tokens=24, messages=history, tools=TOOLS).content


def check_count():
    assert employee.messages.count_tokens(model="tiny", messages=HELLO, system="Sei kurz.").input_tokens > 0


def refused(kind, code, ask):
    try:
        ask()
    except kind as error:
        told = error.body["error"]
        assert error.body["type"] == "error" and told["type"], error.body
        assert told["code"] == code and told["next"], error.body
        return error
    raise AssertionError("not refused with " + code)


def check_refusals():
    refused(anthropic.AuthenticationError, "invalid_api_key", lambda: client("sk-nobody").messages.create(**asked))
    secret = {**asked, "messages": [{"role": "user", "content": "Konto " + IBAN}]}
    for stream in [False, True]:
        error = refused(
            anthropic.PermissionDeniedError,
            "sensitive_data_detected",
            lambda: employee.messages.create(**secret, stream=stream),
        )
        told = error.body["error"]
        assert told["message"].startswith("BLOCKED: Sensitive data detected"), told
        assert told["findings"][0]["path"] == "/messages/0/content", told
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    pictured = {**asked, "messages": [{"role": "user", "content": [image]}]}
    refused(anthropic.BadRequestError, "invalid_request", lambda: employee.messages.create(**pictured))
    refused(
        anthropic.NotFoundError, "model_not_found", lambda: employee.messages.create(**{**asked, "model": "nothing"})
    )
    refused(
        anthropic.PermissionDeniedError, "access_denied", lambda: client(keys["auditor"]).messages.create(**asked)
    )
    try:
        employee.messages.create(**{**asked, "model": "busy"})
        raise AssertionError("not rate limited")
    except anthropic.RateLimitError as error:
        assert error.response.headers["retry-after"] == "7"


def check_broken_stream():
    text = ""
    try:
        with employee.messages.stream(**{**asked, "model": "dying"}) as stream:
            for piece in stream.text_stream:
                text += piece
    except anthropic.APIError as error:
        assert error.body["error"]["code"] == "upstream_failed", error.body
        assert text.startswith("Ein Anfang"), text
        return
    raise AssertionError("a broken stream ended like a whole one: " + text)


checks = [check for name, check in list(globals().items()) if name.startswith("check_")]
for check in checks:
    check()
print(len(checks), "checks passed")
