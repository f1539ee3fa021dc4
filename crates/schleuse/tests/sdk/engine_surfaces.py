"""Asks the demonstration model on OpenAI's and Anthropic's newer surfaces, with their own Python SDKs.

    engine_surfaces.py BASE_URL KEY

Whole and streamed: text, a call of a function and its result, an answer held to a schema, a count. Exits 0 when all of
it was as it should be.
"""

import json
import sys

import anthropic
import openai

url, key = sys.argv[1], sys.argv[2]
gpt = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=120)
claude = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=120)
model = gpt.models.list().data[0].id
CAPITAL = "What is the capital of France? Answer in one sentence."
WEATHER = "What is the weather in Ulm, in degrees Celsius?"
# The SDK has no word of its own for it.
COLD = {"extra_body": {"temperature": 0}}
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"enum": ["Ulm", "Bonn"]}, "unit": {"enum": ["c", "f"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "large": {"type": "boolean"}},
    "required": ["city", "large"],
    "additionalProperties": False,
}


def fits(text):
    answer = json.loads(text)
    assert sorted(answer) == ["city", "large"] and answer["city"] in ("Paris", "Rome"), text
    assert isinstance(answer["large"], bool), text


def check_responses():
    asked = dict(model=model, input=CAPITAL, max_output_tokens=40, temperature=0)
    whole = gpt.responses.create(**asked, instructions="You know cities.")
    assert whole.output_text and whole.usage.output_tokens > 3, whole
    whole = gpt.responses.create(**asked)
    assert "Paris" in whole.output_text, whole
    with gpt.responses.stream(**asked) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert stream.get_final_response().output_text == text == whole.output_text, (text, whole.output_text)


def check_responses_with_functions():
    tool = {"type": "function", "name": "weather", "description": "The weather of a city", "parameters": PARAMETERS}
    tool["strict"] = True
    question = [{"role": "user", "content": WEATHER}]
    asked = dict(model=model, tools=[tool], parallel_tool_calls=False, max_output_tokens=200, temperature=0)
    for choice in ["required", {"type": "function", "name": "weather"}]:
        [call] = gpt.responses.create(input=question, tool_choice=choice, **asked).output
        assert (call.type, call.name) == ("function_call", "weather"), call
        assert json.loads(call.arguments)["city"] == "Ulm", call
        with gpt.responses.stream(input=question, tool_choice=choice, **asked) as stream:
            [streamed] = stream.get_final_response().output
        assert (streamed.name, json.loads(streamed.arguments)) == (call.name, json.loads(call.arguments)), streamed
    history = question + [{"type": "function_call", "call_id": call.call_id, "name": "weather", "arguments": call.arguments}]
    history += [{"type": "function_call_output", "call_id": call.call_id, "output": "7 degrees and rain"}]
    assert gpt.responses.create(input=history, **asked).output


def check_responses_with_a_schema():
    form = {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}
    asked = dict(model=model, input=CAPITAL, text=form, max_output_tokens=100, temperature=0)
    whole = gpt.responses.create(**asked)
    fits(whole.output_text)
    with gpt.responses.stream(**asked) as stream:
        assert stream.get_final_response().output_text == whole.output_text


def check_messages():
    asked = dict(model=model, max_tokens=40, messages=[{"role": "user", "content": CAPITAL}], **COLD)
    whole = claude.messages.create(**asked)
    assert "Paris" in whole.content[0].text and whole.usage.output_tokens > 3, whole
    with claude.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == message.content[0].text == whole.content[0].text, (text, whole)
    assert message.usage.input_tokens == whole.usage.input_tokens, (message.usage, whole.usage)
    begun = asked["messages"] + [{"role": "assistant", "content": "The capital of France is"}]
    assert "Paris" in claude.messages.create(**{**asked, "messages": begun}).content[0].text
    short = claude.messages.create(**{**asked, "max_tokens": 2})
    assert short.stop_reason == "max_tokens", short


def check_messages_with_tools():
    tool = {"name": "weather", "description": "The weather of a city", "input_schema": PARAMETERS}
    question = [{"role": "user", "content": WEATHER}]
    asked = dict(model=model, max_tokens=200, tools=[tool], **COLD)
    for choice in [{"type": "any"}, {"type": "tool", "name": "weather"}]:
        choice["disable_parallel_tool_use"] = True
        whole = claude.messages.create(messages=question, tool_choice=choice, **asked)
        [call] = whole.content
        assert (whole.stop_reason, call.type, call.name) == ("tool_use", "tool_use", "weather"), whole
        assert call.input["city"] == "Ulm", call
        with claude.messages.stream(messages=question, tool_choice=choice, **asked) as stream:
            message = stream.get_final_message()
        assert (message.stop_reason, message.content[0].input) == ("tool_use", call.input), message
    history = question + [{"role": "assistant", "content": whole.content}]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "7 degrees and rain"}
    history += [{"role": "user", "content": [result]}]
    assert claude.messages.create(messages=history, **asked).content


def check_messages_with_a_schema():
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    asked = dict(model=model, max_tokens=100, messages=[{"role": "user", "content": CAPITAL}], **COLD)
    whole = claude.messages.create(output_config=form, **asked)
    fits(whole.content[0].text)
    with claude.messages.stream(output_config=form, **asked) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text


def check_count():
    messages = [{"role": "user", "content": CAPITAL}]
    counted = claude.messages.count_tokens(model=model, messages=messages).input_tokens
    used = claude.messages.create(model=model, max_tokens=1, messages=messages).usage.input_tokens
    assert counted == used, (counted, used)
    tool = {"name": "weather", "description": "The weather of a city", "input_schema": PARAMETERS}
    more = claude.messages.count_tokens(model=model, messages=messages, system="Be brief.", tools=[tool]).input_tokens
    assert more > counted, (more, counted)


checks = [check for name, check in list(globals().items()) if name.startswith("check_")]
for check in checks:
    check()
print(len(checks), "checks passed")
