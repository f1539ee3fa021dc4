"""Talks to a house with OpenAI's own Python SDK, as a developer's first program would.

    chat.py BASE_URL KEYS

KEYS is the `keys` object of the ready file. The house has the models `tiny`, which answers, `calling`, which calls a
tool, `busy`, which is rate limited, and `dying`, which breaks off in the middle of a stream. Exits 0 when everything
was as it should be.
"""

import json
import sys

import openai

url, keys = sys.argv[1], json.loads(sys.argv[2])
IBAN = "DE89370400440532013000"
HELLO = [{"role": "user", "content": "Hallo"}]


def client(key):
    return openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=30)


employee = client(keys["employee"])


def check_models():
    ids = [model.id for model in employee.models.list()]
    assert ids[0] == "tiny", ids
    assert employee.models.retrieve("tiny").id == "tiny"


def check_chat():
    for role in ["employee", "engineer", "security", "admin"]:
        answer = client(keys[role]).chat.completions.create(model="tiny", messages=HELLO)
        assert answer.choices[0].message.content, answer
        assert answer.choices[0].message.role == "assistant", answer
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer
    raw = employee.chat.completions.with_raw_response.create(model="tiny", messages=HELLO)
    assert raw.headers["x-schleuse-request-id"] and raw.headers["x-schleuse-label"] == "INTERNAL"
    assert raw.parse().choices[0].message.content


def check_stream():
    text = ""
    for chunk in employee.chat.completions.create(model="tiny", messages=HELLO, stream=True):
        assert chunk.usage is None, chunk
        text += chunk.choices[0].delta.content or ""
    assert text
    options = {"include_usage": True}
    chunks = list(employee.chat.completions.create(model="tiny", messages=HELLO, stream=True, stream_options=options))
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0, chunks[-1]
    assert all(chunk.usage is None and chunk.choices for chunk in chunks[:-1])
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == text
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]].count(None) == len(chunks) - 2


def check_tools():
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    function = {"name": "get_weather", "description": "The weather.", "parameters": parameters}
    tools = [{"type": "function", "function": function}]
    answer = employee.chat.completions.create(model="tiny", messages=HELLO, tools=tools, tool_choice="required")
    whole = answer.choices[0].message.tool_calls[0]
    assert whole.function.name and whole.id, answer
    json.loads(whole.function.arguments)
    ids, name, arguments = [], "", ""
    for chunk in employee.chat.completions.create(
        model="calling", messages=HELLO, tools=tools, tool_choice="required", stream=True
    ):
        for call in chunk.choices[0].delta.tool_calls or []:
            ids += [call.id] if call.id else []
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert (ids, name) == (["call-1"], "get_weather"), (ids, name)
    assert json.loads(arguments) == {"city": "Köln", "days": 2}, arguments
    # What the SDK gives back goes in again.
    calls = [{"id": whole.id, "type": "function", "function": {"name": name, "arguments": whole.function.arguments}}]
    history = HELLO + [{"role": "assistant", "tool_calls": calls}]
    history += [{"role": "tool", "tool_call_id": whole.id, "content": "sonnig"}] + HELLO
    assert employee.chat.completions.create(model="tiny", messages=history, tools=tools).choices


def check_completions():
    answer = employee.completions.create(model="tiny", prompt="Hallo")
    assert answer.choices[0].text and answer.usage.total_tokens > 0, answer
    texts = ["", ""]
    for chunk in employee.completions.create(model="tiny", prompt="Hallo", n=2, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert all(texts), texts


def check_embeddings():
    plain = employee.embeddings.create(model="tiny", input="Hallo", encoding_format="float").data[0].embedding
    # The SDK's own default: asked for in base64, unpacked by itself.
    packed = employee.embeddings.create(model="tiny", input=["Hallo"]).data[0].embedding
    assert len(plain) == len(packed) > 3 and all(isinstance(number, float) for number in packed)


def refused(kind, code, ask):
    try:
        ask()
    except kind as error:
        assert type(error) is kind, repr(error)
        assert error.code == code, (error.code, error.body)
        assert error.body["request_id"] == error.response.headers["x-schleuse-request-id"], error.body
        assert error.body["next"] and error.type, error.body
        return error
    raise AssertionError(f"not refused with {code}")


def check_errors():
    create = employee.chat.completions.create
    for stream in [False, True]:
        text = [{"role": "user", "content": f"Grüße 😀 {IBAN}"}]
        error = refused(
            openai.PermissionDeniedError,
            "sensitive_data_detected",
            lambda: create(model="tiny", messages=text, stream=stream),
        )
        assert error.status_code == 403 and error.type == "policy_violation"
        assert "BLOCKED: Sensitive data detected" in error.message, error.message
        finding = error.body["findings"][0]
        said = text[0]["content"].encode()[finding["start"] : finding["end"]].decode()
        assert (finding["type"], finding["path"], said) == ("IBAN", "/messages/0/content", IBAN), finding
    auditor = client(keys["auditor"])
    ask = lambda: auditor.chat.completions.create(model="tiny", messages=HELLO)
    refused(openai.PermissionDeniedError, "access_denied", ask)
    assert auditor.models.list().data
    stranger = client("sk-" + "x" * 48)
    refused(openai.AuthenticationError, "invalid_api_key", lambda: stranger.models.list())
    refused(openai.NotFoundError, "model_not_found", lambda: create(model="gpt-4o", messages=HELLO))
    unknown = refused(
        openai.BadRequestError,
        "invalid_request",
        lambda: create(model="tiny", messages=HELLO, extra_body={"temprature": 1}),
    )
    assert unknown.param == "temprature" and "temperature" in unknown.message, unknown.message
    refused(openai.BadRequestError, "invalid_request", lambda: create(model="tiny", messages=HELLO, n=99))
    secret = {"x-schleuse-label": "SECRET"}
    ask = lambda: create(model="tiny", messages=HELLO, extra_headers=secret)
    refused(openai.PermissionDeniedError, "no_permitted_route", ask)
    for stream in [False, True]:
        try:
            create(model="busy", messages=HELLO, stream=stream)
            raise AssertionError("not rate limited")
        except openai.RateLimitError as error:
            assert error.response.headers["retry-after"] == "7"
    said = ""
    try:
        for chunk in create(model="dying", messages=HELLO, stream=True):
            said += chunk.choices[0].delta.content or ""
        raise AssertionError("a stream that broke off ended well")
    except openai.APIError as error:
        assert error.code == "upstream_failed" and error.body["request_id"], error.body
    assert said.startswith("Ein Anfang"), said


checks = [check for name, check in list(globals().items()) if name.startswith("check_")]
for check in checks:
    check()
print(f"{len(checks)} checks passed with openai {openai.__version__}")
