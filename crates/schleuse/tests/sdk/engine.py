"""Chats with the demonstration model through OpenAI's own Python SDK.

    engine.py BASE_URL KEY

Exits 0 when the answer was one.
"""

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
