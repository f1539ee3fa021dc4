"""Asks a real vLLM with the official SDK, through a house or directly, and prints one line of JSON for each question.

    python ask.py URL KEY MODEL VLLM-URL [direct]

URL is where questions go; VLLM-URL is the server behind, for looking at its metrics. With `direct` there is no house, and
what only a house does is left out. Exit code 1 if any answer is not as expected.
"""

import json
import re
import sys
import time
import urllib.request

import openai

url, key, model, server = sys.argv[1:5]
has_house = "direct" not in sys.argv[5:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=300)
question = [{"role": "user", "content": "What is a firewall? One sentence."}]
weather = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
failed = 0


def ask(name, run):
    """Runs one question; `run` returns what to tell about the answer and raises when it is not as expected."""
    global failed
    begun = time.monotonic()
    try:
        told, ok = str(run()), True
    except Exception as error:  # whatever went wrong is the result of this row
        told, ok = f"{type(error).__name__}: {error}", False
        failed += 1
    print(json.dumps({"name": name, "ok": ok, "told": told[:200], "ms": round((time.monotonic() - begun) * 1000)}), flush=True)


def chat(**more):
    return client.chat.completions.create(**{"model": model, "messages": question, "max_tokens": 40, "temperature": 0, **more})


def refused(status, run):
    try:
        run()
    except openai.APIStatusError as error:
        assert error.status_code == status, f"status {error.status_code}: {error.message}"
        return f"{status}: {error.message}"
    raise AssertionError("was answered")


def models():
    names = [each.id for each in client.models.list()]
    assert model in names, names
    return ", ".join(names)


def whole():
    answer = chat()
    assert answer.choices[0].message.content and answer.usage.completion_tokens > 0
    return answer.choices[0].message.content


def streamed():
    text, chunks, usages, reason = "", 0, [], None
    for chunk in chat(stream=True, stream_options={"include_usage": True}):
        chunks += 1
        if chunk.usage:
            assert chunk.choices == [], "the usage chunk has choices"
            usages.append(chunk.usage.completion_tokens)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
    assert text and len(usages) == 1 and reason in ("stop", "length"), (usages, reason)
    return f"{chunks} chunks, {usages[0]} LLM tokens, finish {reason}"


def same_text():
    whole_text = chat().choices[0].message.content
    pieces = "".join(c.choices[0].delta.content or "" for c in chat(stream=True) if c.choices)
    assert pieces == whole_text, (pieces, whole_text)
    return f"{len(pieces)} characters, alike"


def completion():
    answer = client.completions.create(model=model, prompt="The capital of France is", max_tokens=8, temperature=0)
    assert "Paris" in answer.choices[0].text
    return answer.choices[0].text.strip()


def tool(**more):
    answer = chat(tools=[weather], tool_choice={"type": "function", "function": {"name": "weather"}}, max_tokens=60, **more)
    call = answer.choices[0].message.tool_calls[0]
    # What a model this small writes into them is its own affair; that they arrive is ours.
    assert call.function.name == "weather" and call.function.arguments, call
    return call.function.arguments


def schema():
    form = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"], "additionalProperties": False}
    answer = chat(
        messages=[{"role": "user", "content": "What is 2 plus 3? JSON."}],
        response_format={"type": "json_schema", "json_schema": {"name": "sum", "schema": form}},
    )
    return json.loads(answer.choices[0].message.content)["answer"]


def several():
    answer = chat(n=3, temperature=0.9, seed=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    return "3 choices"


def logprobs():
    answer = chat(logprobs=True, top_logprobs=2, max_tokens=4)
    rows = answer.choices[0].logprobs.content
    assert rows and all(len(row.top_logprobs) == 2 for row in rows)
    return f"{len(rows)} rows of 2"


def vendor():
    answer = chat(extra_body={"top_k": 1, "min_p": 0.1, "repetition_penalty": 1.05})
    assert answer.choices[0].message.content
    return "top_k, min_p, repetition_penalty"


def choice():
    answer = chat(
        messages=[{"role": "user", "content": "Is water wet?"}], extra_body={"structured_outputs": {"choice": ["yes", "no"]}}
    )
    assert answer.choices[0].message.content in ("yes", "no"), answer.choices[0].message.content
    return answer.choices[0].message.content


def running():
    with urllib.request.urlopen(f"{server}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    return sum(float(value) for value in re.findall(r"^vllm:num_requests_running\{.*\} (\S+)$", text, re.M))


def cancelled():
    stream = chat(stream=True, max_tokens=1500, extra_body={"ignore_eos": True})
    next(iter(stream))
    assert running() == 1
    left = time.monotonic()
    stream.close()
    while running() > 0:
        assert time.monotonic() - left < 5, "the server still works five seconds after the client left"
        time.sleep(0.01)
    return f"idle {round((time.monotonic() - left) * 1000)} ms after the client left"


def blocked():
    try:
        chat(messages=[{"role": "user", "content": "Pay to " + " ".join(["DE89", "3704", "0044", "0532", "0130", "00"])}])
    except openai.PermissionDeniedError as error:
        finding = error.body["findings"][0]
        assert error.body["code"] == "sensitive_data_detected" and finding["type"] == "IBAN", error.body
        return f"{finding['type']} at {finding['path']} {finding['start']}..{finding['end']}"
    raise AssertionError("was answered")


ask("models", models)
ask("chat", whole)
ask("chat, streamed, with usage", streamed)
ask("the same words streamed as whole", same_text)
ask("completion", completion)
ask("named tool", tool)
ask("JSON by schema", schema)
ask("one of several words (structured_outputs)", choice)
ask("three choices", several)
ask("log probabilities", logprobs)
ask("parameters of vLLM's own", vendor)
ask("cancelled", cancelled)
ask("unknown model", lambda: refused(404, lambda: chat(model="no-such-model")))
ask("too many LLM tokens", lambda: refused(400, lambda: chat(max_tokens=100_000)))
if has_house:
    ask("an IBAN", blocked)
    ask("no key", lambda: refused(401, lambda: client.with_options(api_key="sk-none").models.list()))
sys.exit(1 if failed else 0)
