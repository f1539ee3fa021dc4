"""Chats with the demonstration model through OpenAI's own Python SDK, and has it call a function.

    engine.py BASE_URL KEY

Exits 0 when the answer was one.
"""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=sys.argv[2], max_retries=0, timeout=120)
model = client.models.list().data[0].id
messages = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
answer = client.chat.completions.create(model=model, messages=messages, max_tokens=40, temperature=0)
text = answer.choices[0].message.content
assert "Paris" in text, text
assert answer.usage.completion_tokens > 3, answer
streamed = ""
for chunk in client.chat.completions.create(model=model, messages=messages, max_tokens=40, temperature=0, stream=True):
    streamed += chunk.choices[0].delta.content or ""
assert "Paris" in streamed, streamed
print(text)
weather = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Ulm", "Bonn"]}, "unit": {"enum": ["c", "f"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
question = [{"role": "user", "content": "What is the weather in Ulm, in degrees Celsius?"}]
asked = dict(model=model, messages=question, tools=[weather], parallel_tool_calls=False, max_tokens=200, temperature=0)
called = client.chat.completions.create(tool_choice="required", **asked).choices[0]
assert called.finish_reason == "tool_calls", called
call = called.message.tool_calls[0]
assert (call.function.name, json.loads(call.function.arguments)["city"]) == ("weather", "Ulm"), call
named = {"type": "function", "function": {"name": "weather"}}
name, arguments, reason = "", "", None
for chunk in client.chat.completions.create(tool_choice=named, stream=True, **asked):
    for piece in chunk.choices[0].delta.tool_calls or []:
        name += piece.function.name or ""
        arguments += piece.function.arguments or ""
    reason = chunk.choices[0].finish_reason or reason
assert (name, json.loads(arguments), reason) == ("weather", json.loads(call.function.arguments), "tool_calls"), arguments
history = question + [called.message, {"role": "tool", "tool_call_id": call.id, "content": "7 degrees and rain"}]
answer = client.chat.completions.create(model=model, messages=history, tools=[weather], max_tokens=60, temperature=0)
assert answer.usage.prompt_tokens > 100, answer
